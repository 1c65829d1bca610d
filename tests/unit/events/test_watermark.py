from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.events.watermark import NEVER_NS, StreamTime

TIMES = st.lists(st.integers(0, 100), max_size=30)


def test_the_watermark_is_the_highest_time_that_a_neighbor_confirms_less_what_may_come_late() -> None:
    stream = StreamTime(reorder_ns=15)
    late = stream.add(np.array([10, 30, 20, 40, 95, 50, 34]))
    assert late.tolist() == [False] * 6 + [True]
    assert stream.watermark_ns == 50 - 15
    assert stream.last_ns == 34


def test_one_frame_with_a_time_in_the_future_moves_nothing() -> None:
    stream = StreamTime(reorder_ns=0)
    assert not stream.add(np.array([10, 11, 10**18, 12, 13])).any()
    assert stream.watermark_ns == 12


def test_before_the_second_frame_there_is_no_watermark() -> None:
    stream = StreamTime()
    assert stream.watermark_ns == NEVER_NS
    stream.add(np.array([10**18]))
    assert stream.watermark_ns == NEVER_NS


@given(TIMES, st.integers(0, 30), st.integers(0, 20))
def test_it_does_not_matter_how_the_frames_are_cut(times: list[int], at: int, reorder_ns: int) -> None:
    whole, pieces = StreamTime(reorder_ns), StreamTime(reorder_ns)
    unix_ns = np.array(times, np.int64)
    late = whole.add(unix_ns)
    in_pieces = [*pieces.add(unix_ns[:at]), *pieces.add(unix_ns[at:])]
    assert late.tolist() == in_pieces
    assert whole.watermark_ns == pieces.watermark_ns


@given(TIMES, st.integers(0, 20))
def test_a_frame_before_the_watermark_is_late(times: list[int], reorder_ns: int) -> None:
    stream = StreamTime(reorder_ns)
    for time in times:
        mark = stream.watermark_ns
        (late,) = stream.add(np.array([time]))
        assert late or time >= mark
