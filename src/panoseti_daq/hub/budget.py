"""Rate rule of a stream: when a frame of one key may go, and until when one that may not waits (SPEC 3.2)."""

from __future__ import annotations

import math
from typing import Final

_EARLY: Final = 0.5  # of the interval: the least distance of two frames
_LOAN: Final = 0.999  # of the interval: a whole one would let a closed window of N intervals hold N + 2 frames
_EXPECTED: Final = 1.25  # of the period of a source: its next frame has come by then


class Budget:
    """Frames of one key that a stream may get: in any window of N intervals N + 1, half an interval apart.

    Each frame that goes costs one interval. A frame may go before the interval of the one before it has passed: it
    takes a loan of up to one interval, which is paid back by time, and so a source that is as fast as the interval
    loses nothing by being unpunctual::

        interval   |---------|---------|---------|---------|
        frames     0          1        2      3            4     late, early, late
        go         0          1        2      3            4     all of them, at once
        paid until           1.0      2.1    3.1    4.1         5.3   in intervals; 3 went 0.6 early: a loan of 0.4

    A frame that comes within half an interval of the last one waits until that has passed. One that would take too
    large a loan comes from a source that is faster than the interval; about as fast, and its next frame, which may
    go at once, replaces it; much faster, and the newest frame goes as soon as the loan allows.

    Parameters
    ----------
    interval_s
        Least time between frames on average, s; zero or less for no limit.

    Attributes
    ----------
    earliest_s
        Loop time from which the next frame may go.
    """

    __slots__ = ("_interval_s", "_last", "_paid_until", "earliest_s")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last = self._paid_until = self.earliest_s = -math.inf

    def latest_s(self, now_s: float) -> float:
        """Return when a frame that comes now, before `earliest_s`, goes if no newer one goes before."""
        if now_s >= self._paid_until - _LOAN * self._interval_s:
            return self.earliest_s  # it is only too close to the last one
        return max(self.earliest_s, now_s + _EXPECTED * (now_s - self._last))

    def spend(self, now_s: float) -> None:
        """Take note that a frame goes."""
        if self._interval_s <= 0:
            return
        self._last = now_s
        self._paid_until = max(self._paid_until, now_s) + self._interval_s
        self.earliest_s = max(now_s + _EARLY * self._interval_s, self._paid_until - _LOAN * self._interval_s)
