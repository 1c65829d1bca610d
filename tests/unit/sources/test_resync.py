from __future__ import annotations

import logging
import os
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import append, contents, each_product, frame_bytes, layout_of, numbers
from support.run_files import FRAME, IMG16, frames

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.pff.step import n_in_step
from panoseti_daq.sources.tail import Tail

FRAME_SIZE = len(FRAME)
HEADER_SIZE = FRAME_SIZE - IMG16.image_size_bytes


@each_product
@settings(max_examples=150)
@given(data=st.data())
def test_every_whole_frame_is_read_once_whatever_stands_between_however_it_is_appended(
    product: DataProduct, data: st.DataObject
) -> None:
    size = len(frame_bytes(product))
    header_size = size - product.image_size_bytes
    written, whole, torn = b"", [], []
    for i in range(data.draw(st.integers(1, 8))):
        frame = frame_bytes(product, i, i % 4)
        fault = data.draw(st.sampled_from(["none", "none", "garbage", "header", "pixels"]))
        if fault == "garbage":
            length = data.draw(st.integers(0, 3 * size))
            written += data.draw(st.sampled_from([b"\0", b"{", b"\n\n*", b"\xff\n"])) * length
        if fault == "header":
            cut = data.draw(st.integers(30, header_size - 30))
            written += data.draw(
                st.sampled_from([frame[cut:], frame[:cut] + frame[header_size:], frame[:cut] + b"\xff"])
            )
        elif fault == "pixels":
            end = data.draw(st.integers(header_size, size - 1))
            written += frame[:end]
            torn.append(frame[:end])
        else:
            written += frame
            whole.append(frame)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(written)), max_size=6)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, PffName(product, 7).format())
        found = []
        with closing(Tail(path, PffName(product, 7))) as tail:
            for begin, end in zip([0, *cuts], [*cuts, len(written)], strict=True):
                append(path, written[begin:end])
                try:
                    for block in tail.read():  # garbage may end with the mark of a header: a bad frame, counted
                        found += [contents([block])[i * size :][:size] for i in np.flatnonzero(block.valid)]
                except HeaderError:
                    assert not found
    delivered = [frame for frame in found if frame in whole]
    assert delivered == whole[: len(delivered)]
    # What was not is at the end, behind or within less than a frame that is still awaited.
    missing = b"".join(whole[len(delivered) :])
    assert len(missing) <= size
    assert all(frame.startswith(tuple(torn)) for frame in found if frame not in whole)


@pytest.mark.parametrize(
    "n_garbage", [1, 3, 300, FRAME_SIZE - 1, FRAME_SIZE, FRAME_SIZE + 1, 7 * FRAME_SIZE, 3 << 20]
)
def test_garbage_in_the_middle_is_skipped_and_counted(path: Path, tail: Tail, n_garbage: int) -> None:
    append(path, frames(0, 1) + b"\xaa" * n_garbage + frames(2, 3))
    found = list(tail.read())
    assert contents(found) == frames(0, 1, 2, 3)
    first = (2 * FRAME_SIZE + n_garbage) // FRAME_SIZE  # SPEC 1.3: offset / frame size
    assert numbers(found) == [0, 1, first, first + 1]
    assert tail.damage.n_bytes == n_garbage
    assert tail.damage.n_frames == max(1, round(n_garbage / FRAME_SIZE))


def test_header_cut_in_half_costs_its_frame_only(path: Path, tail: Tail) -> None:
    append(path, frames(0) + frames(1)[: HEADER_SIZE // 2] + frames(2, 3))
    assert contents(tail.read()) == frames(0, 2, 3)
    assert tail.damage.n_frames == 1


def test_header_cut_in_half_that_is_the_first_costs_its_frame_only(path: Path, tail: Tail) -> None:
    append(path, frames(0)[HEADER_SIZE // 2 :] + frames(1, 2))
    assert contents(tail.read()) == frames(1, 2)
    assert tail.damage.n_frames == 1


def test_first_header_of_another_width_costs_its_frame_only(path: Path, tail: Tail) -> None:
    append(path, frames(0).replace(b" 529", b"529", 1) + frames(1, 2, 3))
    found = [frame for block in tail.read() for frame in block if frame.image.flat[0] != 0]
    assert [frame.image.flat[0] for frame in found] == [1, 2, 3]


def test_frame_that_lacks_pixels_is_not_delivered_and_the_next_one_is(path: Path, tail: Tail) -> None:
    append(path, frames(0) + frames(1)[:-100] + frames(2, 3))
    assert contents(tail.read()) == frames(0, 2, 3)
    assert tail.damage.n_frames == 1


def test_frame_that_lacks_pixels_waits_while_the_header_among_them_is_not_whole(path: Path, tail: Tail) -> None:
    append(path, frames(0) + frames(1)[:-100] + frames(2)[:100])
    assert contents(tail.read()) == frames(0)
    append(path, frames(2, 3)[100:])
    assert contents(tail.read()) == frames(2, 3)


def test_file_of_garbage_so_far_is_not_pff_and_is_read_when_frames_come(path: Path, tail: Tail) -> None:
    append(path, b"\0" * 10_000)
    for _ in range(2):
        with pytest.raises(HeaderError, match="not PFF"):
            list(tail.read())
    append(path, frames(1, 2))
    assert contents(tail.read()) == frames(1, 2)
    assert tail.damage.n_bytes == 10_000


def test_garbage_is_not_searched_again_and_again(path: Path, tail: Tail, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, frames(0) + b"\0" * (2 << 20))
    assert contents(tail.read()) == frames(0)
    n_bytes = 0
    pread = os.pread

    def counting(fd: int, n: int, offset: int) -> bytes:
        nonlocal n_bytes
        data = pread(fd, n, offset)
        n_bytes += len(data)
        return data

    monkeypatch.setattr(os, "pread", counting)
    for _ in range(3):
        assert list(tail.read()) == []
    assert n_bytes < 3 * FRAME_SIZE
    append(path, frames(1))
    assert contents(tail.read()) == frames(1)


def test_reading_that_begins_within_a_frame_begins_with_the_next_one(path: Path) -> None:
    append(path, frames(0) + b"\0" * 100 + frames(1, 2, 3))
    with closing(Tail(path, PffName(IMG16, 7), first_frame=2)) as tail:
        assert contents(tail.read()) == frames(2, 3)


def test_frames_are_looked_at_one_by_one_or_all_at_once_with_the_same_result() -> None:
    layout = layout_of(IMG16)
    for n_frames in (1, 8, 9, 20):
        for bad in (None, 0, n_frames - 1, n_frames // 2):
            data = bytearray(FRAME * n_frames)
            if bad is not None:
                data[bad * FRAME_SIZE + HEADER_SIZE - 1] = 0
            assert n_in_step(bytes(data) + b"part", layout) == (n_frames if bad is None else bad)


def test_damage_is_told_once_per_file(path: Path, tail: Tail, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        append(path, frames(0) + b"\0" * 9 + frames(1) + b"\0" * 9 + frames(2))
        assert contents(tail.read()) == frames(0, 1, 2)
    assert caplog.text.count("damaged: skipped 9 bytes") == 1
