"""Frames of another length, zeros at the end of a file, and files that are replaced: odd nights of the sources."""

from __future__ import annotations

import gc
import os
import tracemalloc
import weakref
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, frame_bytes, wider
from support.run_files import FRAME, IMG16, PH256, RUN, file_of, frames, look

from panoseti_daq.pff import Begin, DataProduct, Gap, PffName, Position, Selection, Stretch
from panoseti_daq.sources.cursor import Cursor, position_in_run
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.reader import ALL_BATCHES_BYTES, BATCH_BYTES, FrameReader, batch_bytes
from panoseti_daq.sources.tail import Tail


def written(path: Path, parts: list[bytes], *, one_by_one: bool) -> list[int | str]:
    """Numbers of the frames, and the reasons of the gaps, of a file that is read while it grows."""
    cursor = Cursor(path.parent.parent, 1, PffName.parse(path.name).product)
    found: list[int | str] = []
    for part in parts if one_by_one else [b"".join(parts)]:
        append(path, part)
        items: list[Stretch | Gap] = list(iter(cursor.read, None))
        for item in items:
            if isinstance(item, Gap):
                found.append(item.reason)
            else:
                found += [item.first.frame_number + i for i in range(len(item.block))]
    cursor.close()
    return found


# odd night 10 and 11
@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize(
    ("product", "n", "odd", "by"),
    [(IMG16, 100, 50, 4), (IMG16, 10, 3, -1), (IMG16, 10, 9, 4), (IMG16, 10, 8, 1), (PH256, 20, 9, 1)],
)
def test_frame_of_another_length_is_delivered_and_no_number_repeats(
    tmp_path: Path, product: DataProduct, n: int, odd: int, by: int, one_by_one: bool
) -> None:
    parts = [frame_bytes(product, i) for i in range(n)]
    parts[odd] = wider(parts[odd], by)
    assert written(file_of(tmp_path, product=product), parts, one_by_one=one_by_one) == list(range(n))


# odd night 12
@pytest.mark.parametrize("one_by_one", [False, True])
def test_headers_of_varying_width_are_followed(tmp_path: Path, one_by_one: bool) -> None:
    parts = [wider(frame_bytes(IMG16, i), i % 4) for i in range(40)]
    assert written(file_of(tmp_path), parts, one_by_one=one_by_one) == list(range(40))


# odd night 10 and 12
@pytest.mark.parametrize("by", [[4], [-1], [0, 1, 2, 3]])
@pytest.mark.parametrize("number", [0, 1, 2000, 2500, 2999, 3000])
def test_reading_continues_at_the_same_frame_of_an_uneven_file(tmp_path: Path, by: list[int], number: int) -> None:
    path = file_of(tmp_path)
    parts = [frame_bytes(IMG16, i) for i in range(3000)]
    odd = range(len(parts)) if len(by) > 1 else [1000]
    for i in odd:
        parts[i] = wider(parts[i], by[i % len(by)])
    append(path, b"".join(parts))
    at = Position(1, IMG16, RUN, path.name, number)
    with closing(Cursor(tmp_path / "module_1", 1, IMG16, at=at)) as cursor:
        append(path, frame_bytes(IMG16, 3000))
        items = list(iter(cursor.read, None))
    assert all(isinstance(item, Stretch) for item in items)
    came = [frame.header.pkt_num[0] for item in items if isinstance(item, Stretch) for frame in item.block]
    assert came == list(range(number, 3001))
    now = position_in_run(tmp_path / "module_1", RUN, 1, IMG16)
    assert now is not None
    assert now.frame_number == 3001


# odd night 13
@pytest.mark.parametrize("n_zeros", [100, len(FRAME), 3 * len(FRAME) + 100])
def test_newest_image_stands_before_the_zeros_that_a_power_failure_left(
    tmp_path: Path, files: RunFiles, n_zeros: int
) -> None:
    append(file_of(tmp_path), frames(0, 1, 2) + bytes(n_zeros))
    assert [frame.header.pkt_num[0] for block in look(files) for frame in block] == [2]


# odd night 18
def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    for module_id in range(40):
        append(file_of(tmp_path, module_id), FRAME)
        append(file_of(tmp_path, module_id, seqno=1), FRAME)
    with closing(RunFiles(tmp_path)) as files:
        files._tails._n_most_open = 8  # as with 64 descriptors
        assert len(look(files)) == 40
        opened = [target for target in map(_target, Path("/proc/self/fd").iterdir()) if str(tmp_path) in target]
        assert len(opened) == 8
        append(file_of(tmp_path, 0, seqno=1), FRAME)
        assert [block.module_id for block in look(files)] == [0]


def _target(link: Path) -> str:
    return os.readlink(link) if link.is_symlink() else ""


# odd night 69
def test_time_in_a_file_that_shrinks_is_no_fault(tmp_path: Path) -> None:
    append(file_of(tmp_path), frames(0, 1, 2))
    os.truncate(file_of(tmp_path), len(FRAME) + 10)
    assert position_in_run(tmp_path / "module_1", RUN, 1, IMG16, since_ns=1) is not None


# odd night 67
def test_file_replaced_by_rename_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = file_of(tmp_path)
    append(path, frames(0, 1))
    with closing(Cursor(tmp_path / "module_1", 1, IMG16)) as cursor:
        assert len([item for item in iter(cursor.read, None) if isinstance(item, Stretch)]) == 1
        append(path.with_suffix(".new"), frames(5, 6, 7))
        path.with_suffix(".new").rename(path)
        gap, stretch = iter(cursor.read, None)
        assert isinstance(gap, Gap)
        assert gap.reason == "the file was replaced by another one of its name"
        assert isinstance(stretch, Stretch)
        assert (stretch.first.frame_number, len(stretch.block)) == (0, 3)


# odd night 71
def test_pipe_named_like_a_file_is_not_waited_for(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    os.mkfifo(file_of(tmp_path, product=PH256))
    assert len(look(files)) == 1


# odd night 80
def test_position_beyond_the_end_does_not_deliver_the_file_again(tmp_path: Path) -> None:
    append(file_of(tmp_path), frames(0, 1))
    at = Position(1, IMG16, RUN, file_of(tmp_path).name, 100)
    with closing(Cursor(tmp_path / "module_1", 1, IMG16, at=at)) as cursor:
        (gap,) = iter(cursor.read, None)
        assert isinstance(gap, Gap)
        assert (gap.first.frame_number, gap.n_frames) == (2, 98)
        append(file_of(tmp_path), frames(2))
        (stretch,) = iter(cursor.read, None)
        assert isinstance(stretch, Stretch)
        assert (stretch.first.frame_number, len(stretch.block)) == (2, 1)


# odd night 80
@pytest.mark.parametrize("n_again", [0, 3, 5, 9])
@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("is_resumed", [False, True])
def test_truncate_and_append_loses_no_frame_and_the_gap_is_exact(
    tmp_path: Path, n_again: int, one_by_one: bool, is_resumed: bool
) -> None:
    path = file_of(tmp_path)
    append(path, frames(*range(10)))
    at = Position(1, IMG16, RUN, path.name, 10) if is_resumed else None
    with closing(Cursor(tmp_path / "module_1", 1, IMG16, at=at)) as cursor:
        list(iter(cursor.read, None))
        os.truncate(path, 5 * len(FRAME) + 100)  # and a part of a frame
        os.truncate(path, 5 * len(FRAME))
        items: list[Stretch | Gap] = list(iter(cursor.read, None)) if one_by_one else []
        append(path, frames(*range(20, 20 + n_again)))
        items += iter(cursor.read, None)
    gap, *rest = items
    assert isinstance(gap, Gap)
    assert (gap.first.frame_number, gap.n_frames) == (5, 5)
    assert all(isinstance(item, Stretch) for item in rest)
    came = [frame for item in rest if isinstance(item, Stretch) for frame in item.block]
    assert [frame.frame_number for frame in came] == list(range(5, 5 + n_again))
    assert [frame.header.pkt_num[0] for frame in came] == list(range(20, 20 + n_again))


# odd night 81
def test_gap_says_nothing_of_what_another_file_holds(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password")
    file_of(tmp_path).parent.mkdir(parents=True)
    file_of(tmp_path).symlink_to(secret)
    with closing(Cursor(tmp_path / "module_1", 1, IMG16)) as cursor:
        gap = cursor.read()
    assert isinstance(gap, Gap)
    assert "password" not in gap.reason


def test_tail_numbers_frames_in_order(path: Path, tail: Tail) -> None:
    append(path, frames(0) + wider(frames(1), 3) + frames(2))
    assert [frame.frame_number for block in tail.read() for frame in block] == [0, 1, 2]


# odd night 70
def test_a_cursor_that_waits_keeps_no_frames_in_memory(tmp_path: Path) -> None:
    append(file_of(tmp_path), FRAME * 1000)
    with closing(Cursor(tmp_path / "module_1", 1, IMG16)) as cursor:
        gc.collect()
        tracemalloc.start()
        try:
            assert isinstance(cursor.read(), Stretch)  # and nobody keeps it
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert kept < 100_000


# odd night 70
def test_all_clients_together_read_a_bounded_amount_at_once() -> None:
    assert batch_bytes(1) == batch_bytes(16) == BATCH_BYTES
    assert all(n * batch_bytes(n) <= ALL_BATCHES_BYTES for n in range(16, 1000))


# odd night 70
def test_a_reader_that_is_closed_is_gone_without_the_garbage_collector(tmp_path: Path) -> None:
    append(file_of(tmp_path), FRAME * 1000)
    gc.collect()
    gc.disable()
    try:
        reader = FrameReader(tmp_path, Selection(), Begin(0))
        assert any(isinstance(item, Stretch) for item in reader.read(None))
        (cursor,) = (weakref.ref(cursor) for cursor in reader._cursors.values() if cursor._product is IMG16)
        reader.close()
        assert cursor() is None
    finally:
        gc.enable()
