"""Legend of a chart window: pens of curves, and a table that shows them. Imports Qt."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from PySide6 import QtCore, QtGui, QtWidgets

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


_ROW_HEIGHT: Final = 19  # pixels
MOUSE: Final = (("click on a row", "Highlight its curve"), ("right button on a row", "Hide its curve"))
"""What the mouse does, for the help of a window."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table."""

    texts: tuple[str, ...]
    pen: Pen | None = None  # Of its curve, shown before the first text; None for no curve
    alarm: frozenset[int] = frozenset()  # Columns that are shown in the color of an alarm
    name: Hashable = None  # Of its curves, for `Emphasis`; None for a row that has none


class LegendTable(QtWidgets.QTableWidget):
    """A legend with current values; a click on a row highlights its curve, with the right button it hides it.

    `headings`: of the columns. `widths`: of the columns but the first, which takes what is left, pixels.
    """

    chosen = QtCore.Signal()

    def __init__(self, headings: Sequence[str], widths: Sequence[int]) -> None:
        super().__init__(0, len(headings))
        self.rows: list[Row] = []  # The rows that are shown
        self.emphasis = Emphasis()
        self._looks: dict[int, object] = {}
        for column, text in enumerate(headings):
            self.setHorizontalHeaderItem(column, _cell(column, text))
        self.restyle()
        self.setShowGrid(False)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)  # keys are for the window
        self.setWordWrap(False)
        self.setTextElideMode(QtCore.Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.setIconSize(QtCore.QSize(*SAMPLE_PX))
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(widths, 1):
            header.resizeSection(column, width)

    def restyle(self) -> None:
        """Take the colors of the theme."""
        now = theme.now()
        self.setStyleSheet(
            f"QTableView {{ background: {now.panel}; border: none; font-size: 10pt; }}"
            "QTableView::item { padding-right: 5px; }"
            f"QHeaderView::section {{ background: {now.background}; color: {now.dim}; border: none;"
            " font-size: 10pt; padding: 2px; }"
        )

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Highlight or hide the curve of a row."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and (name := self.rows[index.row()].name) is not None:
            self.emphasis.click(name, hide=event.button() == QtCore.Qt.MouseButton.RightButton)
            self.chosen.emit()

    def show_rows(self, rows: list[Row]) -> None:
        """Show these rows; what the user scrolled to stays."""
        self.rows = rows
        self.setRowCount(len(rows))
        with QtCore.QSignalBlocker(self.model()):  # which would have the view look at each cell by itself
            for i, row in enumerate(rows):
                cells = [self._cell(i, column) for column in range(len(row.texts))]
                for cell, text in zip(cells, row.texts, strict=True):
                    cell.setText(text)
                self._color(i, row, cells)
        self.viewport().update()

    def _cell(self, i: int, column: int) -> QtWidgets.QTableWidgetItem:
        if (cell := self.item(i, column)) is None:
            self._looks.pop(i, None)
            self.setItem(i, column, cell := _cell(column))
        return cell

    def _color(self, i: int, row: Row, cells: list[QtWidgets.QTableWidgetItem]) -> None:
        now, role = theme.now(), QtCore.Qt.ItemDataRole
        letters = now.dim if row.name in self.emphasis.hidden else None
        behind = now.background if row.name in self.emphasis.highlighted else None
        look = row.pen, row.alarm, letters, behind, now.name
        if self._looks.get(i) == look:
            return
        self._looks[i] = look
        for column, cell in enumerate(cells):
            color = now.alarm if column in row.alarm else letters
            cell.setData(role.ForegroundRole, color and QtGui.QColor(color))
            cell.setData(role.BackgroundRole, behind and QtGui.QColor(behind))
        cells[0].setData(role.DecorationRole, row.pen and sample(row.pen))


def _cell(column: int, text: str = "") -> QtWidgets.QTableWidgetItem:
    cell = QtWidgets.QTableWidgetItem(text)
    side = QtCore.Qt.AlignmentFlag.AlignRight if column else QtCore.Qt.AlignmentFlag.AlignLeft
    cell.setTextAlignment(side | QtCore.Qt.AlignmentFlag.AlignVCenter)
    return cell
