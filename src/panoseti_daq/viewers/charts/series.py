"""Values over time in bounded memory, and counts of frames from a sample of them. No Qt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import Frame

Floats = npt.NDArray[np.float64]


class TimeSeries:
    """The last values of some quantities, in the order in which they came.

    **Holds** at most `capacity` of them; the oldest is **replaced**. For one thread.

    `capacity`: how many to keep. `n_values`: quantities at each time.
    """

    def __init__(self, capacity: int, n_values: int = 1) -> None:
        self.capacity = capacity
        # Each row is written twice, so that the kept ones are always one slice; what is not used takes no memory.
        self._rows = np.zeros((2 * capacity, 1 + n_values))
        self._n = 0

    def __len__(self) -> int:
        return min(self._n, self.capacity)

    def append(self, time_s: float, *values: float) -> None:
        """Take the values of one time, s."""
        i = self._n % self.capacity
        self._rows[i] = self._rows[i + self.capacity] = (time_s, *values)
        self._n += 1

    @property
    def _kept(self) -> Floats:
        if self._n <= self.capacity:
            return self._rows[: self._n]
        begin = self._n % self.capacity
        return self._rows[begin : begin + self.capacity]

    @property
    def times_s(self) -> Floats:
        """Times, oldest first, shape (n,); a view that the next `append` may change."""
        return self._kept[:, 0]

    @property
    def values(self) -> Floats:
        """Values, shape (n, n_values); a view like `times_s`."""
        return self._kept[:, 1:]


class FrameCounter:
    """Counts the frames of one module and product that were written, from those that were seen.

    A stream brings the newest frame of each key, so in a burst only some. Frame numbers count all frames of a
    file, of all quabos; after a change to another file, whose earlier frames are unknown, a frame counts as one.
    Snapshots are numbered by connection: each counts as one, until a frame of a file shows that all are in files.
    """

    def __init__(self) -> None:
        self._file = ""
        self._number = -1
        self._snapshot_ns = 0

    def advance(self, frame: Frame) -> int:
        """Frames written since the last call, this one included; 0 for one that was already counted."""
        if frame.is_snapshot:
            is_new = self._file in ("", frame.file) and frame.detected_unix_ns > self._snapshot_ns
            self._file, self._snapshot_ns = self._file or frame.file, frame.detected_unix_ns
            return int(is_new)
        if frame.file != self._file:
            self._file, self._number = frame.file, frame.frame_number
            return 1
        n_frames = max(0, frame.frame_number - self._number)
        self._number += n_frames
        return n_frames


def breaks(times_s: Floats, least_gap_s: float) -> npt.NDArray[np.bool_]:
    """Where a line through points must be broken, because nothing is known in between.

    `times_s`: times, s, shape (n,). `least_gap_s`: shorter ones are none, s.

    Returns shape (n,): whether a gap follows the point: more than three times the usual step, or time that goes
    back.
    """
    gap = np.zeros(len(times_s), dtype=bool)
    if len(times_s) > 1:
        steps = np.diff(times_s)
        gap[:-1] = (steps < 0) | (steps > max(least_gap_s, 3 * float(np.median(steps))))
    return gap


def thinned(times_s: Floats, values: Floats, n_most: int) -> tuple[Floats, Floats]:
    """At most about `n_most` points that keep the extremes: the least and the largest of each stretch."""
    stretch = -(-2 * len(times_s) // n_most)
    if stretch <= 2:
        return times_s, values
    n_bins = len(times_s) // stretch
    times = times_s[: n_bins * stretch].reshape(n_bins, stretch)
    parts = values[: n_bins * stretch].reshape(n_bins, stretch)
    low_high = np.column_stack((parts.min(axis=1), parts.max(axis=1))).ravel()
    places = times[:, (0, stretch // 2)].ravel()
    rest = slice(n_bins * stretch, None)
    return np.concatenate((places, times_s[rest])), np.concatenate((low_high, values[rest]))


def drawable(times_s: Floats, values: Floats, n_most: int, least_gap_s: float) -> tuple[Floats, Floats]:
    """Points to be drawn with ``connect='finite'``: `thinned`, but no stretch reaches over one of the `breaks`."""
    ends = np.flatnonzero(breaks(times_s, least_gap_s)) + 1
    x: list[Floats] = []
    y: list[Floats] = []
    for times, some in zip(np.split(times_s, ends), np.split(values, ends), strict=True):
        times, some = thinned(times, some, max(2, n_most * len(times) // max(1, len(times_s))))
        x += [times, times[-1:]]
        y += [some, np.full(len(times[-1:]), np.nan)]
    return np.concatenate(x[:-1]), np.concatenate(y[:-1])


def oldest_first(frames: Any) -> list[Any]:
    """Frames in the order in which they were read and written."""
    return sorted(frames, key=lambda frame: (frame.detected_unix_ns, frame.frame_number))
