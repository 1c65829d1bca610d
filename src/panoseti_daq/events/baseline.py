"""Baseline and noise of every pixel, from the frames before: running medians that a pulse does not move.

Frames are taken in chunks. Of each, a pixel keeps the mean and the variance; the baseline is the line through the
medians of the older and the newer half of the means, so that a star that drifts or a sky that brightens is
followed rather than found::

    means of chunks     . . . . . . . .|. . . . . . . .   next chunk
                              m1       |      m2           m2 + (m2 - m1) (1/2 + 1/n)

How good that is, is measured: the spread of what the sums of the next chunk really are about it and their
skewness, pooled over all pixels, and the spread of each pixel where it is larger than that of the others.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.events.thresholds import Reals, gaussian, skewed

_MIN_SIGMA: Final = 0.5  # ADC counts: a dead pixel has none
_CLIP_SIGMA: Final = 5.0  # what is farther off is not noise
_AVERAGE_OVER: Final = 64  # chunks, for what all pixels share
_OWN_OVER: Final = 16  # chunks, for what a pixel has of its own: as a star comes and goes
_MUCH_MORE: Final = 2.0  # variance of a pixel over that of all, from which on its own counts
_MAX_SKEWNESS: Final = 1.0


class Level(NamedTuple):
    """Mean, threshold and noise of the sums of one width, by pixel, ADC counts; shape (pixels,).

    Attributes
    ----------
    mean, threshold
        Of a sum in the middle of the chunk.
    slope
        What both rise when the sum is a frame later.
    sigma, skewness
        Of the noise.
    """

    mean: Reals
    threshold: Reals
    slope: Reals
    sigma: Reals
    skewness: Reals

    def excess(self, pixels: npt.NDArray[np.int32], totals: Reals, later: Reals) -> Reals:
        """Excess over their mean of sums of these pixels, that number of frames later, ADC counts, shape (n,)."""
        return np.asarray(totals - self.mean[pixels] - later * self.slope[pixels])

    def snr(self, pixels: npt.NDArray[np.int32], excess: Reals) -> Reals:
        """Return the significance of an excess: sigma of a Gaussian with the same tail, shape (n,)."""
        return gaussian(excess / self.sigma[pixels], self.skewness[pixels])


class Baseline:
    """What the pixels of one module and product are expected to be.

    Parameters
    ----------
    widths
        Widths of the sums, frames.
    n_chunks, min_chunks
        Chunks of the window, and from how many on there is a baseline.
    n_pixels
        Number of pixels.
    """

    def __init__(self, widths: tuple[int, ...], n_chunks: int, min_chunks: int, n_pixels: int) -> None:
        self._widths = widths
        self._min_chunks = min_chunks
        self._means: deque[Reals] = deque(maxlen=n_chunks)
        self._variances: deque[Reals] = deque(maxlen=n_chunks)
        self._n_measured = 0
        self._second = np.ones(len(widths))  # moments of the sums, by width
        self._third = 0.0  # of single frames; the more are summed, the less skew is the sum
        self._of_pixel = np.ones((len(widths), n_pixels))
        self.mean: Reals = np.zeros(n_pixels)
        self.slope: Reals = np.zeros(n_pixels)
        self.sigma: Reals = np.ones(n_pixels)
        self._skew_of_pixel: Reals = np.ones(n_pixels)

    @property
    def is_known(self) -> bool:
        """Whether there is a baseline to measure sums against."""
        return len(self._means) >= self._min_chunks

    @property
    def is_ready(self) -> bool:
        """Whether the noise about the baseline is known, too."""
        return self.is_known and self._n_measured >= 2

    def add(self, frames: npt.NDArray[np.int32], n_chunks: int) -> None:
        """Take a chunk, shape (n, pixels); the baseline is that of the last `n_chunks` at most."""
        n = len(frames)
        mean = np.add.reduce(frames, axis=0) / n
        about = np.rint(mean).astype(np.int32)  # so that float32 squares are exact enough
        deviation = (frames - about).astype(np.float32)
        squares = np.einsum("ij,ij->j", deviation, deviation).astype(np.float64)
        variance = (squares - n * (mean - about) ** 2) / (n - 1)
        self._means.append(mean)
        self._variances.append(variance)
        if not self.is_known:
            return
        means = list(self._means)[-n_chunks:]
        n = len(means)
        older, newer = _median(means[: n // 2]), _median(means[n // 2 :])
        centers = (n // 2 - 1) / 2, (n // 2 + n - 1) / 2  # of the halves, chunks
        per_chunk = (newer - older) / (centers[1] - centers[0])
        self.mean = newer + per_chunk * (n - centers[1])
        self.slope = per_chunk / len(frames)
        self.sigma = np.sqrt(_median(list(self._variances))).clip(_MIN_SIGMA)
        self._skew_of_pixel = np.median(self.sigma) / self.sigma  # Poisson: in inverse ratio to the noise

    def mean_at(self, later: float) -> Reals:
        """Expected value of a frame that number of frames after the middle of the chunk, shape (pixels,)."""
        return np.asarray(self.mean + later * self.slope)

    def measure(self, level: int, sums: npt.NDArray[np.int32], later: Reals) -> None:
        """Take sums of a width, the `level`-th, some of those of a chunk, shape (n, pixels).

        Their distance, in frames, from the middle of the chunk, shape (n,).
        """
        width = self._widths[level]
        slope = (width * self.slope).astype(np.float32)
        z = sums.astype(np.float32)
        z -= (width * self.mean).astype(np.float32)
        z -= later.astype(np.float32)[:, np.newaxis] * slope
        z /= (np.sqrt(width) * self.sigma).astype(np.float32)
        np.minimum(np.maximum(z, -_CLIP_SIGMA, out=z), _CLIP_SIGMA, out=z)
        of_pixel = np.einsum("ij,ij->j", z, z) / len(z)
        weight = 1 / min(self._n_measured + 1, _AVERAGE_OVER)
        quiet: Any = slice(None)
        if self._n_measured >= _OWN_OVER:
            quiet = self._of_pixel[level] <= _MUCH_MORE * self._second[level]
        self._second[level] += weight * (float(of_pixel[quiet].mean()) - self._second[level])
        if width == 1:
            third = float(np.einsum("ij,ij,ij->j", z, z, z)[quiet].mean()) / len(z)
            self._third += weight * (third - self._third)
        own_weight = 1 / min(self._n_measured + 1, _OWN_OVER)
        self._of_pixel[level] += own_weight * (of_pixel - self._of_pixel[level])

    def measured(self) -> None:
        """Take note that all widths of a chunk were measured."""
        self._n_measured += 1

    def level(self, level: int, u: float) -> Level:
        """Mean, threshold with the tail of `u` sigma of a Gaussian, and noise of the sums of a width."""
        width, second = self._widths[level], self._second[level]
        of_pixel = self._of_pixel[level]
        if self._n_measured >= _OWN_OVER:  # fewer say too little of one pixel
            own = np.where(of_pixel > _MUCH_MORE * second, of_pixel, second)
        else:
            own = np.full(len(of_pixel), second)
        sigma = np.sqrt(width * own) * self.sigma
        skewness = self._third / (self._second[0] ** 1.5 * np.sqrt(width)) * self._skew_of_pixel
        skewness = skewness.clip(0, _MAX_SKEWNESS)
        mean = width * self.mean
        return Level(mean, mean + sigma * skewed(u, skewness), width * self.slope, sigma, skewness)


def _median(rows: list[Reals]) -> Reals:
    """Median of each pixel; a fifth of the time of `numpy.median` for so few rows."""
    ordered = np.sort(np.stack(rows, axis=1), axis=1)
    n = len(rows)
    return np.asarray((ordered[:, (n - 1) // 2] + ordered[:, n // 2]) / 2)
