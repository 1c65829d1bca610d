from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.received import DETECTED_NS, Clock, received

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers import clock as ages
from panoseti_daq.viewers.clock import age_text, short_age_text, span_text, time_text


def frame_of(clock: Clock, age_s: float = 0.5, queued_s: float = 0.25, host: str = "daq1") -> ReceivedFrame:
    """A frame that was this old when its server read it, then waited, and arrives now."""
    frame = received(DataProduct.IMG16, unix_ns=DETECTED_NS - round(age_s * 1e9), detected_ns=DETECTED_NS)
    arrived_ns = round(clock.monotonic() * 1e9)
    return replace(frame, delivery=Delivery(host, queued_ns=round(queued_s * 1e9), arrived_ns=arrived_ns))


@pytest.mark.parametrize("ahead_s", [-3600, 0, 30])
def test_the_clock_of_this_computer_changes_no_age(ahead_s: float) -> None:
    clock = Clock()
    on = ages.Clock(clock.monotonic, lambda: clock.wall_ns() + round(ahead_s * 1e9))
    frame = frame_of(clock)
    clock.advance(2)
    assert on.age_s(frame) == pytest.approx(2.75)


def test_a_clock_that_differs_is_said_once_per_host() -> None:
    clock = Clock()
    on = ages.Clock(clock.monotonic, lambda: clock.wall_ns() + 30_000_000_000)
    one = frame_of(clock, queued_s=0)
    assert on.differences([one, one]) == {"daq1": pytest.approx(30)}
    assert on.differences([one]) == {}
    assert ages.Clock(clock.monotonic, clock.wall_ns).differences([one]) == {}
    behind = ages.Clock(clock.monotonic, lambda: clock.wall_ns() - 5_000_000_000)
    assert behind.differences([one]) == {"daq1": pytest.approx(-5)}


def test_a_server_that_does_not_say_when_it_read_is_measured_by_our_clock() -> None:
    clock = Clock()
    frame = received(DataProduct.IMG16, unix_ns=DETECTED_NS - 4_000_000_000, detected_ns=0)
    on = ages.Clock(clock.monotonic, lambda: DETECTED_NS)
    assert on.age_s(frame) == pytest.approx(4)
    assert on.differences([frame]) == {}


def test_a_frame_without_time_has_no_age() -> None:
    assert math.isnan(ages.Clock().age_s(received(DataProduct.IMG16, unix_ns=0)))


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (0.04, "0.0 s"),
        (0.31, "0.3 s"),
        (9.96, "10 s"),
        (99, "99 s"),
        (420, "7 min"),
        (7300, "2 h"),
        (1e6, "12 d"),
        (-0.3, "-0.3 s"),
        (-4, "-4.0 s"),
        (-400, "-7 min"),
    ],
)
def test_an_age_is_short(age_s: float, expected: str) -> None:
    assert age_text(age_s) == expected


@pytest.mark.parametrize("age_s", [-1e6, -400, 0.31, 9.96, 99, 420, 5969, 7300, 172_799])
def test_where_there_is_little_room_an_age_has_four_characters(age_s: float) -> None:
    assert len(short_age_text(age_s)) <= 4


@pytest.mark.parametrize(("span_s", "expected"), [(5, "5 s"), (90, "90 s"), (600, "10 min"), (11_520, "3.2 h")])
def test_a_span_is_told_as_it_was_chosen(span_s: float, expected: str) -> None:
    assert span_text(span_s) == expected


def test_a_time_has_milliseconds() -> None:
    assert time_text(1_767_225_600_987_654_321) == "2026-01-01 00:00:00.987"
    assert time_text(1_767_225_600_987_654_321, date=False) == "00:00:00.987"
