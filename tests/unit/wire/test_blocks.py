"""Messages of many frames, in two parts."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from support.frames import block_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct
from panoseti_daq.wire.blocks import BlockDecoder, BlockMessage

HEADS = st.builds(
    pb.StreamFramesResponse,
    sequence=st.integers(0, 2**64 - 1),
    first=st.builds(pb.Position, module_id=st.integers(0, 255), file=st.text(max_size=80)),
    frames=st.integers(0, 2**64 - 1),
    gap=st.text(max_size=20),
    detected_unix_ns=st.integers(0, 2**64 - 1),
)


@given(HEADS, st.binary(max_size=300))
def test_a_message_is_what_protobuf_would_make_of_it(head: pb.StreamFramesResponse, data: bytes) -> None:
    whole = pb.StreamFramesResponse()
    whole.CopyFrom(head)
    whole.data = data
    assert pb.StreamFramesResponse.FromString(BlockMessage(head, data).serialize()) == whole


@given(HEADS, st.binary(max_size=300))
def test_both_parts_of_a_message_are_found_again(head: pb.StreamFramesResponse, data: bytes) -> None:
    parsed = BlockMessage.parse(BlockMessage(head, data).serialize())
    assert (parsed.head, bytes(parsed.data)) == (head, data)


def test_frames_are_not_copied() -> None:
    message = BlockMessage(pb.StreamFramesResponse(sequence=3), b"x" * 1000).serialize()
    data = BlockMessage.parse(message).data
    assert isinstance(data, memoryview) and data.obj is message


def test_frames_that_do_not_stand_last_are_found() -> None:
    """Protobuf lets a sender write fields in any order."""
    first, second = pb.StreamFramesResponse(data=b"frames"), pb.StreamFramesResponse(sequence=5, gap="later")
    parsed = BlockMessage.parse(first.SerializeToString() + second.SerializeToString())
    assert (parsed.data, parsed.head.sequence, parsed.head.gap) == (b"frames", 5, "later")


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_decode_error(garbage: bytes) -> None:
    try:
        parsed = BlockMessage.parse(garbage)
    except DecodeError:
        return
    assert parsed.head == pb.StreamFramesResponse.FromString(parsed.head.SerializeToString())


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_message_that_was_cut_is_a_decode_error(cut: int) -> None:
    message = BlockMessage(pb.StreamFramesResponse(sequence=3), b"x" * 1000).serialize()
    with pytest.raises(DecodeError):
        BlockMessage.parse(message[:-cut])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("run", "../../outside"),
        ("run", ".."),
        ("run", "/etc"),
        ("run", ""),
        ("file", "../start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff"),
        ("file", ".bashrc"),
        ("file", ""),
        ("file", "x" * 300),
        ("product", "img32"),
        ("module_id", 256),
    ],
)
@pytest.mark.parametrize("gap", ["", "gone"])
def test_what_a_server_names_stays_a_name(field: str, value: Any, gap: str) -> None:
    # odd night 19
    block = block_of(DataProduct.IMG16, 1)
    first = pb.Position(module_id=1, product="img16", run="obs_T.runtype_x.pffd", file=block.file)
    setattr(first, field, value)
    message = BlockMessage(pb.StreamFramesResponse(first=first, frames=1, gap=gap), bytes(block.data))
    if gap and value == "":
        return  # of a gap that is more than a file
    with pytest.raises(PffError):
        BlockDecoder()(message, "daq1")
