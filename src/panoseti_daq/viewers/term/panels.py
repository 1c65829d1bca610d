"""Panel as text: title, picture, scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.pff import Kind
from panoseti_daq.pff.quabos import MODULE_SIZE, N_QUABOS
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.host.times import age_text, short_age_text, time_text
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.images.levels import Levels, LevelsMode, color_indices, frame_levels
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.titles import KIND_NAMES, Tone, tone_of, warning
from panoseti_daq.viewers.term.halfblocks import TextLine, color_scale, half_blocks, ramp

_STYLES: Final = {
    Tone.HEAD: Style(bold=True),
    Tone.NORMAL: Style.null(),
    Tone.OLD: Style(color="bright_black"),
    Tone.WARNING: Style(color="bright_yellow"),
    Tone.BAD: Style(color="bright_red"),
}


@dataclass(frozen=True, slots=True)
class PanelStyle:
    """How panels are drawn.

    Attributes
    ----------
    scale
        Pixels along a side that become one: 1 or 2.
    colormap
        Colors; None for ASCII characters.
    levels
        How levels are found.
    refresh_period_s
        What ages are judged by, s.
    clock
        Where ages are counted.
    """

    scale: int
    colormap: ColorMap | None
    levels: LevelsMode
    refresh_period_s: float
    clock: Clock = field(default_factory=Clock)

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
    """A panel as `look.n_lines` lines of `look.n_columns` columns; its levels stay when they are fixed."""
    match look.levels:
        case LevelsMode.ROLLING:
            panel.levels = panel.rolling.levels
        case LevelsMode.FRAME:
            panel.levels = frame_levels(panel.measured)
    indices = _indices(panel, look.scale)
    picture = ramp(indices) if look.colormap is None else half_blocks(indices, look.colormap)
    lines = [*_title(panel, look), *picture]
    if not look.is_small:
        about = _about_quabos(panel, look) if panel.product.one_quabo else _about_pixels(panel, look)
        lines += [_scale(panel.levels, look), about]
    return lines


def empty_lines(module_id: int, kind: Kind, look: PanelStyle) -> list[TextLine]:
    """The place of a panel that has no frame."""
    text = f"{module_id}: no {KIND_NAMES[kind]} yet"
    return [_words(look, (text, Tone.OLD)), *[_words(look)] * (look.n_lines - 1)]


def _indices(panel: Panel, scale: int) -> npt.NDArray[np.uint8]:
    """Colors of the means of squares of `scale` by `scale` pixels; no such square lies in two quabos."""
    side = MODULE_SIZE // scale
    means = panel.image.reshape(side, scale, side, scale).mean(axis=(1, 3))
    return color_indices(means, panel.levels, None if panel.valid is None else panel.valid[::scale, ::scale])


def _title(panel: Panel, look: PanelStyle) -> list[TextLine]:
    stamp, now_s = panel.newest, look.clock.now_s()
    frame, tone = stamp.frame, tone_of(stamp, now_s, look.refresh_period_s)
    quabo = "" if frame.key.quabo is None else f" Q{frame.key.quabo}"
    what = f"{frame.product.token}{quabo}"
    number = f" #{frame.frame_number}"
    if not look.is_small or len(f"{panel.module_id} {what}{number}") <= look.n_columns:  # never a part of a number
        what += number
    when, age = time_text(frame.time.unix_ns, date=False), age_text(stamp.age_s(now_s))
    said = warning(panel.status)
    if look.is_small:
        second = [(said.text, said.tone) if said else (when[:8], tone), (age, tone)]
        return [_words(look, (f"{panel.module_id}", Tone.HEAD), (what, tone)), _words(look, *second)]
    if said:
        second = [(when[:8], tone), (said.text, said.tone), (age, tone)]
    else:
        second = [(f"{when} UTC", tone), (f"{age} old", tone)]
    return [_words(look, (f"module {panel.module_id}", Tone.HEAD), (what, tone)), _words(look, *second)]


def _scale(levels: Levels, look: PanelStyle) -> TextLine:
    low, high = f"{levels.low:.0f}", f"{levels.high:.0f}"
    n_columns = look.n_columns - len(f"{low}  {high} ADC")
    return [Segment(f"{low} "), *color_scale(n_columns, look.colormap), Segment(f" {high} ADC")]


def _about_quabos(panel: Panel, look: PanelStyle) -> TextLine:
    """Age of each quabo."""
    now_s = look.clock.now_s()
    words = []
    for quabo in range(N_QUABOS):
        stamp = panel.stamps.get(quabo)
        text = "-" if stamp is None else short_age_text(stamp.age_s(now_s))
        tone = Tone.OLD if stamp is None else tone_of(stamp, now_s, look.refresh_period_s)
        words.append((f"Q{quabo} {text}", tone))
    return _words(look, *words)


def _about_pixels(panel: Panel, look: PanelStyle) -> TextLine:
    pixels = panel.measured
    text = f"min {pixels.min()}  mean {pixels.mean():.1f}  max {pixels.max()}"
    return _words(look, (text, Tone.NORMAL))


def _words(look: PanelStyle, *words: tuple[str, Tone]) -> TextLine:
    """A line of words with a blank between them, cut or filled to the width of a panel."""
    line: TextLine = []
    for text, tone in words:
        line += [Segment(text, _STYLES[tone]), Segment(" ")]
    return Segment.adjust_line_length(line, look.n_columns)
