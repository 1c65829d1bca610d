"""Frames around a moment: in whatever file and run they are, and no more of them than are wanted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, frame_bytes

from panoseti_daq.pff import Begin, DataProduct, PffName, Selection, Stretch
from panoseti_daq.sources.reader import FrameReader

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
RUN_1, RUN_2 = (f"obs_Test.start_2026-01-0{day}T00:00:00Z.runtype_sci-data.pffd" for day in (1, 2))
T0 = 1_767_225_600  # of the first frame, s; one frame each second, 3 in each file

Found = list[tuple[str, int, list[int]]]


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Two runs of module 1: seconds 0-5 in two files, 100-102 in one, and an empty file."""
    for run, seqno, first in ((RUN_1, 0, 0), (RUN_1, 1, 3), (RUN_2, 0, 100)):
        write(tmp_path, run, seqno, [frame_bytes(IMG16, i, tv_sec=T0 + i) for i in range(first, first + 3)])
    write(tmp_path, RUN_2, 1, [])
    return tmp_path


def write(data_dir: Path, run: str, seqno: int, frames: list[bytes], product: DataProduct = IMG16) -> None:
    append(data_dir / "module_1" / run / PffName(product, 1, seqno).format(), b"".join(frames))


def around(data_dir: Path, second: float, n_before: int = 0, n_most: int = 0) -> Found:
    """Run, first frame number and packet numbers of the blocks that come."""
    begin = Begin(round((T0 + second) * 1e9), of_any_run=True, n_before=n_before, n_most=n_most)
    found: Found = []
    with closing(FrameReader(data_dir, Selection(), begin)) as reader:
        while items := reader.read(None):
            for item in items:
                if isinstance(item, Stretch):
                    numbers = [frame.header.pkt_num[0] for frame in item.block]
                    found.append((item.first.run, item.first.frame_number, numbers))
    return found


def test_a_moment_of_an_earlier_run_is_found(night: Path) -> None:
    assert around(night, 4.5, n_most=1) == [(RUN_1, 1, [4])]


def test_reading_goes_on_over_files_and_runs_until_there_are_enough(night: Path) -> None:
    assert around(night, 4.5, n_most=3) == [(RUN_1, 1, [4, 5]), (RUN_2, 0, [100])]
    assert around(night, 4.5) == [(RUN_1, 1, [4, 5]), (RUN_2, 0, [100, 101, 102])]


@pytest.mark.parametrize(
    ("second", "n_before", "numbers"),
    [
        (3.5, 1, [2, 3]),  # the one before is in the file before
        (50, 2, [4, 5, 100]),  # and between two runs, in the run before
        (2.5, 9, list(range(6))),  # no further than there are frames
        (1000, 2, [101, 102]),  # all are earlier
        (-1000, 1, [0, 1]),  # all are later
    ],
)
def test_frames_before_the_moment_come_too(night: Path, second: float, n_before: int, numbers: list[int]) -> None:
    found = around(night, second, n_before, n_most=len(numbers))
    assert [number for _, _, some in found for number in some] == numbers


def test_a_limit_counts_for_each_product(night: Path) -> None:
    write(night, RUN_1, 0, [frame_bytes(PH256, i, quabo=i % 4, tv_sec=T0 + i) for i in range(6)], PH256)
    found = around(night, 0, n_most=2)
    assert sorted(numbers for _, _, numbers in found) == [[0, 1], [0, 1]]


def test_what_grows_later_is_not_sent_beyond_the_limit(night: Path) -> None:
    begin = Begin(T0 * 10**9, of_any_run=True, n_most=1)
    with closing(FrameReader(night, Selection(), begin)) as reader:
        assert sum(isinstance(item, Stretch) for item in reader.read(None)) == 1
        write(night, RUN_2, 1, [frame_bytes(IMG16, 7)])
        assert reader.read(None) == []
        assert reader.read({(1, IMG16): {(RUN_2, "x"): (0, 1)}}) == []


def test_without_frames_nothing_comes(tmp_path: Path) -> None:
    write(tmp_path, RUN_1, 0, [])
    write(tmp_path, RUN_1, 1, [b"no frame of ours " * 400])
    assert around(tmp_path, 0, n_before=3, n_most=4) == []
