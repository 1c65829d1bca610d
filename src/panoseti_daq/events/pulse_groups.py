"""Hits that belong together: one pulse passes the threshold in several sums and pixels, and is one candidate.

Hits are joined that overlap or touch in time and whose pixels are near each other, so that a star that drifts in
one corner does not swallow a pulse in another. How many pixels of the whole image have a hit then is counted, too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.events.candidate import Shape
from panoseti_daq.pff.quabos import MODULE_SIZE, N_QUABOS, quabo_at

_MAX_POINT_PIXELS: Final = 4
_FEW_PIXELS: Final = 256  # of more it does not matter which are near which
_NEAR: Final = 2  # pixels: the light of one source may skip one
_MAX_FRAMES: Final = 4096  # a cloud lasts: it is one group after the other
_SCATTERED: Final = 8  # times more pixels that are not near each other
HOT_FRAMES: Final = 1024
_LONG: Final = 4  # times the widest sum
_MOST: Final = 0.5  # of the pixels of a quabo
_FEW: Final = 0.1
_TRACK_PIXELS: Final = 5
_TRACK_LENGTH: Final = 4.0  # pixels
_TRACK_CORRELATION: Final = 0.8
_PIXELS_OF_QUABO: Final = MODULE_SIZE**2 // N_QUABOS
_QUABO_OF_PIXEL: Final = np.array([quabo_at(*divmod(i, MODULE_SIZE)) for i in range(MODULE_SIZE**2)])

Hits = npt.NDArray[np.void]


@dataclass(slots=True)
class HitGroup:
    """Hits of which each overlaps or touches another one in time, in a pixel near its own.

    Attributes
    ----------
    start, end
        First frame and the one after the last.
    pixels
        Pixels with a hit.
    hits
        By chunk.
    peak_snr
        The highest significance.
    n_at_once
        Pixels of the whole image that had a hit at the time of the peak, in a sum as wide or narrower: a flash has
        them in all pixels, and slow changes elsewhere say nothing about a short pulse.
    image
        Excess over the baseline in the sum of the peak, ADC counts, shape (rows, columns).
    """

    start: int
    end: int
    pixels: set[int]
    hits: list[Hits] = field(default_factory=list)
    peak_snr: float = 0.0
    n_at_once: int = 0
    image: npt.NDArray[np.int32] | None = None

    def best_of_pixels(self) -> Hits:
        """Return the most significant hit of each pixel, the best pixel first."""
        hits = np.concatenate(self.hits)
        hits = hits[np.lexsort((hits["start"], hits["width"], hits["pixel"], -hits["snr"]))]
        _, first = np.unique(hits["pixel"], return_index=True)
        return hits[np.sort(first)]

    def is_near(self, start: int, end: int, pixels: set[int]) -> bool:
        """Return whether hits in these frames and pixels belong to this group."""
        if start > self.end or self.start > end:
            return False
        if len(pixels) > _FEW_PIXELS or len(self.pixels) > _FEW_PIXELS:
            return True
        row_1, column_1 = np.divmod(np.array(list(pixels)), MODULE_SIZE)
        row_2, column_2 = np.divmod(np.array(list(self.pixels))[:, np.newaxis], MODULE_SIZE)
        return bool(((abs(row_1 - row_2) <= _NEAR) & (abs(column_1 - column_2) <= _NEAR)).any())


class Grouping:
    """Joins hits of consecutive chunks to groups."""

    def __init__(self) -> None:
        self._open: list[HitGroup] = []

    def add(self, hits: Hits) -> list[tuple[HitGroup, Hits]]:
        """Take the hits of a chunk; return the groups that they are in, each with its new hits."""
        if not len(hits):
            return []
        hits = hits[np.lexsort((hits["width"], hits["start"], hits["pixel"]))]
        pieces = _runs(hits)
        for piece in pieces:
            self._join(int(piece["start"].min()), int((piece["start"] + piece["width"]).max()), piece)
        new = set(map(id, pieces))
        return [
            (group, np.concatenate(found))
            for group in self._open
            if (found := [piece for piece in group.hits if id(piece) in new])
        ]

    def _join(self, start: int, end: int, piece: Hits) -> None:
        """Put hits into the open group that they belong to; open groups that they connect become one."""
        pixels = set(piece["pixel"].tolist())
        near = [group for group in self._open if group.is_near(start, end, pixels)]
        group = near[0] if near else HitGroup(start, end, pixels)
        for other in near[1:]:
            group.hits += other.hits
            group.start, group.end = min(group.start, other.start), max(group.end, other.end)
            group.pixels |= other.pixels
            if other.peak_snr > group.peak_snr:
                group.peak_snr, group.n_at_once, group.image = other.peak_snr, other.n_at_once, other.image
            self._open.remove(other)
        group.start, group.end = min(group.start, start), max(group.end, end)
        group.pixels |= pixels
        group.hits.append(piece)
        if not near:
            self._open.append(group)

    def ended(self, next_start: int) -> list[HitGroup]:
        """Groups that no hit can join which begins at `next_start` or later, in order of time."""
        done = [g for g in self._open if g.end < next_start or next_start - g.start > _MAX_FRAMES]
        self._open = [g for g in self._open if g not in done]
        return sorted(done, key=lambda group: (group.start, group.end, min(group.pixels)))


def pixels_at(peak: np.void, hits: Hits) -> int:
    """Number of pixels with a hit that overlaps a peak in time and is not wider."""
    overlaps = (hits["start"] < peak["start"] + peak["width"]) & (hits["start"] + hits["width"] > peak["start"])
    return len(np.unique(hits["pixel"][overlaps & (hits["width"] <= peak["width"])]))


def _runs(hits: Hits) -> list[Hits]:
    """Hits of one pixel that overlap or touch, for each pixel; all as one when there are many pixels."""
    end = hits["start"] + hits["width"]
    n_pixels = len(np.unique(hits["pixel"]))
    if n_pixels > _FEW_PIXELS:
        return [hits]
    pieces = []
    for of_pixel in np.split(np.arange(len(hits)), np.flatnonzero(np.diff(hits["pixel"])) + 1):
        last = np.maximum.accumulate(end[of_pixel])
        cuts = np.flatnonzero(hits["start"][of_pixel][1:] > last[:-1]) + 1
        pieces += [hits[rows] for rows in np.split(of_pixel, cuts)]
    return sorted(pieces, key=lambda piece: (int(piece["start"].min()), int(piece["pixel"][0])))


class HotPixels:
    """Pixels that have too many pulses: electronics.

    Parameters
    ----------
    most
        Pulses of a pixel that are believed within `HOT_FRAMES`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._starts: dict[int, deque[int]] = {}  # of the last pulses of each pixel

    def add(self, pixel: int, start: int) -> bool:
        """Take a pulse of a pixel that begins at a frame; return whether the pixel is hot."""
        starts = self._starts.setdefault(pixel, deque(maxlen=self._most))
        is_hot = len(starts) == self._most and start - starts[0] < HOT_FRAMES
        starts.append(start)
        return is_hot


def name_shape(group: HitGroup, best: Hits, max_pixels: int, max_width: int) -> Shape:
    """Return the shape of a group of hits.

    Parameters
    ----------
    group
        The group.
    best
        The most significant hit of each of its pixels.
    max_pixels
        More pixels at once are no pulse.
    max_width
        Frames of the widest sum: what is longer than a few of those is no pulse and no flash.
    """
    n_pixels = len(best)
    is_long = group.end - group.start > _LONG * max_width
    if n_pixels >= _TRACK_PIXELS and _is_track(best):
        return Shape.SATELLITE
    if n_pixels <= max_pixels and group.n_at_once <= _SCATTERED * max_pixels:
        if is_long:
            return Shape.SLOW
        return Shape.POINT if n_pixels <= _MAX_POINT_PIXELS else Shape.EXTENDED
    filled = np.bincount(_QUABO_OF_PIXEL[best["pixel"]], minlength=N_QUABOS) / _PIXELS_OF_QUABO
    if np.count_nonzero(filled >= _MOST) == 1 and np.count_nonzero(filled > _FEW) == 1:
        return Shape.QUABO_STEP
    if filled.mean() >= _MOST:
        return Shape.CLOUD if is_long else Shape.FLASH
    return Shape.MANY_PIXELS


def _is_track(best: Hits) -> bool:
    """Return whether the pixels light up one after the other along a line."""
    at: Any = best["start"] + best["width"] / 2
    row, column = np.divmod(best["pixel"], MODULE_SIZE)
    if np.ptp(at) == 0 or np.hypot(np.ptp(row), np.ptp(column)) < _TRACK_LENGTH:
        return False
    at = (at - at.mean()) / at.std()
    explained = total = 0.0
    for place in (row, column):
        away = place - place.mean()
        explained += float(np.mean(away * at) ** 2)
        total += float(np.mean(away**2))
    return explained > _TRACK_CORRELATION * total
