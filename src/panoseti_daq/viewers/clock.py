"""Ages of frames on the clock of the server that read them, whatever the clock of this computer says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import TimeStatus

WORTH_SAYING_S: Final = 1.0
"""Difference of two clocks that is said, s: more than NTP leaves and a slow network adds."""


class Clock:
    """Time that ages are counted on: monotonic, so that setting a clock changes no age.

    A frame was taken so long before it got here as the server says: its age when the server read it, by the
    server's clock, and the time in the server's queue. For one thread.

    `monotonic`: clock, s. `wall_ns`: UTC of this computer, ns since 1970; only for servers that do not say when
    they read a frame.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._said: set[str] = set()
        self._replayed_s: float | None = None

    def replay(self, unix_s: float | None) -> None:
        """Count ages at this time of a replay, UTC s since 1970; None for the live stream."""
        self._replayed_s = unix_s

    def now_s(self) -> float:
        """Return now, s since some moment."""
        return self._monotonic() if self._replayed_s is None else self._replayed_s

    def taken_s(self, frame: ReceivedFrame) -> float:
        """Return when a frame was taken, s since the moment that `now_s` counts from; NaN without a time."""
        unix_ns, status = frame.time
        if status is TimeStatus.NO_TIME:
            return math.nan
        if self._replayed_s is not None:
            return unix_ns / 1e9
        if not frame.detected_unix_ns:
            return self._monotonic() - (self._wall_ns() - unix_ns) / 1e9
        return self.read_s(frame) - (frame.detected_unix_ns - unix_ns) / 1e9

    def read_s(self, frame: ReceivedFrame) -> float:
        """Return when the server read a frame, on the same clock; now when it does not say."""
        if self._replayed_s is not None:
            return self._replayed_s
        if not frame.detected_unix_ns:
            return self._monotonic()
        arrived_s = frame.delivery.arrived_ns / 1e9 or self._monotonic()
        return arrived_s - frame.queued_ns / 1e9

    def age_s(self, frame: ReceivedFrame) -> float:
        """Return how long ago a frame was taken, s; NaN without a time."""
        return self.now_s() - self.taken_s(frame)

    def newest_of(self, block: ReceivedBlock) -> float:
        """Return when the newest frame of a block that just came was taken, as `taken_s`; NaN without a time."""
        unix_ns = int(block.times[0].max()) if len(block) else 0
        return self._monotonic() - (block.detected_unix_ns - unix_ns) / 1e9 if unix_ns else math.nan

    def differences(self, frames: Iterable[ReceivedFrame]) -> dict[str, float]:
        """Return how far our clock is ahead of those of the hosts, s: of each once, if it is worth saying."""
        found = {}
        for frame in frames:
            if not (frame.detected_unix_ns and frame.delivery.arrived_ns) or frame.host in self._said:
                continue
            read_unix_s = self._wall_ns() / 1e9 - (self._monotonic() - self.read_s(frame))
            ahead_s = read_unix_s - frame.detected_unix_ns / 1e9
            if abs(ahead_s) > WORTH_SAYING_S:
                self._said.add(frame.host)
                found[frame.host] = ahead_s
        return found
