"""Rates of what comes in bursts, and of what flows."""

from __future__ import annotations

import pytest

from panoseti_daq.hub import BurstRate


# odd night 43
@pytest.mark.parametrize(("interval_s", "per_burst"), [(40.96, 4096), (4.1, 413), (82.0, 6560)])
def test_rate_of_bursts_is_the_true_one_at_any_time(interval_s: float, per_burst: int) -> None:
    rate = BurstRate(0.0)
    for i in range(1, 4):
        rate.add(per_burst, i * interval_s)
    for later_s in (0.0, 0.1, interval_s * 0.9):
        assert rate.per_second(3 * interval_s + later_s) == pytest.approx(per_burst / interval_s)


def test_one_burst_tells_no_rate() -> None:
    rate = BurstRate(0.0)
    rate.add(4096, 1.0)
    assert rate.per_second(1.1) == 0.0


def test_rate_falls_when_the_next_burst_is_overdue() -> None:
    rate = BurstRate(0.0)
    for at in (10.0, 20.0, 30.0):
        rate.add(100, at)
    assert rate.per_second(100.0) < 0.4 * rate.per_second(35.0)


def test_flow_without_bursts_has_its_rate() -> None:
    rate = BurstRate(0.0)
    for i in range(3000):
        rate.add(1, i / 100)
    assert rate.per_second(30.0) == pytest.approx(100.0, rel=0.05)
