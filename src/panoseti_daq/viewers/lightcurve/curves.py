"""Mean and selected pixels of movie images over time. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Key, Kind, TimeStatus
from panoseti_daq.viewers.charts.series import Floats, TimeSeries, oldest_first
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import Module

CAPACITY: Final = 3000  # points of a curve: more than a window has columns

Pixel = tuple[int, int]
"""Row and column; row 0 is on top."""


class CurveName(NamedTuple):
    """Whose curve it is: two hosts may have modules of one number."""

    module_id: int
    product: DataProduct
    host: str

    @property
    def module(self) -> Module:
        """Whose it is."""
        return Module(self.host, self.module_id)


class LightCurves:
    """Mean of the image, and chosen pixels, of each module and movie product of a host, at the UTC of the frame.

    Frames without a time are left out: they have no place on the axis. The axis ends now by the clock of the
    frames, that is the newest time of the typical module and how long ago it came: so a run that is replayed is
    drawn as well, and an observer's wrong clock moves nothing.

    **Holds** `CAPACITY` points per curve; the oldest is replaced. Points closer than ``span_s /
    CAPACITY`` to the one before are left out, so the span is always covered.
    """

    def __init__(
        self,
        span_s: float,  # How far back curves reach, s
        pixels: Sequence[Pixel] = (),  # Which pixels beside the mean
        monotonic: Callable[[], float] = time.monotonic,
        masks: PixelMasks | None = None,  # Pixels that are left out, as those of quabos without light are
    ) -> None:
        self.span_s = span_s
        self.n_without_time = 0
        self._rows = np.array([row for row, _ in pixels], dtype=int)
        self._columns = np.array([column for _, column in pixels], dtype=int)
        self._monotonic = monotonic
        self._masks = PixelMasks() if masks is None else masks
        self._series: dict[CurveName, TimeSeries] = {}
        self._read_ns: dict[CurveName, int] = {}  # when the server read the last frame
        self._stands_s: float | None = None  # where the axis ends while the picture stands
        self._offset_s: dict[CurveName, float] = {}  # from the monotonic clock to the frames' UTC

    @property
    def names(self) -> list[CurveName]:
        """Curves that ever had a point, in order."""
        return sorted(self._series, key=lambda name: (name.module_id, name.product.token, name.host))

    @property
    def now_s(self) -> float:
        """Where the axis ends, UTC s since 1970."""
        if self._stands_s is not None:
            return self._stands_s
        return self._monotonic() + float(np.median(list(self._offset_s.values())))

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the movie frames among `frames`, but for those of the last minutes that are shown again."""
        movies = oldest_first(frame for frame in frames.values() if frame.product.kind is Kind.MOVIE)
        new = [frame for frame in movies if frame.detected_unix_ns >= self._read_ns.get(_name(frame), 0)]
        for frame in new:
            self._stands_s = None
            self._add(frame)

    def keep(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames while the picture stands, with its axis: they are drawn after the next `update`."""
        stands_s = self.now_s if self._offset_s else None
        self.update(frames)
        self._stands_s = stands_s

    def clear(self) -> None:
        """Forget all points."""
        for kept in (self._series, self._offset_s, self._read_ns):
            kept.clear()
        self._stands_s = None

    def curve(self, name: CurveName) -> tuple[Floats, Floats]:
        """Times, UTC s, shape (n,), and values, ADC counts, shape (n, 1 + pixels), within the span."""
        series, now_s = self._series[name], self.now_s
        shown = series.times_s >= now_s - self.span_s
        if self._stands_s is not None:
            shown &= series.times_s <= now_s
        return series.times_s[shown], series.values[shown]

    def _add(self, frame: ReceivedFrame) -> None:
        if frame.time.status is TimeStatus.NO_TIME:
            self.n_without_time += 1
            return
        name, unix_s, lit = _name(frame), frame.time.unix_ns / 1e9, self._masks.lit(frame)
        if lit is not None and not lit.any():
            return
        self._read_ns[name] = frame.detected_unix_ns
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = TimeSeries(CAPACITY, 1 + len(self._rows))
        elif 0 <= unix_s - series.times_s[-1] < self.span_s / CAPACITY:
            return
        self._offset_s[name] = unix_s - self._monotonic()
        image = frame.image if lit is None else np.where(lit, frame.image, np.nan)
        series.append(unix_s, float(np.nanmean(image)), *image[self._rows, self._columns].tolist())


def _name(frame: ReceivedFrame) -> CurveName:
    return CurveName(frame.module_id, frame.product, frame.host)
