"""Ages of frames on the clock of the server that read them, whatever this computer's says; and times as texts."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from panoseti_daq.pff import TimeStatus

if TYPE_CHECKING:
    from panoseti_daq.client import ReceivedBlock, ReceivedFrame

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


def age_text(age_s: float) -> str:
    """Return an age in few characters: ``0.3 s``, ``42 s``, ``7 min``, ``3 h``, ``12 d``; ``-4.0 s`` ahead."""
    if age_s <= -0.05:
        return f"-{age_text(-age_s)}"
    age_s = max(age_s, 0.0)
    for limit, divisor, unit in ((9.95, 1, "s"), (99.5, 1, "s"), (5970, 60, "min"), (172_800, 3600, "h")):
        if age_s < limit:
            return f"{age_s / divisor:.{1 if limit < 10 else 0}f} {unit}"
    return f"{age_s / 86_400:.0f} d"


def short_age_text(age_s: float) -> str:
    """Return an age in at most four characters: ``0.3s``, ``7m``; ``-7s`` in the future."""
    if age_s < -0.95:
        return f"-{min(-age_s, 99):.0f}s"
    return age_text(age_s).replace(" ", "").replace("min", "m")


def span_text(span_s: float) -> str:
    """Return a chosen span as one says it: ``5 s``, ``10 min``, ``3.2 h``, ``2.1 d``."""
    units = ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h"), (math.inf, 86_400, "d"))
    value, unit = next((span_s / unit_s, unit) for below_s, unit_s, unit in units if span_s < below_s)
    return f"{value:.0f} {unit}" if value >= 10 or value == int(value) else f"{value:.1f} {unit}"


def newest_text(age_s: float | None) -> str:
    """Return what is said of the newest frame; None before there is one, NaN for one without a time."""
    if age_s is None:
        return "no frame yet"
    return "newest frame without time" if math.isnan(age_s) else f"newest frame {age_text(age_s)} old"


def clock_text(host: str, ahead_s: float) -> str:
    """Return what is said of a clock of this computer that is ahead of a host's, s."""
    return f"your clock is {age_text(abs(ahead_s))} {'ahead of' if ahead_s > 0 else 'behind'} {host}"


def time_text(unix_ns: int, *, date: bool = True) -> str:
    """Return UTC to the millisecond; ``--:--:--`` when there is no time (0 ns)."""
    if not unix_ns:
        return "--:--:--"
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    day = "%Y-%m-%d " if date else ""
    return time.strftime(f"{day}%H:%M:%S", time.gmtime(seconds)) + f".{ns // 1_000_000:03d}"
