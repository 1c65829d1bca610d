"""Largest pixel of each pulse-height frame, kept for the longest window. No Qt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import DataProduct, Key, Kind
from panoseti_daq.pff.quabos import MODULE_SIZE, N_QUABOS, quabo_at, quadrant
from panoseti_daq.viewers.charts.series import Floats, FrameCounter, TimeSeries, oldest_first
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import Module, Source

CAPACITY: Final = 16_384  # frames per module: 27 a second for 600 s; 0.8 MB per module once it is full
N_BINS: Final = 160  # about as many as a panel can show as steps
_NO_PULSE: Final = np.iinfo(np.int16).min  # below every pulse
BINS_PER_DECADE: Final = 30  # 8 % wide each: finer than the spread of the gains


@dataclass(frozen=True, slots=True)
class Window:
    """Events of one module in one window."""

    max_adc: Floats  # Largest pixel of each frame that was seen, ADC counts, shape (n,)
    n_events: float  # Frames that were written, seen or not
    rate_hz: float  # Frames written per second


class PulseHeights:
    """Largest pixel of pulse-height frames of each module, and of each quabo of it.

    Windows end now, on the monotonic clock of this process: they empty when nothing comes. A frame stands where
    its own UTC time says, by its server's clock (`Clock.taken_s`). A frame whose own time cannot be right for that
    (none at all, a replayed run, a clock that is off by more than the longest window) counts from when the server
    read it. The first frame of a key that is older than the longest window is left out: it is from before the
    server started.

    **Holds** `CAPACITY` frames per module (time, largest pixel, frames written, quabo); the oldest is replaced.

    `longest_s`: longest window, s. `clock`: where ages are counted. `masks`: pixels that are left out; a frame of
    zeros is none.
    """

    def __init__(self, longest_s: float, clock: Clock | None = None, masks: PixelMasks | None = None) -> None:
        self._longest_s = longest_s
        self._clock = clock or Clock()
        self._masks = PixelMasks() if masks is None else masks
        self._began = self._clock.now_s()
        self._series: dict[Module, TimeSeries] = {}
        self._counters: dict[tuple[Module, DataProduct], FrameCounter] = {}
        self._last: dict[Source, tuple[object, ...]] = {}

    @property
    def modules(self) -> list[Module]:
        """Modules that ever had a frame, in order."""
        return sorted(self._series)

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the pulse-height frames among `frames`, the newest of each key: frame numbers count the others."""
        for frame in oldest_first(frame for frame in frames.values() if frame.product.kind is Kind.PULSE_HEIGHT):
            self._add(frame)

    def update_blocks(self, blocks: Iterable[ReceivedBlock]) -> None:
        """Take the pulse-height frames in blocks that bring each frame once."""
        for block in blocks:
            if block.product.kind is not Kind.PULSE_HEIGHT or not block.valid.any():
                continue
            valid = block.valid & block.images.any(axis=(1, 2))  # zeros are no light
            if not valid.any():
                continue
            images, now_s = block.images[valid], self._clock.now_s()
            ages_s = (block.detected_unix_ns - block.times[0][valid]) / 1e9
            ages_s[(ages_s < 0) | (ages_s > self._longest_s)] = 0.0
            quabos = block.columns["quabo_num"][valid] if block.product.one_quabo else None
            flat = self._unmasked(Module.of(block), images, quabos).reshape(len(images), -1)
            brightest = flat.argmax(axis=1)
            values = flat[np.arange(len(flat)), brightest]
            if quabos is None:
                quabos = _quabos_at(brightest)
            series = self._of(Module.of(block))
            for age_s, value, quabo in zip(ages_s.tolist(), values.tolist(), quabos.tolist(), strict=True):
                series.append(now_s - age_s, value, 1, quabo)

    def clear(self) -> None:
        """Forget all frames."""
        self._began = self._clock.now_s()
        for kept in (self._series, self._counters, self._last):
            kept.clear()

    def window(self, module: Module, window_s: float, quabo: int | None = None) -> Window:
        """Events of a module, or of one quabo of it, in the last `window_s` seconds."""
        series, now = self._series[module], self._clock.now_s()
        times_s, values = series.times_s, series.values
        if quabo is not None:
            its = values[:, 2] == quabo
            times_s, values = times_s[its], values[its]
        begin = now - window_s
        recent = (times_s >= begin) & (times_s <= now)
        if not recent.any():
            return Window(np.empty(0), 0.0, 0.0)
        n_events = max(float(recent.sum()), _written(times_s, values[:, 1], begin))
        covered_s = max(1.0, min(window_s, now - self._began))  # at first there is less than a window
        return Window(values[recent, 0], n_events, n_events / covered_s)

    def _of(self, module: Module) -> TimeSeries:
        if module not in self._series:
            self._series[module] = TimeSeries(CAPACITY, 3)
        return self._series[module]

    def _unmasked(self, module: Module, images: npt.NDArray[Any], quabos: Any) -> npt.NDArray[Any]:
        """Images of quabos, or of all four for None, with the least value there is in place of masked pixels."""
        if (mask := self._masks.of(module)) is None:
            return images
        quadrants = np.array([mask[quadrant(quabo)] for quabo in range(N_QUABOS)])
        return np.where(mask if quabos is None else quadrants[quabos], _NO_PULSE, images)

    def _add(self, frame: ReceivedFrame) -> None:
        source, module = Source.of(frame), Module.of(frame)
        identity = (frame.file, frame.frame_number, frame.detected_unix_ns, frame.time.unix_ns)
        last, self._last[source] = self._last.get(source), identity
        if last == identity:
            return  # sent again after a lost connection
        counter = self._counters.setdefault((module, frame.product), FrameCounter())
        n_frames = counter.advance(frame)
        read_s, taken_s = self._clock.read_s(frame), self._clock.taken_s(frame)
        if not 0 <= read_s - taken_s <= self._longest_s:  # NaN as well
            if last is None and (read_s > taken_s or self._clock.now_s() - read_s > self._longest_s):
                return
            taken_s = read_s
        if not frame.image.any():
            return
        quabo = source.key.quabo
        image = self._unmasked(module, frame.image, quabo)
        brightest = int(image.argmax())
        quabo = quabo if quabo is not None else int(_quabos_at(np.array([brightest]))[0])
        self._of(module).append(taken_s, float(image.ravel()[brightest]), n_frames, quabo)


def _quabos_at(places: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
    """Quabos of pixels of a module, given their places in row-major order."""
    rows, columns = np.divmod(places, MODULE_SIZE)
    return np.array([quabo_at(r, c) for r, c in zip(rows.tolist(), columns.tolist(), strict=True)], np.int64)


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

    `max_adc`: values, ADC counts, shape (n,); not empty. `log`: whether each bin is wider than the one before by a
    factor, from 1 count up (values below count as 1); or all are 1, 2 or 5 times a power of ten wide.

    Returns edges, ADC counts, ascending.
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
