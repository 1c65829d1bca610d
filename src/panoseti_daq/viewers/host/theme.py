"""Themes of all windows: dark, red for the dome at night, light; and dashes beside colors. Imports no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from panoseti_daq.viewers.choice import Choice

RgbColor = tuple[int, int, int]

LOOKS: Final = "looks"
"""Name under which theme and dashes are remembered."""


class ThemeName(Choice):
    """Names of the themes, in the order in which a key chooses them."""

    DARK = "dark"
    NIGHT = "night"
    LIGHT = "light"


@dataclass(frozen=True, slots=True)
class Theme:
    """Colors of a window, ``#rrggbb``."""

    name: ThemeName
    background: str  # Behind images and charts
    panel: str  # Of tables and the like
    foreground: str  # Of texts
    strong: str  # Of headings
    dim: str  # What may be overlooked
    # What may not; readable on both backgrounds
    warning: str
    alarm: str
    alert: str  # Behind an alarm that nobody has seen yet
    lightness: tuple[float, ...]  # Of curves, OKLCH; neighbors in hue differ in it
    # Likewise; 0 for shades of `foreground` alone
    chroma: float = 0.14  # as much as most hues have in sRGB at these lightnesses

    @property
    def is_red(self) -> bool:
        """Whether nothing but red may be seen: eyes that are used to the dark stay so."""
        return self.chroma == 0


_THEMES: Final = (
    Theme(
        ThemeName.DARK,
        background="#15151b",
        panel="#1d1d25",
        foreground="#d8dce3",
        strong="#ffffff",
        dim="#8a919e",
        warning="#ff9f1a",
        alarm="#ff6b5e",
        alert="#b00020",
        lightness=(0.78, 0.66, 0.88, 0.72),
    ),
    Theme(
        ThemeName.NIGHT,
        background="#050000",
        panel="#120000",
        foreground="#b02a1c",
        strong="#e03a28",
        dim="#7a1d14",
        warning="#d8442c",
        alarm="#ff5038",
        alert="#5a0a00",
        lightness=(1.0, 0.62, 0.8, 0.48),
        chroma=0,
    ),
    Theme(
        ThemeName.LIGHT,
        background="#ffffff",
        panel="#f2f3f5",
        foreground="#1b1e24",
        strong="#000000",
        dim="#656b76",
        warning="#9a5b00",
        alarm="#c00020",
        alert="#c00020",
        lightness=(0.52, 0.42, 0.6, 0.47),
    ),
)

_GOLDEN: Final = (math.sqrt(5) - 1) / 2  # steps of this fraction of the circle never come close to an earlier one
_RED: Final = (1.0, 0.22, 0.14)  # of full brightness in the red theme
# Dashes and gaps in widths of a pen: five that differ at a glance, and the solid line.
_DASHES: Final = ((), (6, 3), (1.5, 2.5), (8, 3, 1.5, 3), (14, 4), (3, 6))


class _Chosen:
    theme = _THEMES[0]
    has_dashes = False


def now() -> Theme:
    """Return the theme that is chosen."""
    return _Chosen.theme


def choose(name: ThemeName, *, dashes: bool = False) -> None:
    """Choose the theme of all windows of this process, and whether curves differ by dashes, too."""
    _Chosen.theme = next(theme for theme in _THEMES if theme.name is name)
    _Chosen.has_dashes = dashes


def state() -> dict[str, str | bool]:
    """Return what is remembered of the choice."""
    return {"theme": str(now().name), "dashes": has_dashes()}


def has_dashes() -> bool:
    """Return whether curves were asked to differ by dashes."""
    return _Chosen.has_dashes


def rgb(color: str) -> RgbColor:
    """Return red, green and blue of ``#rrggbb``."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def module_color(module_id: int) -> RgbColor:
    """Color of a module: the same in every chart and every session, and readable on the theme's background.

    Returns red, green and blue, 0-255.
    """
    lightness = now().lightness[module_id % len(now().lightness)]
    if now().is_red:
        red, green, blue = (round(255 * lightness * part) for part in _RED)
        return red, green, blue
    return _oklch(lightness, now().chroma, 0.15 + module_id * _GOLDEN)


def module_dashes(module_id: int) -> tuple[float, ...]:
    """Lengths of dashes and gaps of a module's curve, in widths of the pen; empty for a solid line.

    For those who do not distinguish the colors, when they want it; and in the red theme, which has no colors.
    """
    return _DASHES[module_id % len(_DASHES)] if _Chosen.has_dashes or now().is_red else ()


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
