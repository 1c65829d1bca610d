"""Ages of frames by the clock of their server."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from support.received import DETECTED_NS, Clock, received

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers import clock as ages


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
