"""Pens of curves: color, width and dashes, as a legend shows them, too. Imports Qt."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from PySide6 import QtCore, QtGui

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.modules import Module, Names

SAMPLE_PX: Final = (24, 12)
"""Width and height of a pen's picture in a legend."""

_SECOND: Final = (4.0, 3.0)  # dashes of what stands beside the first curve of the same color
_FAINT: Final = 60  # opacity beside a highlighted curve, 0-255
_OPAQUE: Final = 255
_OF_NEXT_HOST: Final = 257  # added to a number of a module: no module has it


@dataclass(frozen=True, slots=True)
class Pen:
    """How a curve is drawn."""

    color: theme.RgbColor  # Red, green and blue, 0-255
    width: int = 1  # Pixels
    dashes: tuple[float, ...] = ()  # Lengths of dashes and gaps, in widths; empty for a solid line
    opacity: int = _OPAQUE  # 0 to 255

    @classmethod
    def of(cls, module_id: int, width: int = 1, *, second: bool = False) -> Self:
        """Pen of a module; the second one of it is thin, and dashed if modules do not differ by dashes."""
        dashes = theme.module_dashes(module_id)
        if second:
            return cls(theme.module_color(module_id), 1, dashes or _SECOND)
        return cls(theme.module_color(module_id), width, dashes)

    @property
    def qt(self) -> Any:
        """The same for Qt."""
        pen = pg.mkPen((*self.color, self.opacity), width=self.width)
        if self.dashes:
            pen.setDashPattern(self.dashes)
        return pen


def pen_number(module: Module, names: Names) -> int:
    """Return whose pen a module has: that of its number; of another host's, one that is far from it."""
    return module.module_id + _OF_NEXT_HOST * names.rank(module)


def second_text() -> str:
    """Return how the second curves of `Pen.of` look."""
    return "thin" if theme.module_dashes(1) else "dashed"


@functools.lru_cache(256)
def sample(pen: Pen) -> QtGui.QPixmap:
    """Picture of a pen: a bar of its color, or a line where it is dashed."""
    picture = QtGui.QPixmap(*SAMPLE_PX)
    picture.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(picture)
    width, height = SAMPLE_PX
    painter.setPen(replace(pen, width=3 if pen.dashes else height, opacity=_OPAQUE).qt)
    painter.drawLine(0, height // 2, width, height // 2)
    painter.end()
    return picture


class Emphasis:
    """Curves that the mouse brought out, or put away."""

    def __init__(self) -> None:
        self.highlighted: set[Hashable] = set()
        self.hidden: set[Hashable] = set()

    def click(self, name: Hashable, *, hide: bool) -> None:
        """Highlight a curve, or hide it; once more for back."""
        (self.hidden if hide else self.highlighted).symmetric_difference_update({name})

    def pen(self, name: Hashable, pen: Pen) -> Pen:
        """Return the pen of a curve as it is now: those beside a highlighted one are faint."""
        if name in self.hidden:
            return replace(pen, opacity=0)
        if not self.highlighted:
            return pen
        if name in self.highlighted:
            return replace(pen, width=pen.width + 1, opacity=_OPAQUE)
        return replace(pen, width=1, opacity=_FAINT)
