"""The wire as it is frozen in proto/frozen.txt."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from support.descriptors import changed, described, main

from panoseti_daq._proto import daq_data_pb2 as pb


@pytest.fixture
def wire() -> FileDescriptorProto:
    return FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)


def check(directory: Path, file: FileDescriptorProto) -> None:
    binary = directory / "daq_data.binpb"
    binary.write_bytes(FileDescriptorSet(file=[file]).SerializeToString())
    main(binary, directory / "frozen.txt")


@pytest.mark.parametrize(
    "line",
    [
        "PanoImage.image_array = 3 repeated uint32",
        "PanoImage.header = 2 .google.protobuf.Struct",
        "PanoImage.Type.MOVIE = 2",
        "KeyStatus.quabo = 3 optional uint32",
        "KeyStatus.QualityEntry.value = 2 uint64",
        "DaqData.Status(.google.protobuf.Empty) .daqdata.StatusResponse",
        "DaqData.StreamImages(.daqdata.StreamImagesRequest) stream .daqdata.StreamImagesResponse",
    ],
)
def test_fields_values_and_calls_have_a_line_each(wire: FileDescriptorProto, line: str) -> None:
    assert line in described(wire)


def test_a_field_that_gets_another_number_type_or_name_or_is_removed_is_noticed(wire: FileDescriptorProto) -> None:
    before = described(wire)
    image, *_ = wire.message_type
    renumbered, retyped, renamed, *_, removed = image.field
    renumbered.number = 200
    retyped.ClearField("type_name")
    retyped.type = FieldDescriptorProto.TYPE_BYTES
    renamed.name = "pixel_array"
    image.field.remove(removed)
    assert changed(before, described(wire)) == [
        "PanoImage.header = 2 .google.protobuf.Struct",
        "PanoImage.image_array = 3 repeated uint32",
        f"PanoImage.{removed.name} = {removed.number} .daqdata.Product",
        "PanoImage.type = 1 .daqdata.PanoImage.Type",
    ]


def test_what_is_new_is_added_and_what_is_gone_fails(tmp_path: Path, wire: FileDescriptorProto) -> None:
    frozen = tmp_path / "frozen.txt"
    frozen.touch()
    with pytest.raises(SystemExit, match="commit it"):
        check(tmp_path, wire)
    check(tmp_path, wire)
    del wire.message_type[0].field[0]
    text = frozen.read_text()
    with pytest.raises(SystemExit, match=r"no longer true:\nPanoImage.type = 1"):
        check(tmp_path, wire)
    assert frozen.read_text() == text
