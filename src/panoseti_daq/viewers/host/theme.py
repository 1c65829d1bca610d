"""Colors that all windows share: dark, for an observer's eyes at night and because plasma looks best on it."""

from __future__ import annotations

import math
from typing import Final

RgbColor = tuple[int, int, int]

BACKGROUND: Final = "#15151b"  # as behind the images of `view`
PANEL: Final = "#1d1d25"  # tables and the like, a little lighter
FOREGROUND: Final = "#d8dce3"
DIM: Final = "#8a919e"  # what may be overlooked
ALARM: Final = "#ff6b5e"  # what may not; readable on both backgrounds
ALARM_RGB: Final[RgbColor] = (0xFF, 0x6B, 0x5E)

_GOLDEN: Final = (math.sqrt(5) - 1) / 2  # steps of this fraction of the circle never come close to an earlier one
_LIGHTNESS: Final = (0.78, 0.66, 0.88, 0.72)  # OKLCH; neighbours in hue differ in this
_CHROMA: Final = 0.14  # OKLCH; as much as most hues have in sRGB at these lightnesses


def module_color(module_id: int) -> RgbColor:
    """Color of a module: the same in every chart and every session, and readable on `BACKGROUND`.

    Parameters
    ----------
    module_id
        Telescope module, 0-255.

    Returns
    -------
    tuple of int
        Red, green and blue, 0-255.
    """
    return _oklch(_LIGHTNESS[module_id % len(_LIGHTNESS)], _CHROMA, 0.15 + module_id * _GOLDEN)


def _oklch(lightness: float, chroma: float, turns: float) -> RgbColor:
    """SRGB of a color in OKLCH (Ottosson 2020, https://bottosson.github.io/posts/oklab/), clipped."""
    a, b = chroma * math.cos(math.tau * turns), chroma * math.sin(math.tau * turns)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _srgb(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _srgb(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _srgb(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _srgb(linear: float) -> int:
    linear = min(1.0, max(0.0, linear))
    value = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(255 * value)
