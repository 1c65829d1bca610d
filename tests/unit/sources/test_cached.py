"""First blocks, and those that are read without waiting for a disk, which are what would be read otherwise."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, frame_bytes, wider

from panoseti_daq.pff import Begin, DataProduct, Gap, Selection, Stretch
from panoseti_daq.pff.room import read_cached
from panoseti_daq.sources.cursor import Cursor
from panoseti_daq.sources.reader import FrameReader
from panoseti_daq.sources.roomy import FIRST_BYTES
from panoseti_daq.wire.blocks import BlockMessage, write_item

PH256 = DataProduct.PH256
RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
FRAME_BYTES = len(frame_bytes(PH256))
N_FRAMES = 40
Read = tuple[str, int, bytes] | Gap


def frames(first: int, n: int) -> bytes:
    return b"".join(frame_bytes(PH256, number) for number in range(first, first + n))


def file_of(module_dir: Path, seqno: int, content: bytes) -> Path:
    path = module_dir / RUN / f"start_2026-01-01T00:00:0{seqno}Z.dp_ph256.bpp_2.module_1.seqno_{seqno}.pff"
    append(path, content)
    return path


def skip_unless_known(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        if not read_cached(fd, bytearray(1), 0):
            pytest.skip("this file system does not say what it has in memory")
    finally:
        os.close(fd)


def as_read(item: Stretch | Gap) -> list[Read]:
    """Each frame apart: blocks may have other lengths."""
    if isinstance(item, Gap):
        return [item]
    data, first = bytes(item.block.data), item.first
    size = item.block.layout.frame_size_bytes
    return [(first.file, first.frame_number + i, data[i * size :][:size]) for i in range(len(item.block))]


def read_all(cursor: Cursor, *, cached: bool) -> tuple[list[Read], int]:
    found: list[Read] = []
    n_cached = 0
    while True:
        item: Stretch | Gap | None = cursor.read_cached() if cached else None
        n_cached += item is not None
        if item is None and (item := cursor.read()) is None:
            cursor.close()
            return found, n_cached
        found += as_read(item)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(frames(0, N_FRAMES), id="whole"),
        pytest.param(frames(0, N_FRAMES)[:-100], id="a part at the end"),
        pytest.param(frames(0, 20) + bytes(FRAME_BYTES) + frames(21, 20), id="damaged"),
        pytest.param(frames(0, 20) + frames(20, 1)[:300] + frames(21, 20), id="torn"),
        pytest.param(frames(0, 20) + wider(frame_bytes(PH256, 20), 2) + frames(21, 20), id="wider"),
    ],
)
def test_frames_and_gaps_are_the_same(tmp_path: Path, content: bytes) -> None:
    path = file_of(tmp_path, 0, content)
    file_of(tmp_path, 1, frames(0, 10))
    expected, _ = read_all(Cursor(tmp_path, 1, PH256, block_bytes=3 * FRAME_BYTES), cached=False)
    found, n_cached = read_all(Cursor(tmp_path, 1, PH256, block_bytes=3 * FRAME_BYTES), cached=True)
    assert found == expected
    skip_unless_known(path)
    assert n_cached > 5


def test_a_look_that_is_due_comes_first(tmp_path: Path) -> None:
    file_of(tmp_path, 0, frames(0, N_FRAMES))
    cursor = Cursor(tmp_path, 1, PH256, block_bytes=3 * FRAME_BYTES, look_ahead_every_s=0)
    assert cursor.read() is not None
    assert cursor.read_cached() is None
    cursor.close()


def test_messages_of_memory_that_is_used_again_stay_as_they_are(tmp_path: Path) -> None:
    path = file_of(tmp_path / "module_1", 0, frames(0, 20_000))
    with closing(FrameReader(tmp_path, Selection(), Begin(0), lambda: {1: RUN})) as reader:
        messages = [write_item(item, 0).serialize() for item in reader.read(None)]
        n_cached = 0
        while items := (reader.is_cached() and reader.read_cached()) or reader.read({}):
            messages += [write_item(item, 0).serialize() for item in items]
            n_cached += reader.is_cached()
    data = path.read_bytes()
    assert reader._used is None  # nothing is held while nothing comes
    assert b"".join(bytes(BlockMessage.parse(message).data) for message in messages) == data
    skip_unless_known(path)
    assert n_cached > 1


def test_nothing_is_read_after_the_end(tmp_path: Path) -> None:
    file_of(tmp_path / "module_1", 0, frames(0, 20_000))
    reader = FrameReader(tmp_path, Selection(), Begin(0), lambda: {1: RUN})
    reader.read(None)
    reader.close()
    assert not reader.is_cached()
    assert reader.read_cached() == []


def test_what_cannot_say_what_it_has_in_memory_has_nothing_there(tmp_path: Path) -> None:
    readable, writable = os.pipe()
    assert read_cached(readable, bytearray(1), 0) == 0
    os.close(readable)
    os.close(writable)


def test_a_python_without_the_flag_finds_nothing_in_memory(tmp_path: Path) -> None:
    path = file_of(tmp_path, 0, frames(0, 1))
    fd = os.open(path, os.O_RDONLY)
    assert read_cached(fd, bytearray(1), 0, nowait=None) == 0
    os.close(fd)


def test_at_first_each_module_has_one_small_block(tmp_path: Path) -> None:
    for module_id in (1, 2):
        path = file_of(tmp_path / f"module_{module_id}", 0, frames(0, 1000))
        path.rename(path.with_name(path.name.replace("module_1", f"module_{module_id}")))
    with closing(FrameReader(tmp_path, Selection(), Begin(0), lambda: {1: RUN, 2: RUN})) as reader:
        first, second = ([item for item in reader.read(None) if isinstance(item, Stretch)] for _ in range(2))
    assert [item.first.module_id for item in first] == [1, 2]
    assert {len(item.block.data) // 1000 for item in first} == {FIRST_BYTES // 1000}
    assert sum(len(item.block) for item in [*first, *second]) == 2000
