"""Our messages beside a generated module that registers the same names, as that of panoseti-grpc does."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from panoseti_daq._proto import daq_data_pb2 as pb

OURS: Final = "from panoseti_daq._proto import daq_data_pb2 as ours; import panoseti_daq.service.server"
THEIRS: Final = """\
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory, struct_pb2, timestamp_pb2
file = descriptor_pb2.FileDescriptorProto.FromString(Path({binary!r}).read_bytes())
descriptor_pool.Default().Add(file)
found = descriptor_pool.Default().FindMessageTypeByName("daqdata.PanoImage")
theirs = message_factory.GetMessageClass(found)"""
TALK: Final = """\
image = ours.PanoImage(module_id=7, header={"quabo_num": 1})
assert theirs.FromString(image.SerializeToString()).header["quabo_num"] == 1
assert type(image) is not theirs"""


@pytest.fixture
def theirs(tmp_path: Path) -> str:
    """Code that makes messages of our names in the default pool."""
    binary = tmp_path / "daq_data.binpb"
    binary.write_bytes(pb.DESCRIPTOR.serialized_pb)
    return THEIRS.format(binary=str(binary))


@pytest.mark.parametrize("ours_first", [True, False])
def test_both_live_in_one_process_whichever_is_imported_first(theirs: str, ours_first: bool) -> None:
    parts = [OURS, theirs] if ours_first else [theirs, OURS]
    code = "\n".join(["from pathlib import Path", *parts, TALK])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_well_known_types_are_what_they_are_elsewhere() -> None:
    response = pb.StreamImagesResponse(name="a")
    response.timestamp.FromNanoseconds(1_500_000_000)
    response.pano_image.header.update({"quabo_0": {"pkt_num": 3}})
    as_json = MessageToDict(response)
    assert as_json["timestamp"] == "1970-01-01T00:00:01.500Z"
    assert as_json["panoImage"] == {"header": {"quabo_0": {"pkt_num": 3}}}
    assert ParseDict(as_json, pb.StreamImagesResponse()) == response


def test_every_enum_value_has_its_name_in_the_module() -> None:
    names = {name: number for enum in (pb.Product, pb.TimeStatus, pb.Encoding) for name, number in enum.items()}
    assert {name: getattr(pb, name) for name in names} == names


def test_a_message_can_be_pickled() -> None:
    image = pb.PanoImage(module_id=7)
    assert pickle.loads(pickle.dumps(image)) == image
