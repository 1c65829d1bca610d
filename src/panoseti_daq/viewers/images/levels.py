"""Levels: the pixel values of the first and the last color."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.viewers.choice import Choice

N_COLORS: Final = 255
NO_DATA: Final = 255
"""Index of a pixel without data."""

LOW_QUANTILE: Final = 0.01
HIGH_QUANTILE: Final = 0.998  # two pixels of a module may be hot without darkening the rest
N_ROLLING: Final = 30  # images whose quantiles are remembered
N_ROLLING_PULSES: Final = 120  # of pulse heights, where one image is nothing like the next
_DECADES: Final = np.float32(1000)  # three decades of a logarithmic scale
_SOFT: Final = np.float32(10)  # from where on asinh is a logarithm, the inverse of the part of the range


class LevelsMode(Choice):
    """How levels are found."""

    ROLLING = "rolling"
    """Quantiles of the last images: steady, and a hot pixel does no harm."""
    FRAME = "frame"
    """Smallest and largest pixel of this image."""
    FIXED = "fixed"
    """As given, else as they were when this was chosen."""


class Scale(Choice):
    """How values between the levels become colors."""

    LINEAR = "linear"
    SQRT = "sqrt"
    LOG = "log"
    ASINH = "asinh"

    def apply(self, part: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Colors from 0 to 1 of values that lie from 0 to 1 between the levels."""
        match self:
            case Scale.SQRT:
                part = np.sqrt(part)
            case Scale.LOG:
                part = np.log1p(_DECADES * part) / np.log1p(_DECADES)
            case Scale.ASINH:
                part = np.arcsinh(_SOFT * part) / np.arcsinh(_SOFT)
        return part


class Levels(NamedTuple):
    """Pixel values of the first and the last color, ADC counts."""

    low: float
    high: float


def frame_levels(pixels: npt.NDArray[Any]) -> Levels:
    """Smallest and largest pixel."""
    return Levels(float(pixels.min()), float(pixels.max()))


def quantile_levels(pixels: npt.NDArray[Any]) -> Levels:
    """Quantiles `LOW_QUANTILE` and `HIGH_QUANTILE` of one image."""
    flat = pixels.ravel()
    low, high = int(LOW_QUANTILE * (flat.size - 1)), round(HIGH_QUANTILE * (flat.size - 1))
    ordered = np.partition(flat, (low, high))
    return Levels(float(ordered[low]), float(ordered[high]))


class RollingLevels:
    """Levels that follow the last images."""

    def __init__(self, n_images: int = N_ROLLING) -> None:
        self.levels = Levels(0.0, 1.0)  # The levels now; 0 and 1 as long as there was no image
        self._lows: deque[float] = deque(maxlen=n_images)
        self._highs: deque[float] = deque(maxlen=n_images)

    def add(self, pixels: npt.NDArray[Any]) -> None:
        """Take an image into account; shape and order of the pixels do not matter."""
        levels = quantile_levels(pixels)
        self._lows.append(levels.low)
        self._highs.append(levels.high)
        self.levels = common_levels(zip(self._lows, self._highs, strict=True))

    def clear(self) -> None:
        """Forget the images."""
        self._lows.clear()
        self._highs.clear()


def common_levels(levels: Iterable[tuple[float, float]]) -> Levels:
    """Levels for several images: one in five of their lows and of their highs lies outside.

    One huge pulse does not darken all others.
    """
    pairs = list(levels)
    if not pairs:
        return Levels(0.0, 1.0)
    lows, highs = sorted(pair[0] for pair in pairs), sorted(pair[1] for pair in pairs)
    n_outside = len(pairs) // 5
    return Levels(lows[n_outside], highs[-1 - n_outside])


def color_indices(
    image: npt.NDArray[Any],  # Any shape
    levels: Levels,  # What gets color 0 and color `N_COLORS` - 1; beyond them it is the same
    # Where there is data, of the same shape; None for everywhere. Elsewhere the index is `NO_DATA`
    valid: npt.NDArray[np.bool_] | None = None,
    scale: Scale = Scale.LINEAR,  # How colors are spread between the levels
) -> npt.NDArray[np.uint8]:
    """Index of the color of each pixel."""
    span = max(levels.high - levels.low, 1e-9)
    part = ((image.astype(np.float32) - np.float32(levels.low)) * np.float32(1 / span)).clip(0, 1)
    indices: npt.NDArray[np.uint8] = np.rint(scale.apply(part) * np.float32(N_COLORS - 1)).astype(np.uint8)
    if valid is not None:
        indices[~valid] = NO_DATA
    return indices
