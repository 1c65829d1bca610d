from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.pff.timing import FrameTime, TimeStatus, resolve, resolve_columns

TV_SEC = 1721882092
NS = 10**9

CLOCKS = st.tuples(
    st.integers(0, 1023), st.integers(0, NS - 1), st.integers(0, 2**32 - 1), st.integers(0, 999_999)
)


@st.composite
def agreeing_clocks(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Clocks about a second apart, which arbitrary numbers hardly ever are."""
    _, pkt_nsec, tv_sec, tv_usec = draw(CLOCKS)
    return (tv_sec + 37 + draw(st.integers(-2, 2))) % 1024, pkt_nsec, tv_sec, tv_usec


def pkt_tai_for(d: int, tv_sec: int = TV_SEC) -> int:
    return (tv_sec + 37 - d) % 1024


def test_specification_example_is_exact_to_the_nanosecond() -> None:
    assert resolve(529, 779007488, 1721882092, 778654) == FrameTime(1721882092_779007488, TimeStatus.WHITE_RABBIT)


@pytest.mark.parametrize(("d", "add_s"), [(0, 0), (1, -1), (1023, 1)])
def test_agreeing_clocks_give_white_rabbit_time(d: int, add_s: int) -> None:
    expected = FrameTime((TV_SEC + add_s) * NS + 123456789, TimeStatus.WHITE_RABBIT)
    assert resolve(pkt_tai_for(d), 123456789, TV_SEC, 999_999) == expected


@pytest.mark.parametrize("d", [2, 3, 511, 512, 1021, 1022])
def test_clocks_more_than_a_second_apart_give_host_time(d: int) -> None:
    expected = FrameTime(TV_SEC * NS + 778654_000, TimeStatus.HOST_CLOCK)
    assert resolve(pkt_tai_for(d), 123456789, TV_SEC, 778654) == expected


@given(st.integers(0, 1023), st.integers(0, NS - 1), st.integers(0, 999_999))
def test_zero_host_clock_gives_no_time(pkt_tai: int, pkt_nsec: int, tv_usec: int) -> None:
    assert resolve(pkt_tai, pkt_nsec, 0, tv_usec) == FrameTime(0, TimeStatus.NO_TIME)


@given(agreeing_clocks())
def test_time_is_within_two_seconds_of_the_host_clock(clocks: tuple[int, int, int, int]) -> None:
    _, _, tv_sec, tv_usec = clocks
    time = resolve(*clocks)
    assert time.status is TimeStatus.NO_TIME or abs(time.unix_ns - tv_sec * NS - tv_usec * 1000) < 2 * NS


@given(st.integers(2**31 - 2**20, 2**31), st.integers(-1, 1), st.integers(0, NS - 1))
def test_white_rabbit_second_is_recovered_when_host_is_one_off(true_s: int, host_off_s: int, nsec: int) -> None:
    time = resolve((true_s + 37) % 1024, nsec, true_s + host_off_s, 0)
    assert time == FrameTime(true_s * NS + nsec, TimeStatus.WHITE_RABBIT)


@given(st.lists(CLOCKS | agreeing_clocks(), max_size=20), st.integers(0, 60))
def test_columns_give_what_single_packets_give(rows: list[tuple[int, int, int, int]], leap_s: int) -> None:
    pkt_tai, pkt_nsec, tv_sec, tv_usec = np.array(rows, np.int64).reshape(-1, 4).T
    unix_ns, status = resolve_columns(pkt_tai, pkt_nsec, tv_sec, tv_usec, leap_s)
    expected = [resolve(*row, tai_minus_utc_s=leap_s) for row in rows]
    assert list(zip(unix_ns.tolist(), status.tolist(), strict=True)) == [(t.unix_ns, t.status) for t in expected]


def test_another_leap_second_moves_the_tai_seconds() -> None:
    pkt_tai = (TV_SEC + 38) % 1024
    assert resolve(pkt_tai, 5, TV_SEC, 0, tai_minus_utc_s=38).unix_ns == TV_SEC * NS + 5


def test_status_numbers_are_those_of_the_wire() -> None:
    assert [(status.name, status.value) for status in TimeStatus] == [
        ("WHITE_RABBIT", 0),
        ("HOST_CLOCK", 1),
        ("NO_TIME", 2),
    ]
