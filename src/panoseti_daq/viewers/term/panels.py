"""Panels as text: title, scale, and two pixels per character, as half blocks in color or as ASCII characters."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.pff import Kind
from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.colors import N_COLORS, NO_DATA, ColorMap, Levels, rgba_table
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.titles import KIND_NAMES, Span, Tone
from panoseti_daq.viewers.modules import Module, Names

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


def next_theme() -> None:
    """Draw in the next theme."""
    theme.choose(theme.now().name.next)
    cell_style.cache_clear()
    _color.cache_clear()


_STYLES: Final = {
    Tone.HEAD: Style(bold=True),
    Tone.NORMAL: Style.null(),
    Tone.OLD: Style(color="bright_black"),
    Tone.WARNING: Style(color="bright_yellow"),
    Tone.BAD: Style(color="bright_red"),
}
_LEAST_HOST: Final = 8  # letters
_HATCH: Final = 4  # pixels between the stripes over what is silent


@dataclass(frozen=True, slots=True)
class PanelStyle:
    """How panels are drawn."""

    scale: int  # Pixels along a side that become one: 1 or 2
    colormap: ColorMap | None  # Colors; None for ASCII characters
    now_s: float  # What ages are counted to, on the clock of the viewers, s
    called: Names  # What modules are called

    @property
    def is_small(self) -> bool:
        """Whether there is only room for a title."""
        return self.scale > 1

    @property
    def n_columns(self) -> int:
        """Width of a panel."""
        return MODULE_SIZE // self.scale

    @property
    def n_lines(self) -> int:
        """Height of a panel."""
        return self.n_columns // 2 + (2 if self.is_small else 4)


def panel_lines(panel: Panel, look: PanelStyle) -> list[TextLine]:
    """A panel as `look.n_lines` lines of `look.n_columns` columns."""
    indices = _indices(panel, look)
    picture = ramp(indices) if look.colormap is None else half_blocks(indices, look.colormap)
    lines = [*_title(panel, look), *picture]
    if not look.is_small:
        about = panel.quabo_ages(look.now_s) if panel.product.one_quabo else _about_pixels(panel)
        lines += [_scale(panel.levels, look), _words(look, *about)]
    return lines


def empty_lines(module: Module, kind: Kind, look: PanelStyle) -> list[TextLine]:
    """The place of a panel that has no frame."""
    text = f"{look.called(module)}: no {KIND_NAMES[kind]} yet"
    return [_words(look, Span(text, Tone.OLD)), *[_words(look)] * (look.n_lines - 1)]


def _indices(panel: Panel, look: PanelStyle) -> npt.NDArray[np.uint8]:
    """Colors of means of squares of pixels; what is silent is dimmed and striped."""
    side = MODULE_SIZE // look.scale
    blocks = panel.indices.reshape(side, look.scale, side, look.scale)
    known = blocks != NO_DATA
    means = np.where(known, blocks, 0).sum(axis=(1, 3)) / np.maximum(known.sum(axis=(1, 3)), 1)
    indices: npt.NDArray[np.uint8] = np.rint(means).astype(np.uint8)
    stripes = np.add.outer(np.arange(side), np.arange(side)) % _HATCH == 0
    for quabo in panel.silent(look.now_s):
        rows, columns = (slice(None),) * 2 if quabo is None else quadrant(quabo)
        where = (_shrunk(rows, look.scale), _shrunk(columns, look.scale))
        indices[where] = np.where(stripes[where], N_COLORS - 1, indices[where] // 3)
    indices[~known.any(axis=(1, 3))] = NO_DATA
    return indices


def _shrunk(part: slice, scale: int) -> slice:
    return part if part.start is None else slice(part.start // scale, part.stop // scale)


def _title(panel: Panel, look: PanelStyle) -> list[TextLine]:
    caption = panel.caption(look.now_s, look.called(panel.module).host, short=look.is_small)
    frame, tone = panel.newest.frame, caption.age.tone
    quabo = "" if frame.key.quabo is None else f" Q{frame.key.quabo}"
    what = f"{frame.product.token}{quabo}"
    name, *hosts = (span.text for span in caption.name)
    # Of a host its end is seen, which differs from that of another.
    name += "".join(f" {host[-max(_LEAST_HOST, look.n_columns - len(f'{name} {what} ')) :]}" for host in hosts)
    number = f" #{frame.frame_number}"
    if len(f"{name} {what}{number}") <= look.n_columns:  # never a part of a number
        what += number
    warned = caption.wrong[:1]
    if look.is_small:
        second = (*(warned or [caption.time]), caption.age)
    elif warned:
        second = (Span(caption.time.text[:8], tone), *warned, caption.age)
    else:
        second = (Span(f"{caption.time.text} UTC", tone), Span(f"{caption.age.text} old", tone))
    return [_words(look, Span(name, Tone.HEAD), Span(what, tone)), _words(look, *second)]


def _scale(levels: Levels, look: PanelStyle) -> TextLine:
    low, high = f"{levels.low:.0f}", f"{levels.high:.0f}"
    n_columns = look.n_columns - len(f"{low}  {high} ADC")
    style = _red(Tone.NORMAL) if theme.now().is_red else None
    return [Segment(f"{low} ", style), *color_scale(n_columns, look.colormap), Segment(f" {high} ADC", style)]


def _about_pixels(panel: Panel) -> list[Span]:
    pixels = panel.measured
    if not pixels.size:
        return [Span("no pixel has light", Tone.WARNING)]
    return [Span(f"min {pixels.min()}  mean {pixels.mean():.1f}  max {pixels.max()}", Tone.NORMAL)]


def _words(look: PanelStyle, *words: Span) -> TextLine:
    """A line of words with a blank between them, cut or filled to the width of a panel."""
    line: TextLine = []
    for text, tone in words:
        line += [Segment(text, _red(tone) if theme.now().is_red else _STYLES[tone]), Segment(" ")]
    return Segment.adjust_line_length(line, look.n_columns)


def _red(tone: Tone) -> Style:
    now = theme.now()
    colors = {Tone.HEAD: now.strong, Tone.OLD: now.dim, Tone.WARNING: now.warning, Tone.BAD: now.alarm}
    return Style(color=colors.get(tone, now.foreground))


def dim() -> Style:
    """Style of what may be overlooked."""
    return _red(Tone.OLD) if theme.now().is_red else _STYLES[Tone.OLD]
