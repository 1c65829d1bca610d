"""The window of ``events``: a table, the images of the chosen candidate, and counts over time. Imports Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from PySide6 import QtCore, QtWidgets

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key
from panoseti_daq.viewers.charts.panels import ChartPanel, utc_axis
from panoseti_daq.viewers.charts.table import Pen
from panoseti_daq.viewers.events.lines import Event, EventLines
from panoseti_daq.viewers.host import theme

_HEADINGS: Final = ("time, UTC", "trigger", "shape", "modules", "duration", "sigma")
_MAX_IMAGES: Final = 8
_MAX_ROWS: Final = 200


class EventPage:
    """Shows the newest candidate until one is chosen in the table."""

    def __init__(self, lines: EventLines) -> None:
        self._lines = lines
        self._shown: str | None = None
        self._chosen: str | None = None
        self.table = QtWidgets.QTableWidget(0, len(_HEADINGS))
        self.table.setHorizontalHeaderLabels(list(_HEADINGS))
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(22)  # pixels
        self.table.setShowGrid(False)
        self.table.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.table.cellClicked.connect(self._choose)
        self.images = pg.GraphicsLayoutWidget()
        self._charts = charts = pg.GraphicsLayoutWidget()
        self.counts = ChartPanel(charts, "candidates", "UTC", axes={"bottom": utc_axis()})
        self.counts.title("candidates since the beginning; dashed: by chance")
        self.widget = QtWidgets.QSplitter(QtCore.Qt.Orientation.Vertical)
        for part, size in ((self.table, 220), (self.images, 300), (charts, 220)):
            self.widget.addWidget(part)
            self.widget.setStretchFactor(self.widget.count() - 1, size)
        self.widget.setSizes([220, 300, 220])
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme."""
        self.widget.setStyleSheet(
            f"QSplitter::handle, QHeaderView::section {{ background: {theme.now().panel}; border: none; }}"
        )
        for part in (self.images, self._charts):
            part.setBackground(theme.now().background)
        self.counts.restyle()
        self._shown = None  # is drawn again
        self._draw_counts()

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames; the candidates come from the file."""

    def redraw(self) -> None:
        """Draw what is new."""
        if self._lines.read():
            self._tabulate()
            self._draw_counts()
        newest = self._lines.events[-1] if self._lines.events else None
        chosen = next((event for event in self._lines.events if event.id == self._chosen), newest)
        if chosen is None:
            self.counts.nothing(f"No candidate yet in {self._lines.path}")
        elif chosen.id != self._shown:
            self._shown = chosen.id
            self._draw_images(chosen)

    def _choose(self, row: int, column: int) -> None:
        self._chosen = list(self._lines.events)[-1 - row].id
        self.redraw()

    def _tabulate(self) -> None:
        newest = list(self._lines.events)[: -_MAX_ROWS - 1 : -1]
        self.table.setRowCount(len(newest))
        for row, event in enumerate(newest):
            snr = "" if event.snr is None else f"{event.snr:.1f}"
            texts = (event.time, event.trigger, event.shape, event.modules, _duration(event.duration_ns), snr)
            for column, text in enumerate(texts):
                self.table.setItem(row, column, QtWidgets.QTableWidgetItem(text))
        self.table.resizeColumnsToContents()

    def _draw_images(self, event: Event) -> None:
        self.images.clear()
        for i, shown in enumerate(event.images[:_MAX_IMAGES]):
            plot = self.images.addPlot(row=i // 4, col=i % 4, title=shown.title)
            plot.invertY()  # row 0 is at the top
            plot.setAspectLocked()
            plot.hideAxis("left")
            plot.hideAxis("bottom")
            item = pg.ImageItem(np.asarray(shown.image, np.float32), axisOrder="row-major")
            item.setColorMap("plasma")
            plot.addItem(item)

    def _draw_counts(self) -> None:
        self.counts.nothing("")
        events = list(self._lines.events)
        names = sorted({event.trigger for event in events})
        n_before = self._lines.n_read - len(events)
        for i, name in enumerate(names):
            mine = [event for event in events if event.trigger == name]
            times = np.array([event.unix_s for event in mine])
            first = n_before if len(names) == 1 else 0
            self.counts.draw(name, times, first + np.arange(1.0, len(mine) + 1), Pen.of(i, 2))
            by_chance = np.array([np.nan if e.accidentals is None else e.accidentals for e in mine])
            self.counts.draw((name, "chance"), times, by_chance, Pen.of(i, second=True), connect="finite")


def _duration(duration_ns: int) -> str:
    return f"{duration_ns} ns" if duration_ns < 1_000_000 else f"{duration_ns / 1e6:g} ms"
