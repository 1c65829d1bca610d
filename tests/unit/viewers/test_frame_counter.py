"""The count of frames that were written, from those that a viewer saw."""

from __future__ import annotations

from dataclasses import replace

from support.frames import block_of

from panoseti_daq.pff import Frame
from panoseti_daq.viewers.charts.series import FrameCounter

IN_FILE = block_of()[0]


def snapshot(number: int, detected_unix_ns: int) -> Frame:
    return replace(IN_FILE, file="uds_img16", frame_number=number, detected_unix_ns=detected_unix_ns)


def test_frames_of_a_file_count_also_when_they_were_not_seen() -> None:
    counter = FrameCounter()
    assert [counter.advance(replace(IN_FILE, frame_number=i)) for i in (5, 9, 9, 10)] == [1, 4, 0, 1]


def test_snapshots_count_each_once_though_their_numbers_begin_again() -> None:
    counter = FrameCounter()
    assert [counter.advance(snapshot(*at)) for at in ((50, 1), (51, 2), (51, 2), (0, 3), (4, 4))] == [
        1,
        1,
        0,
        1,
        1,
    ]


def test_beside_files_snapshots_count_no_more() -> None:
    counter = FrameCounter()
    counter.advance(snapshot(0, 1))
    assert counter.advance(replace(IN_FILE, frame_number=5)) == 1
    assert counter.advance(snapshot(1, 2)) == 0
    assert counter.advance(replace(IN_FILE, frame_number=7)) == 2
