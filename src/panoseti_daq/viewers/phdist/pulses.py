"""Largest pixel of each pulse-height frame, kept for the longest window. No Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key, Kind, TimeStatus
from panoseti_daq.viewers.charts.series import Floats, FrameCounter, TimeSeries, oldest_first

CAPACITY: Final = 16_384  # frames per module: 27 a second for 600 s; 0.8 MB per module once it is full
N_BINS: Final = 160  # about as many as a panel can show as steps
BINS_PER_DECADE: Final = 30  # 8 % wide each: finer than the spread of the gains


@dataclass(frozen=True, slots=True)
class Window:
    """Events of one module in one window.

    Attributes
    ----------
    max_adc
        Largest pixel of each frame that was seen, ADC counts, shape (n,).
    n_events
        Frames that were written, seen or not.
    rate_hz
        Frames written per second.
    """

    max_adc: Floats
    n_events: float
    rate_hz: float


class PulseHeights:
    """Largest pixel of the newest pulse-height frames of each module.

    Windows end now, on the monotonic clock of this process: they empty when nothing comes. A frame stands where
    its own UTC time says: its age is taken on the clock of the DAQ node, between trigger and reading, plus how
    long it waited in the server, so a wrong clock of the observer's computer moves nothing. A frame whose own time
    cannot be right for that (none at all, a replayed run, a clock that is off by more than the longest window)
    counts from when the server read it. The first frame of a key that is older than the longest window is left
    out: it is from before the server started.

    **Holds** `CAPACITY` frames per module (time, largest pixel, frames written); the oldest is replaced.

    Parameters
    ----------
    longest_s
        Longest window, s.
    monotonic
        Clock, s.
    wall_ns
        UTC, ns since 1970; used for servers that do not tell when they read a frame.
    """

    def __init__(
        self,
        longest_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._longest_s = longest_s
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._began = monotonic()
        self._series: dict[int, TimeSeries] = {}
        self._counters: dict[tuple[int, str], FrameCounter] = {}
        self._last: dict[Key, tuple[object, ...]] = {}

    @property
    def module_ids(self) -> list[int]:
        """Modules that ever had a frame, in order."""
        return sorted(self._series)

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the pulse-height frames among `frames`."""
        for frame in oldest_first(frame for frame in frames.values() if frame.product.kind is Kind.PULSE_HEIGHT):
            self._add(frame)

    def window(self, module_id: int, window_s: float) -> Window:
        """Events of a module in the last `window_s` seconds."""
        series, now = self._series[module_id], self._monotonic()
        begin, times_s = now - window_s, series.times_s
        recent = times_s >= begin
        if not recent.any():
            return Window(np.empty(0), 0.0, 0.0)
        n_seen = int(recent.sum())
        n_events = max(float(n_seen), _written(times_s, series.values[:, 1], begin))
        covered_s = max(1.0, min(window_s, now - self._began))  # at first there is less than a window
        return Window(series.values[recent, 0], n_events, n_events / covered_s)

    def _add(self, frame: ReceivedFrame) -> None:
        key = frame.key
        identity = (frame.file, frame.frame_number, frame.detected_unix_ns, frame.time.unix_ns)
        last, self._last[key] = self._last.get(key), identity
        if last == identity:
            return  # sent again after a lost connection
        counter = self._counters.setdefault((key.module_id, key.product.token), FrameCounter())
        n_frames = counter.advance(frame)
        waited_s, age_s = self._waited_s(frame), self._age_s(frame)
        if not 0 <= age_s <= self._longest_s:
            if last is None and (age_s > 0 or waited_s > self._longest_s):
                return
            age_s = 0.0
        series = self._series.get(key.module_id)
        if series is None:
            series = self._series[key.module_id] = TimeSeries(CAPACITY, 2)
        series.append(self._monotonic() - waited_s - age_s, float(frame.image.max()), n_frames)

    def _age_s(self, frame: ReceivedFrame) -> float:
        """Age when the server read the frame, s; -1 when it has no time."""
        if frame.time.status is TimeStatus.NO_TIME:
            return -1.0
        read_ns = frame.detected_unix_ns or self._wall_ns()
        return (read_ns - frame.time.unix_ns) / 1e9

    @staticmethod
    def _waited_s(frame: ReceivedFrame) -> float:
        return frame.queued_ns / 1e9 if frame.detected_unix_ns else 0.0


def _written(times_s: Floats, n_frames: Floats, begin_s: float) -> float:
    """Frames written since `begin_s`: of those between two seen ones only the part that is in the window."""
    before_s = np.concatenate((times_s[:1], times_s[:-1]))
    step_s = np.maximum(times_s - before_s, 1e-9)
    share = np.clip((times_s - begin_s) / step_s, 0, 1)
    inside = times_s >= begin_s
    return float((1 + (n_frames[inside] - 1).clip(0) * share[inside]).sum())


def bin_edges(max_adc: Floats, *, log: bool) -> Floats:
    """Edges of bins that hold all values, at most `N_BINS` + 2 of them.

    They lie half a count below whole numbers, where no value is.

    Parameters
    ----------
    max_adc
        Values, ADC counts, shape (n,); not empty.
    log
        Whether each bin is wider than the one before by a factor, from 1 count up (values below count as 1); or
        all are 1, 2 or 5 times a power of ten wide.

    Returns
    -------
    array
        Edges, ADC counts, ascending.
    """
    low, high = float(max_adc.min()), float(max_adc.max())
    if log:
        low, high = max(low, 1.0), max(high, 1.0)
        n_bins = max(4, math.ceil(BINS_PER_DECADE * math.log10((high + 1) / low)))
        return np.asarray(np.unique(np.rint(np.geomspace(low, high + 1, n_bins + 1)))) - 0.5
    least = (high - low + 1) / N_BINS
    sizes = (factor * 10**power for power in range(6) for factor in (1, 2, 5))
    size = next(size for size in sizes if size >= least)
    first = np.floor(low / size) * size
    return np.asarray(np.arange(first, high + size + 1, size)) - 0.5


def histogram(max_adc: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """Events per bin, shape (len(edges) - 1,); what is below the first bin counts there."""
    return np.histogram(max_adc.clip(edges[0]), edges)[0].astype(np.int64)
