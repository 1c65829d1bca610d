"""Legend of a chart window: a table with the color of each row. Imports Qt."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.viewers.charts.pens import SAMPLE_PX, Emphasis, Pen, sample
from panoseti_daq.viewers.host import theme

_Index = QtCore.QModelIndex | QtCore.QPersistentModelIndex
_Role = QtCore.Qt.ItemDataRole
_NOWHERE: Final = QtCore.QModelIndex()
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


class _Rows(QtCore.QAbstractTableModel):
    """The rows; only those that can be seen are ever asked for."""

    def __init__(self, headings: Sequence[str]) -> None:
        super().__init__()
        self.headings = tuple(headings)
        self.rows: list[Row] = []
        self.emphasis = Emphasis()

    def rowCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:  # noqa: N802 - Qt's name
        return 0 if parent.isValid() else len(self.headings)

    def headerData(self, section: int, orientation: QtCore.Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        if role == _Role.DisplayRole and orientation == QtCore.Qt.Orientation.Horizontal:
            return self.headings[section]
        if role == _Role.TextAlignmentRole:
            return _aligned(section)
        return None

    def data(self, index: _Index, role: int = 0) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == _Role.DisplayRole:
            return row.texts[column]
        if role == _Role.DecorationRole and column == 0 and row.pen:
            return sample(row.pen)
        if role == _Role.ForegroundRole and (column in row.alarm or row.name in self.emphasis.hidden):
            return QtGui.QColor(theme.now().alarm if column in row.alarm else theme.now().dim)
        if role == _Role.BackgroundRole and row.name in self.emphasis.highlighted:
            return QtGui.QColor(theme.now().background)
        if role == _Role.TextAlignmentRole:
            return _aligned(column)
        return None

    def show(self, rows: list[Row]) -> None:
        if len(rows) == len(self.rows):  # keeps what the user scrolled to
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(self.headings) - 1))
        else:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()


def _aligned(column: int) -> QtCore.Qt.AlignmentFlag:
    side = QtCore.Qt.AlignmentFlag.AlignRight if column else QtCore.Qt.AlignmentFlag.AlignLeft
    return side | QtCore.Qt.AlignmentFlag.AlignVCenter


class LegendTable(QtWidgets.QTableView):
    """A legend with current values; a click on a row highlights its curve, with the right button it hides it.

    `headings`: of the columns. `widths`: of the columns but the first, which takes what is left, pixels.
    """

    chosen = QtCore.Signal()

    def __init__(self, headings: Sequence[str], widths: Sequence[int]) -> None:
        super().__init__()
        self._rows = _Rows(headings)
        self.setModel(self._rows)
        self.restyle()
        self.setShowGrid(False)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)  # keys are for the window
        self.setWordWrap(False)
        self.setTextElideMode(QtCore.Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.verticalHeader().setMinimumSectionSize(_ROW_HEIGHT)
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

    @property
    def emphasis(self) -> Emphasis:
        """What the mouse brought out, or put away."""
        return self._rows.emphasis

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Highlight or hide the curve of a row."""
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and (name := self.rows[index.row()].name) is not None:
            self.emphasis.click(name, hide=event.button() == QtCore.Qt.MouseButton.RightButton)
            self.viewport().update()
            self.chosen.emit()

    def show_rows(self, rows: list[Row]) -> None:
        """Show these rows."""
        self._rows.show(rows)

    @property
    def rows(self) -> list[Row]:
        """The rows that are shown."""
        return self._rows.rows
