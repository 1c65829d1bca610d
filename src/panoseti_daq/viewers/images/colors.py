"""Colors of pixels: levels, scales, and the maps of matplotlib (public domain, CC0), sampled at 17 places."""

from __future__ import annotations

import functools
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


_SAMPLES: Final = {
    "plasma": "0d0887 310597 4c02a1 6600a7 7e03a8 9511a1 aa2395 bc3587 cc4778 d9586a e56b5d f07f4f f89441 fdab33"
    " fdc328 f9dd25 f0f921",
    "viridis": "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c 1f9f88 27ad81 3dbc74 5cc863 81d34d"
    " aadc32 d5e21a fde725",
    "inferno": "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 d04545 e35933 f1711f f98c0a fcaa0f"
    " f9c932 f2e865 fcffa4",
    "cividis": "00204d 002c69 06366e 2d426c 414d6b 52596c 61646f 6f7073 7d7c78 8b8779 9b9477 aca174 bcaf6f cebc68"
    " e0cb5e f2da50 ffea46",
    "gray": "000000 ffffff",
}
NOTHING: Final = 0x2B2B36  # pixels that nobody measured
NOTHING_RED: Final = 0x1C0403
_BRIGHTNESS: Final = np.array([0.299, 0.587, 0.114])  # of red, green and blue to the eye
_RED: Final = np.array([1.0, 0.16, 0.1])


class ColorMap(Choice):
    """Color maps; all but gray are even to the eye, cividis also to the color-blind."""

    PLASMA = "plasma"
    VIRIDIS = "viridis"
    INFERNO = "inferno"
    CIVIDIS = "cividis"
    GRAY = "gray"


@functools.cache
def color_table(colormap: ColorMap, *, red: bool = False) -> npt.NDArray[np.uint8]:
    """Red, green and blue of every color: shape (`N_COLORS`, 3), from low to high; or shades of red alone."""
    samples = np.array([list(bytes.fromhex(text)) for text in _SAMPLES[colormap].split()])
    at = np.linspace(0, len(samples) - 1, N_COLORS)
    table = np.stack([np.interp(at, np.arange(len(samples)), channel) for channel in samples.T], axis=1)
    if red:
        table = np.outer(table @ _BRIGHTNESS, _RED)
    return np.asarray(np.rint(table), np.uint8)


@functools.cache
def rgba_table(colormap: ColorMap, *, red: bool = False) -> npt.NDArray[np.uint8]:
    """Red, green, blue and opacity of every index that `color_indices` gives: shape (256, 4), `NO_DATA` last."""
    table = np.full((N_COLORS + 1, 4), 255, np.uint8)
    table[:N_COLORS, :3] = color_table(colormap, red=red)
    table[N_COLORS, :3] = list((NOTHING_RED if red else NOTHING).to_bytes(3))
    return table


@functools.cache
def rgb_table(colormap: ColorMap, *, red: bool = False) -> npt.NDArray[np.uint32]:
    """Return the colors of `rgba_table` as numbers, ``0xffRRGGBB``: shape (256,)."""
    red, green, blue, opacity = rgba_table(colormap, red=red).astype(np.uint32).T
    return np.asarray(opacity << 24 | red << 16 | green << 8 | blue, np.uint32)
