"""Color maps as tables; the values are those of matplotlib (public domain, CC0), sampled at 17 places."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.images.levels import N_COLORS

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
