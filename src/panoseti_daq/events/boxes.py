"""Sliding sums of frames: the sums over 1, 2, 4 ... frames at every frame, and where they pass a threshold.

Each width comes from the one before, S_2w[t] = S_w[t] + S_w[t+w]: one addition per sample and width. They are
whole numbers, so nothing depends on how the frames were cut::

    S_1   x0   x1   x2   x3   x4  ...
    S_2   x0+x1   x1+x2   x2+x3   x3+x4  ...
    S_4   x0+x1+x2+x3   x1+x2+x3+x4  ...
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.events.thresholds import Reals

Counts = npt.NDArray[np.int32]

MAX_WIDTH: Final = 1024  # frames; sums of 16-bit pixels stay below 2**31
STRIP: Final = 64  # rows that have one threshold
_FEW_PIXELS: Final = 64  # more are no pulse: of each only the highest sum is of interest

HIT: Final = np.dtype([("start", np.int64), ("width", np.int32), ("pixel", np.int32), ("total", np.float64)])
"""A sum that passes its threshold: first frame, number of frames, pixel, the sum, ADC counts."""


class SlidingSums:
    """Sums of up to `max_width` frames; owns the memory that they need, for arrays of one size at a time."""

    def __init__(self, max_width: int) -> None:
        self.widths = tuple(2**i for i in range(max_width.bit_length()))
        self._memory: list[Counts] = []

    def __getstate__(self) -> dict[str, object]:
        return {"widths": self.widths, "_memory": []}

    def over(self, frames: Counts) -> Iterator[tuple[int, Counts]]:
        """Widths and sums, shape (n - width + 1, pixels), of frames of shape (n, pixels); valid until the next."""
        if (
            not self._memory
            or self._memory[0].shape[0] < len(frames)
            or self._memory[0].shape[1:] != frames.shape[1:]
        ):
            self._memory = [np.empty_like(frames), np.empty_like(frames)]
        sums = frames
        yield 1, sums
        for i, half in enumerate(self.widths[:-1]):
            n = len(sums) - half
            if n <= 0:
                return
            sums = np.add(sums[:n], sums[half:], out=self._memory[i % 2][:n])
            yield 2 * half, sums


def hits_in(
    sums: Counts, threshold: Reals, slope: Reals, first: int, center: float, width: int
) -> npt.NDArray[np.void]:
    """Sums that pass their threshold; `start` is their row.

    Parameters
    ----------
    sums
        Shape (n, pixels).
    threshold, slope
        By pixel, shape (pixels,): threshold of a sum in row `center`, and what it rises from row to row.
    first
        Sums before this row were looked at already.
    center
        A row; need not be whole.
    width
        Frames of a sum.
    """
    found = []
    for begin in range(first, len(sums), STRIP):
        strip = sums[begin : begin + STRIP]
        limit = threshold + slope * (begin + (len(strip) - 1) / 2 - center)
        pixels = np.flatnonzero(strip.max(axis=0) > limit)
        if not len(pixels):
            continue
        columns = strip[:, pixels]
        if len(pixels) <= _FEW_PIXELS:
            rows, which = np.nonzero(columns > limit[pixels])
        else:
            rows, which = columns.argmax(axis=0), np.arange(len(pixels))
        hits = np.zeros(len(rows), HIT)
        hits["start"], hits["width"] = begin + rows, width
        hits["pixel"], hits["total"] = pixels[which], columns[rows, which]
        found.append(hits)
    return np.concatenate(found) if found else np.zeros(0, HIT)
