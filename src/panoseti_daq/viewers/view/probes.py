"""Pixels and a region that were pointed at: marks on the wall, light curves below it, numbers of the region."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PySide6.QtWidgets import QSplitter

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.charts.panels import LEAST_GAP_S, ChartPanel, utc_axis
from panoseti_daq.viewers.charts.series import Floats, TimeSeries, drawable
from panoseti_daq.viewers.charts.table import Pen
from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images import pixels
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pedestal import LENGTH_S, NO_POINTS
from panoseti_daq.viewers.masks import Mask
from panoseti_daq.viewers.modules import Source
from panoseti_daq.viewers.view.items import Place
from panoseti_daq.viewers.view.wall import Wall, WallPixel

MOST_POINTS: Final = 30_000  # five minutes at 100 frames/s


class Curve:
    """Mean of some pixels of a panel, as stored, in ADC counts.

    **Holds** what came in the last `LENGTH_S` seconds, at most `MOST_POINTS` points; the oldest go.

    `name`: what the legend says. `region`: the pixels: shape (32, 32). `known`: earlier points, as `catch_up`.
    """

    def __init__(self, name: str, region: Mask, known: Floats = NO_POINTS) -> None:
        self.name, self.region = name, region
        self._series = TimeSeries(MOST_POINTS)
        self.catch_up(known)

    @property
    def points(self) -> Floats:
        """What is known: UTC s since 1970 and ADC counts, oldest first, shape (n, 2)."""
        times_s = self._series.times_s
        points = np.column_stack((times_s, self._series.values))
        return points[times_s >= times_s[-1] - LENGTH_S] if len(points) else points

    def catch_up(self, points: Floats) -> None:
        """Take the points, oldest first, that are newer than the last one."""
        last_s = self._series.times_s[-1] if len(self._series) else -np.inf
        for unix_s, value in points[points[:, 0] > last_s].tolist():
            self._series.append(unix_s, value)

    def add(self, panel: Panel) -> bool:
        """Take the image that is shown; return whether there is a new point."""
        region = self.region if panel.valid is None else self.region & panel.valid
        if not region.any() or (found := panel.stamp_at(*map(int, np.argwhere(region)[0]))) is None:
            return False
        unix_s, known_s = found[0].unix_s, self._series.times_s
        if len(known_s) and known_s[-1] == unix_s:
            return False
        if len(known_s) and known_s[-1] > unix_s:  # a replay stepped back
            points, self._series = self.points, TimeSeries(MOST_POINTS)
            self.catch_up(points[points[:, 0] < unix_s])
        self._series.append(unix_s, float(panel.raw[region].mean()))
        return True


class CurvePlot:
    """Plot of several light curves against UTC."""

    def __init__(self) -> None:
        self.widget: Any = pg.GraphicsLayoutWidget()  # What the window holds
        self._panel = ChartPanel(self.widget, "ADC", "UTC", axes={"bottom": utc_axis()})
        self._legend = self._panel.plot.addLegend(offset=(8, 8))
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme; the curves are to be drawn again."""
        self.widget.setBackground(theme.now().background)
        self._legend.setLabelTextColor(theme.now().foreground)
        self._panel.restyle()
        self._panel.keep(set())

    def draw(self, curves: dict[Any, Curve], changed: Iterable[Any]) -> None:
        """Draw curves; of those that were there, only the changed ones."""
        self._panel.keep(set(curves))
        looks = self._panel.looks
        for key in {*changed, *curves.keys() - looks.keys()} & curves.keys():
            pen = looks.get(key) or Pen.of(len(looks))
            times_s, values = curves[key].points.T
            x, y = drawable(times_s, values, MOST_POINTS, LEAST_GAP_S)
            self._panel.draw(key, x, y, pen, legend=curves[key].name, connect="finite")


def save_curves(file: Path, curves: Iterable[Curve]) -> None:
    """Write curves as CSV: name, UTC s since 1970, ADC counts.

    Raises OSError: it cannot be written.
    """
    with file.open("w") as out:
        out.write("curve,unix_s,adc\n")
        for curve in curves:
            out.writelines(f'"{curve.name}",{unix_s:.6f},{value:.3f}\n' for unix_s, value in curve.points)


_CURVE_PART: Final = 4  # the light curves get a quarter of the window
_REGION: Final = "region"
_REGION_PART: Final = 0.25  # of an image, that a new region is wide


class RegionShape(Choice):
    """Shape of the region, which a key changes."""

    NONE = "none"
    RECTANGLE = "rectangle"
    CIRCLE = "circle"


class Probes:
    """What was pointed at.

    `board`, `wall`: of which images. `splitter`: where the light curves are shown, below the wall.
    """

    def __init__(self, board: Board, wall: Wall, splitter: QSplitter) -> None:
        self.curves: dict[Any, Curve] = {}  # Light curves that are shown, by pixel, and that of the region
        self.plot: CurvePlot | None = None  # Where they are drawn; None before the first
        self._board, self._wall, self._splitter = board, wall, splitter
        self._shape = RegionShape.NONE
        self._place: Place | None = None
        # Made once each: a dropped one is a cycle, which may be collected in the thread of the feed, and crash Qt.
        self._regions: dict[RegionShape, Any] = {}
        self._label: Any = None
        self._region: Any = None

    def toggle(self, pixel: WallPixel, *, more: bool) -> None:
        """Show the light curve of a pixel, instead of the others or as one more; or close it."""
        (place, row, column), is_shown = pixel, pixel in self.curves
        found = self._board.panels[place].stamp_at(row, column)
        for other in [one for one in self.curves if one == pixel or (one != _REGION and not more)]:
            del self.curves[other]
        if not is_shown and found is not None:
            mask = np.zeros((MODULE_SIZE, MODULE_SIZE), np.bool_)
            mask[row, column] = True
            called = self._board.called(Source.of(found[0].frame))
            name = f"{called.key} {called.host}".rstrip()
            self.curves[pixel] = self._curve(f"{name} row {row} column {column}", place, mask)
        self._mark()
        self._show()

    def _curve(self, name: str, place: Place, region: Mask) -> Curve:
        """Curve of some pixels, with what is known of the last minutes."""
        panel = self._board.panels[place]
        if (found := panel.part_of(region)) is None:
            return Curve(name, region)
        stamp, own = found
        known = self._board.histories[Source.of(stamp.frame)].curve(own)
        return Curve(name, region, known[known[:, 0] <= stamp.unix_s])  # what came since is not drawn yet

    def next_region(self, place: Place | None) -> None:
        """Show a region of the next shape on a place."""
        shape, place = self._shape.next, self._place or place
        self.close_region()
        if shape is RegionShape.NONE or place is None:
            return
        self._shape, self._place = shape, place
        side = _REGION_PART * MODULE_SIZE
        corner = (MODULE_SIZE - side) / 2
        if shape not in self._regions:
            make = pg.RectROI if shape is RegionShape.RECTANGLE else pg.CircleROI
            self._regions[shape] = make((0, 0), (1, 1), pen=pg.mkPen("#ffffff", width=2))
            self._regions[shape].sigRegionChanged.connect(self._move_region)
        if self._label is None:
            self._label = pg.TextItem(color="#ffffff", fill=(0, 0, 0, 170), anchor=(0, 1))
        self._region = self._regions[shape]
        for item in (self._region, self._label):
            item.setParentItem(self._wall.over(place))
        self._region.setSize((side, side), update=False)
        self._region.setPos((corner, corner))
        self._move_region()

    def close_region(self) -> None:
        """Take the region away."""
        if self._region is not None:
            for item in (self._region, self._label):
                item.setParentItem(None)
                self._wall.scene().removeItem(item)
        self._region = self._place = None
        self._shape = RegionShape.NONE
        if self.curves.pop(_REGION, None):
            self._show()

    def close(self) -> None:
        """Take all away."""
        self.curves.clear()
        self._mark()
        self.close_region()
        self._show()

    @property
    def region_text(self) -> str:
        """Numbers of the region; empty without one."""
        return "" if self._region is None else str(self._label.toPlainText())

    def catch_up(self) -> None:
        """Add what came while the picture stood."""
        for name, curve in self.curves.items():
            place = self._place if name == _REGION else name[0]
            if place is not None:
                curve.catch_up(self._curve(curve.name, place, curve.region).points)

    def redraw(self) -> None:
        """Take the images that are drawn now."""
        changed = []
        for name, curve in self.curves.items():
            place = self._place if name == _REGION else name[0]
            panel = None if place is None else self._board.panels.get(place)
            if panel is not None and curve.add(panel):
                changed.append(name)
        self._say_region()
        if self.plot is not None and changed:
            self.plot.draw(self.curves, changed)

    def restyle(self) -> None:
        """Take the colors of the theme."""
        if self.plot is not None:
            self.plot.restyle()
            self.plot.draw(self.curves, self.curves)

    def _move_region(self) -> None:
        assert self._place is not None
        at, size = self._region.pos(), self._region.size()
        form = pixels.rectangle if self._shape is RegionShape.RECTANGLE else pixels.ellipse
        seen = form(at.x(), at.y(), size.x(), size.y())
        stored = self._board.settings.orientation_of(self._place[0]).stored_mask(seen)
        self.curves[_REGION] = self._curve(f"mean of the {self._shape}", self._place, stored)
        self._label.setPos(at.x(), at.y())
        self._say_region()
        self._show()

    def _say_region(self) -> None:
        if self._place is None or _REGION not in self.curves:
            return
        panel, mask = self._board.panels[self._place], self.curves[_REGION].region
        found = pixels.numbers(panel.image, mask if panel.valid is None else mask & panel.valid)
        text = "no pixel"
        if found is not None:
            text = f"{found.n} px  mean {found.mean:.1f}  sum {found.total:.0f}  std {found.std:.1f}"
            text += "" if np.isnan(found.fwhm_px) else f"  FWHM {found.fwhm_px:.1f} px"
        if text != self._label.toPlainText():
            self._label.setText(text)

    def _show(self) -> None:
        was_hidden = self.plot is None or self.plot.widget.isHidden()
        if self.curves and self.plot is None:
            self.plot = CurvePlot()
            self._splitter.addWidget(self.plot.widget)
        if self.plot is not None:
            self.plot.widget.setVisible(bool(self.curves))
            if self.curves and was_hidden:
                height = self._splitter.height()
                self._splitter.setSizes([height - height // _CURVE_PART, height // _CURVE_PART])
            self.plot.draw(self.curves, self.curves)

    def _mark(self) -> None:
        self._wall.chosen = {one for one in self.curves if one != _REGION}
        self._wall.set_notes()
