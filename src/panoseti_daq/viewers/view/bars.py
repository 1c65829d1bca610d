"""Histogram and colors of each data product; the ends of the levels are dragged with the mouse."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from PySide6.QtCore import Signal

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.board import KINDS, Board
from panoseti_daq.viewers.images.colors import ColorMap, Levels, color_table
from panoseti_daq.viewers.images.titles import KIND_NAMES

WIDTH_PX: Final = 112  # beside the images
HEIGHT_PX: Final = 98  # below them
_HISTOGRAM_PX: Final = 24
_N_BINS: Final = 64
_PERIOD_S: Final = 1.0  # of histograms: they cost more than images
_MARGIN: Final = 0.15  # of the levels, that is seen beyond them
_N_STOPS: Final = 12
_ANY_PX: Final = 16777215  # as large as Qt lets a widget be


class Bars(pg.GraphicsLayoutWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """A histogram for each data product that is shown, above each other."""

    dragged = Signal(object, object)  # the kind, and its new levels

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.setBackground(theme.now().background)
        self.ci.layout.setContentsMargins(0, 2, 0, 2)
        self._board = board
        self._bars: dict[DataProduct, Any] = {}
        self._colormap: tuple[ColorMap, bool] | None = None
        self._drawn_s = -np.inf
        self._is_setting = False
        self._is_lying = True
        self.lie(False)

    def lie(self, is_lying: bool) -> None:
        """Stand beside the images, above each other; or lie below them, side by side."""
        if is_lying is self._is_lying:
            return
        self._is_lying = is_lying
        self.setMinimumSize(0, 0)
        self.setMaximumSize(_ANY_PX, _ANY_PX)
        if is_lying:
            self.setFixedHeight(HEIGHT_PX)
        else:
            self.setFixedWidth(WIDTH_PX)
        self._make([])

    def restyle(self) -> None:
        """Take the colors of the theme, with the next `redraw`."""
        self.setBackground(theme.now().background)
        self._make([])

    def bar(self, product: DataProduct) -> Any:
        """Return the `HistogramLUTItem` of a product."""
        return self._bars[product]

    def redraw(self) -> None:
        """Follow the levels, and now and then the pixels."""
        board = self._board
        shown = sorted(board.products, key=lambda product: (KINDS.index(product.kind), product.token))
        if shown != list(self._bars):
            self._make(shown)
        colors = board.settings.colormap, theme.now().is_red
        if colors != self._colormap:
            self._colormap = colors
            table = color_table(colors[0], red=colors[1])
            stops = np.linspace(0, len(table) - 1, _N_STOPS).astype(int)
            colormap = pg.ColorMap(np.linspace(0, 1, _N_STOPS), table[stops])
            for bar in self._bars.values():
                bar.gradient.setColorMap(colormap)
                bar.gradient.showTicks(False)
        now_s = board.clock.now_s()
        is_due = abs(now_s - self._drawn_s) >= _PERIOD_S  # a replay begins, steps back and ends
        if is_due:
            self._drawn_s = now_s
        for product, bar in self._bars.items():
            self._show(product, bar, with_pixels=is_due)

    def _make(self, products: list[DataProduct]) -> None:
        self.clear()
        self._bars.clear()
        self._colormap, self._drawn_s = None, -np.inf
        for product in products:
            bar = pg.HistogramLUTItem(
                orientation="horizontal" if self._is_lying else "vertical",
                gradientPosition="bottom" if self._is_lying else "left",
            )
            bar.gradient.allowAdd = False  # the colors are those of the map
            bar.vb.setMenuEnabled(False)
            bar.vb.setMinimumSize(_HISTOGRAM_PX, _HISTOGRAM_PX)  # the rest is for numbers and title
            _color(bar)
            bar.axis.enableAutoSIPrefix(False)
            bar.sigLevelsChanged.connect(lambda _, product=product: self._drag(product))
            self._bars[product] = bar
            n = len(self._bars)
            self.addItem(bar, *((0, n) if self._is_lying else (n, 0)))

    def _show(self, product: DataProduct, bar: Any, *, with_pixels: bool) -> None:
        levels, scale = self._board.levels[product], self._board.settings.scale
        title = f"{KIND_NAMES[product.kind]} {product.token}, ADC, {scale}"
        if bar.axis.labelText != title:
            bar.axis.setLabel(title, **{"color": theme.now().foreground, "font-size": "8pt"})
        self._is_setting = True
        if tuple(bar.getLevels()) != tuple(levels):
            bar.setLevels(*levels)
        self._is_setting = False
        if not with_pixels:
            return
        pixels = [panel.measured.ravel() for panel in self._board.panels_of(product)]
        span = max(levels.high - levels.low, 1.0)
        ends = levels.low - _MARGIN * span, levels.high + _MARGIN * span
        counts, edges = np.histogram(np.concatenate(pixels).clip(*ends), _N_BINS, ends)
        bar.plot.setData((edges[:-1] + edges[1:]) / 2, np.log1p(counts))
        if not any(line.moving for line in bar.region.lines):
            bar.setHistogramRange(*ends, padding=0)

    def _drag(self, product: DataProduct) -> None:
        if not self._is_setting:
            low, high = self._bars[product].getLevels()
            self.dragged.emit(product.kind, Levels(float(low), max(float(high), float(low) + 1e-6)))


def _color(bar: Any) -> None:
    """Give a histogram the colors of the theme."""
    now = theme.now()
    bar.axis.setTextPen(now.foreground)
    bar.axis.setPen(now.dim)
    bar.fillHistogram(color=(*theme.rgb(now.dim), 130))
    bar.region.setBrush((*theme.rgb(now.foreground), 40))
    for line in bar.region.lines:
        line.setPen(now.foreground)
        line.setHoverPen(now.strong)
