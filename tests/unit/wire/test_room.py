"""Messages of frames that were read with room for their head."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, frame_bytes
from support.run_files import file_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct, Stretch
from panoseti_daq.pff.room import ROOM_BYTES, Room
from panoseti_daq.sources.cursor import Cursor
from panoseti_daq.wire.blocks import BlockMessage, write_item

IMG16 = DataProduct.IMG16
CONTENT = bytes(range(256)) * 4096


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def read(fd: int, n_bytes: int, offset: int) -> Room:
    room = Room.read(fd, n_bytes, offset)
    assert room is not None
    return room


@pytest.mark.parametrize("run", ["", "short", "x" * 100, "x" * 400, "x" * 1000])
def test_a_message_with_room_says_what_one_without_does(fd: int, run: str) -> None:
    head = pb.StreamFramesResponse(sequence=2**40, frames=3, first=pb.Position(run=run), detected_unix_ns=7)
    room = read(fd, 5000, 1000)
    message = BlockMessage(head, room.data[:], room).serialize()
    expected = pb.StreamFramesResponse()
    expected.CopyFrom(head)
    expected.data = CONTENT[1000:6000]
    assert pb.StreamFramesResponse.FromString(message) == expected
    parsed = BlockMessage.parse(message)
    assert (parsed.head, bytes(parsed.data)) == (head, CONTENT[1000:6000])


def test_frames_with_room_are_not_copied_again(fd: int) -> None:
    tracemalloc.start()
    try:
        room = read(fd, 500_000, 1000)
        message = BlockMessage(pb.StreamFramesResponse(), room.data[:], room).serialize()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(message) == 500_000 + ROOM_BYTES
    assert peak < 600_000


def test_who_still_looks_at_the_frames_sees_them_as_they_are(fd: int) -> None:
    room = read(fd, 5000, 1000)
    view = memoryview(room.data)
    message = BlockMessage(pb.StreamFramesResponse(), room.data[:], room).serialize()
    assert bytes(view) == message[ROOM_BYTES:] == CONTENT[1000:6000]


@pytest.mark.parametrize("part", [slice(0, 1000), slice(1000, None)])
def test_a_part_of_the_frames_is_sent_without_the_others(fd: int, part: slice) -> None:
    room = read(fd, 5000, 1000)
    message = BlockMessage(pb.StreamFramesResponse(), room.data[part], room).serialize()
    assert pb.StreamFramesResponse.FromString(message).data == CONTENT[1000:6000][part]


@pytest.mark.parametrize(
    ("offset", "n_bytes"), [(len(CONTENT) - 100, 100), (len(CONTENT), 0), (2 * len(CONTENT), 0)]
)
def test_a_file_may_end_before(fd: int, offset: int, n_bytes: int) -> None:
    assert len(read(fd, 5000, offset).data) == n_bytes


def test_a_cursor_reads_with_room_all_but_the_beginning_of_a_file(tmp_path: Path) -> None:
    frames = [frame_bytes(IMG16, i) for i in range(20)]
    append(file_of(tmp_path), b"".join(frames))
    sent: list[pb.StreamFramesResponse] = []
    with closing(Cursor(tmp_path / "module_1", 1, IMG16, block_bytes=6 * len(frames[0]))) as cursor:
        while isinstance(item := cursor.read(), Stretch):
            assert (item.room is None) is (item.first.frame_number == 0)
            sent.append(pb.StreamFramesResponse.FromString(write_item(item, len(sent)).serialize()))
    assert [(m.first.frame_number, m.frames) for m in sent] == [(0, 6), (6, 6), (12, 6), (18, 2)]
    assert b"".join(m.data for m in sent) == b"".join(frames)
