"""Messages that no server of ours sends end in one line: unreadable, incomplete, absurd."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf.message import Message
from support.rig import RUN, recording, run_command, serving

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Gap

FILE: Final = "start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff"
PLACE: Final = pb.Position(module_id=1, product="img16", run=RUN, file=FILE)
LAST: Final = pb.Position(module_id=1, product="img16", run=RUN, file=FILE, frame_number=2**64 - 1)
OUTSIDE: Final = pb.Position(module_id=2**32 - 1, product="no", run="../../x", file="/etc/passwd")
JUNK: Final = b"\xff" * 50


class Hostile(grpc.GenericRpcHandler):
    """Answers calls with bytes."""

    def __init__(self, unary: Mapping[str, bytes], streams: Mapping[str, Sequence[bytes]]) -> None:
        self._unary = {"Ping": b"", **unary}
        self._streams = streams

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        name = handler_call_details.method.rpartition("/")[2]
        if name in self._streams:
            return grpc.unary_stream_rpc_method_handler(lambda request, context: iter(self._streams[name]))
        if name in self._unary:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: self._unary[name])
        return None


@contextmanager
def hostile(unary: Mapping[str, bytes] = {}, **streams: Sequence[bytes]) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((Hostile(unary, streams),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield address
    finally:
        server.stop(None).wait()


def _block(first: pb.Position, data: bytes = b"", **fields: Any) -> bytes:
    return pb.StreamFramesResponse(first=first, data=data, **fields).SerializeToString()


# odd night 82
@pytest.mark.parametrize(
    ("block", "says"),
    [
        (JUNK, "cannot be read"),
        (_block(PLACE, b"x" * 9000, frames=4)[:-100], "cannot be read"),
        (_block(PLACE, b"x" * 2000, frames=2**32 - 1), "without one whole img16 header"),
        (_block(PLACE, frames=7), "without one whole img16 header"),
        (_block(LAST, b"x" * 2000, frames=7), "without one whole img16 header"),
        (_block(OUTSIDE), "not the name of a run"),
        (_block(OUTSIDE, gap="\x1b[2J"), "not the name of a run"),
    ],
    ids=["junk", "cut", "too many", "none", "last number", "position outside", "gap outside"],
)
def test_record_ends_with_one_line(block: bytes, says: str, tmp_path: Path) -> None:
    with hostile(StreamFrames=[block]) as address:
        done = run_command("record", tmp_path / "out", "--host", address, "--duration", 20)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert not list((tmp_path / "out").iterdir())


# odd night 82
@pytest.mark.parametrize(
    "image",
    [
        JUNK,
        pb.StreamImagesResponse(pano_image=pb.PanoImage(product=pb.IMG8, pixels=b"x")).SerializeToString(),
        pb.StreamImagesResponse(
            pano_image=pb.PanoImage(product=pb.IMG8, pixels=bytes(1024), header_json="[" * 100_000)
        ).SerializeToString(),
    ],
    ids=["junk", "too short", "nested header"],
)
def test_stream_ends_with_one_line(image: bytes) -> None:
    with hostile(StreamImages=[image]) as address:
        done = run_command("stream", "--json", "--host", address, "--duration", 20)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"panoseti-daq: {address}: ")


# odd night 82
@pytest.mark.parametrize("arguments", [("status",), ("status", "--json"), ("hosts",)], ids=" ".join)
def test_a_status_that_cannot_be_read_is_told(arguments: tuple[str, ...]) -> None:
    with hostile({"Status": JUNK}) as address:
        done = run_command(*arguments, "--host", address)
    assert "Traceback" not in done.stderr
    assert "it sent what cannot be read" in done.stdout + done.stderr


def _fill(message: Message, number: float) -> None:
    """Give every field of a message, and of those within, the most absurd value of its type."""
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type is not None:
            inner = getattr(message, field.name)
            _fill(inner.add() if field.is_repeated else inner, number)
            continue
        values = {
            field.CPPTYPE_STRING: b"\xff" if field.type == field.TYPE_BYTES else "\x1b[2J\n",
            field.CPPTYPE_BOOL: True,
            field.CPPTYPE_DOUBLE: number,
            field.CPPTYPE_FLOAT: number,
            field.CPPTYPE_UINT64: 2**64 - 1,
            field.CPPTYPE_INT64: -(2**63),
            field.CPPTYPE_UINT32: 2**32 - 1,
            field.CPPTYPE_INT32: -(2**31),
            field.CPPTYPE_ENUM: 2**31 - 1,
        }
        value = values[field.cpp_type]
        if field.is_repeated:
            getattr(message, field.name).append(value)
        else:
            setattr(message, field.name, value)


# odd night 82
@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), 1e300])
def test_a_status_of_absurd_values_is_shown(number: float) -> None:
    status = pb.StatusResponse()
    _fill(status, number)
    with hostile({"Status": status.SerializeToString()}) as address:
        for arguments in (("status",), ("status", "--json"), ("hosts",)):
            done = run_command(*arguments, "--host", address)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert "\x1b" not in done.stdout
            assert "--json" not in arguments or not {"NaN", "Infinity"} & set(re.findall(r"\w+", done.stdout))


# odd night 82
@pytest.mark.anyio
async def test_a_resume_token_of_another_host_is_no_silent_now(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 50)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            stream = client.stream_blocks(since="run")
            block = await anext(stream)
            assert not isinstance(block, Gap)
            for run, file, number, first in (
                (block.run, block.file, 20, 20),  # the same files, reached by another name
                (block.run, "", 0, 0),
            ):
                token = json.dumps({"elsewhere:1": [[1, "img16", run, file, number]]})
                item = await anext(client.stream_blocks(resume=token))
                assert not isinstance(item, Gap)
                assert item.first_frame_number == first
            other = block.file.replace("start_20", "start_19")
            token = json.dumps({"elsewhere:1": [[1, "img16", block.run, other, 3]]})
            item = await anext(client.stream_blocks(resume=token))
            assert isinstance(item, Gap) and item.first.file == other
            token = json.dumps({"elsewhere:1": [[9, "img16", block.run, "", 0]]})  # none of its modules is here
            item = await anext(client.stream_blocks(resume=token))
            assert not isinstance(item, Gap)
            assert item.first_frame_number == 0
