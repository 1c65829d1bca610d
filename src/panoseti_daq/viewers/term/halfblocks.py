"""Images as text: two pixels per character cell, as half blocks in color or as a ramp of ASCII characters."""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.colors import ColorMap, rgba_table
from panoseti_daq.viewers.images.levels import N_COLORS, NO_DATA

N_SHADES: Final = 64
"""Colors of a picture: more would be sent at every refresh, over ssh, for differences that nobody sees."""

UPPER_HALF: Final = "\u2580"
RAMP: Final = ".:-=+*#%@"
"""From dark to bright; a blank is no data."""

_NO_SHADE: Final = N_SHADES  # of pixels that nobody measured

TextLine = list[Segment]
Indices = npt.NDArray[np.uint8]


def half_blocks(indices: Indices, colormap: ColorMap) -> list[TextLine]:
    """Lines of upper half blocks: the foreground is the upper pixel, the background the lower.

    `indices`: what `color_indices` gives for an image with an even number of rows; row 0 comes on top. `colormap`:
    the colors.
    """
    shades = _shades(indices)
    return [
        [Segment(UPPER_HALF, cell_style(colormap, *pair)) for pair in zip(uppers, lowers, strict=True)]
        for uppers, lowers in zip(shades[::2].tolist(), shades[1::2].tolist(), strict=True)
    ]


def ramp(indices: Indices) -> list[TextLine]:
    """Lines of ASCII characters, the denser the brighter: each shows the brighter one of its two pixels."""
    pairs = np.where(indices == NO_DATA, -1, indices.astype(np.int16) * len(RAMP) // N_COLORS)
    return [
        [Segment("".join(RAMP[i] if i >= 0 else " " for i in row))]
        for row in np.maximum(pairs[::2], pairs[1::2]).tolist()
    ]


def color_scale(n_columns: int, colormap: ColorMap | None) -> TextLine:
    """A line with all colors from low to high, or all characters when there is no color map."""
    at = np.linspace(0, 1, n_columns)
    if colormap is None:
        return [Segment("".join(RAMP[i] for i in np.rint(at * (len(RAMP) - 1)).astype(int)))]
    shades = np.rint(at * (N_SHADES - 1)).astype(int).tolist()
    return [Segment(" ", Style(bgcolor=_color(colormap, shade))) for shade in shades]


def _shades(indices: Indices) -> npt.NDArray[np.uint8]:
    shades = (indices.astype(np.uint16) * N_SHADES // N_COLORS).astype(np.uint8)
    shades[indices == NO_DATA] = _NO_SHADE
    return shades


@functools.cache
def cell_style(colormap: ColorMap, upper: int, lower: int) -> Style:
    """Style of a half block of two shades."""
    return Style(color=_color(colormap, upper), bgcolor=_color(colormap, lower))


@functools.cache
def _color(colormap: ColorMap, shade: int) -> Color:
    index = NO_DATA if shade == _NO_SHADE else round(shade * (N_COLORS - 1) / (N_SHADES - 1))
    return Color.from_rgb(*rgba_table(colormap, red=theme.now().is_red)[index, :3].tolist())


def forget_styles() -> None:
    """Make the styles again: the theme was changed."""
    cell_style.cache_clear()
    _color.cache_clear()
