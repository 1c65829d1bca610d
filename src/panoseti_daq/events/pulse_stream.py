"""The search for pulses in the movie of one module: chunks of frames, of a length of their own.

Whatever the blocks are, frames are searched in chunks of 256 (of slow movies 64), counted from the first frame or
the last break, with the end of the chunk before in front, so that every sum that ends in a chunk is looked at
once::

    |... tail |   chunk (256 frames)    |
         [ sum of 64 ]
                  [ sum of 64 ]
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.events.baseline import Baseline
from panoseti_daq.events.boxes import HIT, SlidingSums, hits_in
from panoseti_daq.events.candidate import Candidate, Member, Shape
from panoseti_daq.events.pulse_groups import Grouping, HitGroup, Hits, HotPixels, name_shape, pixels_at
from panoseti_daq.events.pulse_options import PulseOptions
from panoseti_daq.events.thresholds import false_per_frame, threshold_sigma
from panoseti_daq.events.usable import flags_of_frames, is_usable
from panoseti_daq.pff import DataProduct, FrameBlock, TimeStatus
from panoseti_daq.pff.quabos import MODULE_SIZE, quabo_at

CHUNK: Final = 256  # frames: more is hardly faster, fewer is found sooner
SLOW_CHUNK: Final = 64
SLOW_NS: Final = 4_000_000  # frames at least so far apart are a slow movie
_SAMPLE_EVERY: Final = 32  # rows of sums that are enough to measure the noise
_MIN_WINDOW: Final = 1024  # frames until there is a baseline
_MIN_CHUNKS: Final = 4  # of the baseline
_MAX_GAP_NS: Final = 5_000_000_000  # between two frames: what is farther apart does not belong to one sum
_MAX_MEMBERS: Final = 16
_DISTURBED: Final = 0.5  # of the pixels have a hit: what such a chunk shows is not noise
_HOUR_NS: Final = 3600 * 10**9
_EMITTED: Final = (Shape.POINT, Shape.EXTENDED)

ROW: Final = np.dtype(
    [("unix_ns", np.int64), ("frame_number", np.int64), ("file", np.int64), ("status", np.uint8)]
)
"""Where a frame stands; `file` counts the files of the stream."""

PLACED_HIT: Final = np.dtype([*HIT.descr, ("excess", np.float64), ("snr", np.float64), *ROW.descr])
"""A hit, how far it is above its mean in ADC counts and in sigma, and where its first frame stands."""


class PulseStream:
    """Finds pulses in the frames of one module and product.

    Parameters
    ----------
    options, sums
        Of the trigger; `sums` is memory that its streams share.
    module_id, product, host
        Whose frames; the host is empty for recorded runs.

    Attributes
    ----------
    n_searched, n_left_out
        Frames that were searched, and that could not be used.
    n_expected
        False pulses that are expected in those that were searched.
    dead_s
        Time of the frames from which the noise was learnt, s.
    vetoed
        What was found that is no pulse, by name.
    """

    def __init__(
        self, options: PulseOptions, sums: SlidingSums, module_id: int, product: DataProduct, host: str = ""
    ) -> None:
        self._options, self._sums, self._host = options, sums, host
        self._module_id, self._product = module_id, product
        self._n_pixels = product.shape[0] * product.shape[1]
        self._n_tail = sums.widths[-1] - 1
        self._x = np.zeros((self._n_tail + CHUNK, self._n_pixels), np.int32)
        self._rows = np.zeros(self._n_tail + CHUNK, ROW)
        self._files: list[str] = []
        self._n_before = self._n = 0  # frames in the tail, and in the chunk
        self._begin = 0  # frame of the stream at which the chunk begins
        self._last_ns: int | None = None
        self._interval_ns = 0
        self._chunk = 0  # not known before the second frame
        self._baseline = Baseline(sums.widths, 0, 0, self._n_pixels)
        self._groups = Grouping()
        self._hot = HotPixels(options.max_per_pixel)
        self.n_searched = self.n_left_out = 0
        self.n_expected = self.dead_s = 0.0
        self.vetoed: Counter[str] = Counter()

    def add(self, block: FrameBlock) -> list[Candidate]:
        """Take consecutive frames."""
        unix_ns, status = block.times
        rows = np.flatnonzero(block.valid & is_usable(flags_of_frames(block)))
        self.n_left_out += len(block) - len(rows)
        if not len(rows):
            return []
        if not self._files or self._files[-1] != block.file:
            self._files.append(block.file)
        where = np.empty(len(rows), ROW)
        where["unix_ns"], where["status"] = unix_ns[rows], status[rows]
        where["frame_number"], where["file"] = block.first_frame_number + rows, len(self._files) - 1
        images = block.images.reshape(len(block), -1)
        images = images if len(rows) == len(block) else images[rows]
        before = where["unix_ns"][0] if self._last_ns is None else self._last_ns
        steps = np.diff(where["unix_ns"], prepend=before)
        self._last_ns = int(where["unix_ns"][-1])
        edges = [0, *np.flatnonzero((steps > _MAX_GAP_NS) | (steps < -_MAX_GAP_NS)).tolist(), len(rows)]
        candidates = []
        for i, (begin, end) in enumerate(pairwise(edges)):
            if i:
                candidates += self.finish()
            candidates += self._fill(images[begin:end], where[begin:end])
        return candidates

    def _fill(self, images: npt.NDArray[np.integer], where: npt.NDArray[np.void]) -> list[Candidate]:
        candidates, begin = [], 0
        while begin < len(images):
            n = min(len(images) - begin, (self._chunk or 2) - self._n)
            at = self._n_tail + self._n
            self._x[at : at + n] = images[begin : begin + n]
            self._rows[at : at + n] = where[begin : begin + n]
            self._n += n
            begin += n
            if not self._chunk and self._n == 2:
                self._choose_chunk()
            elif self._n == self._chunk:
                candidates += self._search()
        return candidates

    def _choose_chunk(self) -> None:
        first, second = self._rows["unix_ns"][self._n_tail : self._n_tail + 2].tolist()
        self._chunk = SLOW_CHUNK if second - first >= SLOW_NS else CHUNK
        n_chunks, min_chunks = self._options.window // self._chunk, _MIN_WINDOW // self._chunk
        self._baseline = Baseline(self._sums.widths, n_chunks, min_chunks, self._n_pixels)

    def finish(self) -> list[Candidate]:
        """Search what is left; the next frames are not connected with these."""
        candidates = self._search() if self._n and self._chunk else []
        far = self._n_tail + 2 * CHUNK
        candidates += self._candidates(self._groups.ended(self._begin + far))
        self._n = self._n_before = 0
        self._begin += far  # so that no group continues across the break
        return candidates

    def _search(self) -> list[Candidate]:
        """Search a chunk, which may be a short one, learn from it, and move its end to the front."""
        first, last = self._n_tail - self._n_before, self._n_tail + self._n
        x, rows = self._x[first:last], self._rows[first:last]
        self._measure_interval(rows["unix_ns"])
        is_ready = self._baseline.is_ready
        hits = self._hits(x, rows) if self._baseline.is_known else np.zeros(0, PLACED_HIT)
        if is_ready:
            self._group(hits, x)
            self.n_searched += self._n
            self.n_expected += self._n * self._interval_ns * self._options.false_per_hour / _HOUR_NS
        else:
            self.dead_s += self._n * self._interval_ns / 1e9
        if self._n == self._chunk:
            n_chunks = round(self._options.window_s * 1e9 / (self._interval_ns * self._chunk))
            self._baseline.add(x[-self._chunk :], max(_MIN_CHUNKS, n_chunks))
        self._move(first, last)
        return self._candidates(self._groups.ended(self._begin - self._n_tail))

    def _measure_interval(self, unix_ns: npt.NDArray[np.int64]) -> None:
        if len(unix_ns) > 1:
            self._interval_ns = max(1, int(np.median(np.diff(unix_ns))))

    def _move(self, first: int, last: int) -> None:
        n_kept = min(self._n_tail, last - first)
        self._x[self._n_tail - n_kept : self._n_tail] = self._x[last - n_kept : last].copy()
        self._rows[self._n_tail - n_kept : self._n_tail] = self._rows[last - n_kept : last].copy()
        self._begin += self._n
        self._n_before, self._n = n_kept, 0

    @property
    def _u(self) -> float:
        """Threshold in sigma of a Gaussian."""
        per_frame = self._options.false_per_hour * self._interval_ns / _HOUR_NS / self._n_pixels
        rounded = float(f"{per_frame:.3g}")  # frames are not equally long to the nanosecond
        return threshold_sigma(rounded, self._sums.widths)

    def _hits(self, x: npt.NDArray[np.int32], rows: npt.NDArray[np.void]) -> Hits:
        """Hits of all widths; measures the noise of the sums."""
        found, samples = [], []
        begin, u = self._begin - self._n_before, self._u
        for i, (width, sums) in enumerate(self._sums.over(x)):
            first = max(0, self._n_before - width + 1)
            level = self._baseline.level(i, u)
            center = self._n_before + (self._chunk - width) / 2  # row of the sum in the middle of the chunk
            hits = hits_in(sums, level.threshold, level.slope, first, center, width)
            placed = np.zeros(len(hits), PLACED_HIT)
            for name in HIT.names or ():
                placed[name] = hits[name]
            placed["excess"] = level.excess(hits["pixel"], hits["total"], hits["start"] - center)
            placed["snr"] = level.snr(hits["pixel"], placed["excess"])
            for name in ROW.names or ():
                placed[name] = rows[name][hits["start"]]
            placed["start"] += begin
            found.append(placed[placed["snr"] >= u])  # a strip has one threshold, the line a value at each frame
            later = np.arange(first, len(sums), _SAMPLE_EVERY) - center
            samples.append((sums[first::_SAMPLE_EVERY].copy(), later))
        n_disturbed = max(len(np.unique(hits["pixel"])) for hits in found)
        if self._n == self._chunk and n_disturbed < _DISTURBED * self._n_pixels:
            for i, (sums, later) in enumerate(samples):
                self._baseline.measure(i, sums, later)
            self._baseline.measured()
        return np.concatenate(found)

    def _group(self, hits: Hits, x: npt.NDArray[np.int32]) -> None:
        """Join hits to groups, and keep the image of the peak of each."""
        for group, new in self._groups.add(hits):
            peak = new[int(new["snr"].argmax())]
            if float(peak["snr"]) > group.peak_snr:
                group.peak_snr, group.n_at_once = float(peak["snr"]), pixels_at(peak, hits)
                start, width = int(peak["start"]) - self._begin + self._n_before, int(peak["width"])
                later = start - self._n_before - (self._chunk - width) / 2
                excess = x[start : start + width].sum(axis=0) - width * self._baseline.mean_at(later)
                group.image = np.rint(excess).astype(np.int32).reshape(self._product.shape)

    def _candidates(self, groups: list[HitGroup]) -> list[Candidate]:
        candidates = []
        for group in groups:
            best = group.best_of_pixels()
            shape = name_shape(group, best, self._options.max_pixels, self._sums.widths[-1])
            if self._hot.add(int(best[0]["pixel"]), group.start) and shape in _EMITTED:
                shape = Shape.HOT_PIXEL
            if shape not in _EMITTED:
                self.vetoed[shape.value] += 1
            if shape in _EMITTED or self._options.keep_vetoed:
                candidates.append(self._candidate(group, best, shape))
        return candidates

    def _candidate(self, group: HitGroup, best: Hits, shape: Shape) -> Candidate:
        image = group.image
        if image is not None:
            image.flags.writeable = False
        members = [self._member(hit, image if i == 0 else None) for i, hit in enumerate(best[:_MAX_MEMBERS])]
        peak = best[0]
        per_frame = false_per_frame(float(peak["snr"]), self._sums.widths) * self._n_pixels
        return Candidate(
            trigger="pulse",
            unix_ns=int(peak["unix_ns"]),
            uncertainty_ns=int(peak["width"]) * self._interval_ns,
            duration_ns=int(peak["width"]) * self._interval_ns,
            shape=shape,
            members=tuple(members),
            snr=float(peak["snr"]),
            false_per_hour=per_frame * _HOUR_NS / self._interval_ns,
        )

    def _member(self, hit: np.void, image: npt.NDArray[np.int32] | None) -> Member:
        row, column = divmod(int(hit["pixel"]), MODULE_SIZE)
        return Member(
            self._module_id,
            self._product,
            quabo_at(row, column),
            self._files[int(hit["file"])],
            int(hit["frame_number"]),
            int(hit["unix_ns"]),
            TimeStatus(int(hit["status"])),
            (row, column),
            round(float(hit["excess"])),
            float(hit["snr"]),
            (),
            self._host,
            image,
        )
