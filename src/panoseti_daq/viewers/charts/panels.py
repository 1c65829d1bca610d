"""Parts of chart windows: panels, a time axis in UTC, a text while there is no data. Imports Qt."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from PySide6 import QtCore, QtGui, QtWidgets

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.viewers.charts.table import LegendTable, Pen
from panoseti_daq.viewers.host import theme

_TITLE_POINTS: Final = 11
_AXIS_POINTS: Final = 10
_SHORTEST_AXIS_S: Final = 30.0
LEAST_GAP_S: Final = 1.0  # of light curves; shorter ones are jitter of the network
_MOST_MARKS: Final = 1000  # more are slow and look alike
_LEFT_AXIS_WIDTH: Final = 64  # pixels: panels above each other begin at the same place


class LogAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """An axis whose values are log10 of what its labels say: 1, 10, 100; with 2 and 5 where there is room."""

    _FEW_DECADES: Final = 2.2
    is_log = True
    """False while the values are what the labels say."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: N802
        """Places of the labelled ticks, and of those without a label."""
        if not self.is_log:
            return list(super().tickValues(low, high, size))
        decades = range(math.floor(low), math.ceil(high) + 1)
        labelled = (1, 2, 5) if high - low < self._FEW_DECADES else (1,)

        def places(factors: Iterable[int]) -> list[float]:
            values = [decade + math.log10(factor) for decade in decades for factor in factors]
            return [value for value in values if low <= value <= high]

        return [(1.0, places(labelled)), (0.1, places(set(range(1, 10)) - set(labelled)))]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:  # noqa: N802
        """Labels."""
        if not self.is_log:
            return list(super().tickStrings(values, scale, spacing))
        return [
            f"{float(f'{10**value:.3g}'):,.7g}" if spacing == 1.0 else ""
            for value in (round(value, 6) for value in values)
        ]


class ChartPanel:
    """One pair of axes with a title, and a text in it where there is nothing."""

    def __init__(
        self,
        layout: Any,  # What to add a row to
        # Labels of the axes with their units; no label for an empty one
        left: str,
        bottom: str = "",
        *,
        axes: dict[str, Any] | None = None,  # 'left' and 'bottom' when they are not linear; `utc_axis`, `LogAxis`
        # The panel above, which has the same bottom axis and needs no numbers at it
        above: ChartPanel | None = None,
    ) -> None:
        self.plot = layout.addPlot(row=layout.ci.layout.rowCount(), col=0, axisItems=axes or {})
        if above is not None:
            self.plot.setXLink(above.plot)
            above.bottom.setStyle(showValues=False)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.showGrid(x=True, y=True, alpha=0.15)
        self.left: Any = self.plot.getAxis("left")
        self.left.setWidth(_LEFT_AXIS_WIDTH)
        self.bottom: Any = self.plot.getAxis("bottom")
        self._labels = left, bottom
        self._nothing = pg.LabelItem(size=f"{_TITLE_POINTS}pt")
        self._nothing.setParentItem(self.plot.getViewBox())
        self._nothing.anchor((0.5, 0.5), (0.5, 0.5))
        self._title = ""
        self._curves: dict[object, Any] = {}
        self.looks: dict[object, Pen] = {}  # Pens of the curves that are drawn
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme; those of the curves come with the next `draw`."""
        for axis, label in zip((self.left, self.bottom), self._labels, strict=True):
            _style(axis, label)
        self._nothing.setText(self._nothing.text, color=theme.now().dim)
        self.plot.setTitle(self._title or None, color=theme.now().foreground, size=f"{_TITLE_POINTS}pt")

    def title(self, text: str) -> None:
        """Set the title; costs nothing when it is the same."""
        if text != self._title:
            self._title = text
            self.plot.setTitle(text, color=theme.now().foreground, size=f"{_TITLE_POINTS}pt")

    def nothing(self, text: str) -> None:
        """Say in the middle why there are no curves; an empty text when there are."""
        self._nothing.setText(text, color=theme.now().dim)

    def draw(self, name: object, x: Any, y: Any, pen: Pen, *, legend: str = "", **options: Any) -> None:
        """Draw a curve through points; the one of the same name is replaced.

        One with a legend has marks at its points, too, if they are few.
        """
        if legend:
            options["symbol"] = "o" if len(x) < _MOST_MARKS else None
        if name not in self._curves:
            marks = {"symbolSize": 3, "symbolBrush": pen.qt.color(), "symbolPen": None, "name": legend}
            item = pg.PlotDataItem(**marks) if legend else pg.PlotCurveItem()
            item.setPen(pen.qt)
            self._curves[name] = item
            self.plot.addItem(item)
        elif self.looks[name] != pen:
            self._curves[name].setPen(pen.qt)
        self._curves[name].setData(x, y, **options)
        self.looks[name] = pen

    @property
    def curves(self) -> dict[object, tuple[Any, Any]]:
        """Points of the curves that are drawn."""
        return {name: curve.getData() for name, curve in self._curves.items()}

    def keep(self, names: set[Any]) -> None:
        """Remove the curves of other names."""
        for name in self._curves.keys() - names:
            self.plot.removeItem(self._curves.pop(name))
            del self.looks[name]

    def y_range(self, low: float, high: float) -> None:
        """What the left axis shows."""
        self.plot.setYRange(low, high, padding=0)


def add_switch(
    widget: QtWidgets.QWidget, text: str, key: str, checked: bool, do: Callable[[], None]
) -> QtGui.QAction:
    """Add an action with a key to a widget, that is on or off, and calls `do` when it changes."""
    action = QtGui.QAction(text, widget, checkable=True, checked=checked)
    action.setShortcut(QtGui.QKeySequence(key))
    action.toggled.connect(do)
    widget.addAction(action)
    return action


def utc_axis() -> Any:
    """A bottom axis for Unix times, s."""
    return pg.DateAxisItem("bottom", utcOffset=0)


def _style(axis: Any, text: str) -> None:
    axis.enableAutoSIPrefix(False)
    axis.setPen(theme.now().dim)
    axis.setTextPen(theme.now().foreground)
    font = QtGui.QFont()
    font.setPointSize(_AXIS_POINTS)
    axis.setStyle(tickFont=font)
    if text:
        axis.setLabel(text, **{"color": theme.now().foreground, "font-size": f"{_AXIS_POINTS}pt"})


class ChartPage(QtWidgets.QStackedWidget):
    """Charts above each other beside a table; or, as long as there is nothing to draw, a text.

    `side`: what stands on the right, with its width in pixels.
    """

    def __init__(self, side: LegendTable, side_width: int) -> None:
        super().__init__()
        self.panels: list[ChartPanel] = []  # From top to bottom
        self._side = side
        self._text = QtWidgets.QLabel(alignment=QtCore.Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        self.layout_ = pg.GraphicsLayoutWidget()
        self.layout_.ci.layout.setVerticalSpacing(2)
        self._side_width = side_width
        self._charts = QtWidgets.QSplitter(QtCore.Qt.Orientation.Horizontal)
        self._charts.addWidget(self.layout_)
        self._charts.addWidget(side)
        self._charts.setStretchFactor(0, 1)
        self._charts.setStretchFactor(1, 0)
        self.addWidget(self._text)
        self.addWidget(self._charts)
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme."""
        now = theme.now()
        self.setStyleSheet(
            f"QWidget {{ background: {now.background}; color: {now.foreground}; }}"
            f"QSplitter::handle {{ background: {now.panel}; }}"
        )
        self._text.setStyleSheet(f"font-size: 16pt; color: {now.dim}; padding: 40px;")
        self.layout_.setBackground(now.background)
        self._side.restyle()
        for panel in self.panels:
            panel.restyle()

    def add_panel(self, label: str, label_below: str = "", **axes: Any) -> ChartPanel:
        """Add a `ChartPanel` below the others, on their bottom axis."""
        above = self.panels[-1] if self.panels else None
        self.panels.append(ChartPanel(self.layout_, label, label_below, axes=axes, above=above))
        return self.panels[-1]

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the table what it needs, at most a third of the window; below the charts where that is little."""
        super().resizeEvent(event)
        narrow = 3 * self._side_width > self.width()  # a name would be cut, or drawn over its numbers
        along = QtCore.Qt.Orientation.Vertical if narrow else QtCore.Qt.Orientation.Horizontal
        size = self.height() if narrow else self.width()
        wanted = size // 3 if narrow else min(self._side_width, size // 3)
        self._charts.setOrientation(along)
        self._charts.setSizes([size - wanted, wanted])

    @property
    def text(self) -> str:
        """The text that is shown; empty while the charts are."""
        return self._text.text() if self.currentIndex() == 0 else ""

    def show_text(self, text: str) -> None:
        """Show a text instead of charts."""
        self._text.setText(text)
        self.setCurrentIndex(0)

    def show_charts(self) -> None:
        """Show the charts."""
        self.setCurrentIndex(1)


def show_time(panels: Sequence[ChartPanel], began_s: float, now_s: float, span_s: float) -> None:
    """Show the last `span_s` of panels with the same UTC axis; at first less, so that a young curve is no dash.

    `panels`: from top to bottom. `began_s`, `now_s`: first time that there is, and the end of the axis, Unix time,
    s. `span_s`: what is shown at most, s.
    """
    shown_s = min(span_s, max(_SHORTEST_AXIS_S, now_s - began_s))
    panels[0].plot.setXRange(now_s - shown_s, now_s, padding=0)
    panels[-1].bottom.setLabel(time.strftime("UTC, %Y-%m-%d", time.gmtime(now_s)))
