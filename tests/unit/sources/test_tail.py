from __future__ import annotations

import os
import tempfile
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import append, contents, each_product, frame_bytes, numbers
from support.run_files import FRAME, IMG16

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.sources.tail import MAX_BLOCK_BYTES, Tail


@each_product
@settings(max_examples=60)
@given(data=st.data())
def test_any_split_of_the_appends_gives_every_frame_once_whole_and_in_order(
    product: DataProduct, data: st.DataObject
) -> None:
    written = b"".join(frame_bytes(product, i, i % 4) for i in range(data.draw(st.integers(0, 5))))
    written += frame_bytes(product)[: data.draw(st.integers(0, 600))]  # a part of one more
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=8)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, PffName(product, 7).format())
        path.touch()
        found = []
        with closing(Tail(path, PffName(product, 7))) as tail:
            for begin, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
                append(path, written[begin:end])
                found += list(tail.read())
    n_frames = len(written) // len(frame_bytes(product))
    assert contents(found) == written[: n_frames * len(frame_bytes(product))]
    assert numbers(found) == list(range(n_frames))


@pytest.mark.parametrize("n_bytes", [1, 100, len(FRAME) - 1])
def test_partial_frame_waits_for_its_rest(path: Path, tail: Tail, n_bytes: int) -> None:
    append(path, FRAME + FRAME[:n_bytes])
    assert numbers(tail.read()) == [0]
    assert numbers(tail.read()) == []
    append(path, FRAME[n_bytes:])
    assert numbers(tail.read()) == [1]


def test_incomplete_header_is_no_error(path: Path, tail: Tail) -> None:
    append(path, FRAME[:50])
    assert list(tail.read()) == []


def test_empty_file_has_no_frames(tail: Tail) -> None:
    assert list(tail.read()) == []
    assert tail.n_frames == 0


def test_file_that_is_not_pff_is_refused(path: Path, tail: Tail) -> None:
    append(path, b"GIF89a" * 1000)
    with pytest.raises(HeaderError, match="not PFF"):
        list(tail.read())


def test_missing_file_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(Tail(tmp_path / "missing.pff", PffName(IMG16, 7)).read())


def test_blocks_say_where_they_come_from(path: Path) -> None:
    append(path, FRAME * 2)
    with closing(Tail(path, PffName(IMG16, 7), count(5))) as tail:
        (block,) = tail.read()
    assert (block.module_id, block.product, block.file, block._generation) == (7, IMG16, path.name, 5)
    assert block.detected_unix_ns > 0


def test_truncated_file_is_read_from_its_beginning(path: Path, tail: Tail) -> None:
    append(path, FRAME * 3)
    assert numbers(tail.read()) == [0, 1, 2]
    path.write_bytes(frame_bytes(IMG16, 9))
    (block,) = tail.read()
    assert bytes(block.data) == frame_bytes(IMG16, 9)
    assert block.first_frame_number == 0


def test_frames_after_a_truncation_are_newer_than_those_before(path: Path, tail: Tail) -> None:
    append(path, FRAME * 3)
    (before,) = tail.read()
    path.write_bytes(frame_bytes(IMG16, 9))
    (after,) = tail.read()
    assert after._generation > before._generation


@pytest.mark.parametrize("n_bytes_left", [2 * len(FRAME), 2 * len(FRAME) + 99])
def test_file_that_was_only_cut_repeats_nothing_and_goes_on_at_its_end(
    path: Path, tail: Tail, n_bytes_left: int
) -> None:
    append(path, FRAME * 5)
    (before,) = tail.read()
    os.truncate(path, n_bytes_left)
    assert list(tail.read()) == []
    append(path, (frame_bytes(IMG16, 7) + frame_bytes(IMG16, 8))[n_bytes_left % len(FRAME) :])
    (after,) = tail.read()
    assert numbers([after]) == [2, 3]
    assert after._generation > before._generation


def test_file_written_again_to_a_larger_size_is_read_from_its_beginning_once_it_rested(
    path: Path,
) -> None:
    tail = Tail(path, PffName(IMG16, 7))
    append(path, FRAME * 2)
    assert numbers(tail.read()) == [0, 1]
    path.write_bytes(b"".join(frame_bytes(IMG16, i) for i in (7, 8, 9)))
    assert numbers(tail.read()) == [0, 1, 2]
    assert list(tail.read()) == []


def test_closed_file_replaced_by_another_does_not_stand(path: Path, tail: Tail) -> None:
    append(path, FRAME)
    assert numbers(tail.read()) == [0]
    tail.close()
    assert tail.stands()
    path.rename(path.with_suffix(".old"))
    append(path, FRAME)
    assert not tail.stands()


@pytest.mark.parametrize(("last_frames", "expected"), [(0, []), (1, [4]), (3, [2, 3, 4]), (9, [0, 1, 2, 3, 4])])
def test_reading_may_begin_before_the_end(path: Path, last_frames: int, expected: list[int]) -> None:
    append(path, FRAME * 5 + FRAME[:99])
    with closing(Tail(path, PffName(IMG16, 7), last_frames=last_frames)) as tail:
        assert numbers(tail.read()) == expected
        append(path, FRAME[99:])
        assert numbers(tail.read()) == [5]


@pytest.mark.parametrize(
    "there_before", [0, 50, len(FRAME) - 1], ids=["nothing", "part of a header", "part of a frame"]
)
def test_file_without_a_whole_frame_at_first_loses_none_of_its_first_burst(path: Path, there_before: int) -> None:
    append(path, FRAME[:there_before])
    with closing(Tail(path, PffName(IMG16, 7), last_frames=0)) as tail:
        assert numbers(tail.read()) == []
        append(path, (FRAME * 4)[there_before:])
        assert numbers(tail.read()) == [0, 1, 2, 3]


def test_much_to_catch_up_comes_in_bounded_blocks(path: Path, tail: Tail) -> None:
    n_frames = int(2.5 * MAX_BLOCK_BYTES) // len(FRAME)
    append(path, FRAME * n_frames)
    blocks = list(tail.read())
    assert len(blocks) == 3
    assert max(len(block.data) for block in blocks) <= MAX_BLOCK_BYTES
    assert numbers(blocks) == list(range(n_frames))


def test_reading_goes_on_after_close(path: Path, tail: Tail) -> None:
    append(path, FRAME)
    assert numbers(tail.read()) == [0]
    tail.close()
    append(path, FRAME)
    assert numbers(tail.read()) == [1]


def test_deleted_file_is_read_to_its_end(path: Path, tail: Tail) -> None:
    append(path, FRAME)
    assert numbers(tail.read()) == [0]
    append(path, FRAME)
    path.unlink()
    assert not tail.stands()
    assert numbers(tail.read()) == [1]


def test_file_replaced_by_another_does_not_stand(path: Path, tail: Tail) -> None:
    assert list(tail.read()) == []
    assert tail.stands()
    path.unlink()
    path.touch()
    assert not tail.stands()
