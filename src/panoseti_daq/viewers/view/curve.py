"""Light curves of pixels and regions of the images on the screen: the last five minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.viewers.charts.panels import ChartPanel, utc_axis
from panoseti_daq.viewers.charts.pens import Pen
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.history import LENGTH_S
from panoseti_daq.viewers.images.panel import Panel

MOST_POINTS: Final = 30_000  # five minutes at 100 frames/s
_MOST_SYMBOLS: Final = 1000  # more are slow and look alike


class Curve:
    """Mean of some pixels of a panel, as stored, in ADC counts.

    **Holds** what came in the last `LENGTH_S` seconds, at most `MOST_POINTS` points; the oldest go.

    `name`: what the legend says. `region`: the pixels: shape (32, 32). `points`: what is known: UTC s since 1970
    and ADC counts, oldest first.
    """

    def __init__(
        self, name: str, region: npt.NDArray[np.bool_], points: Iterable[tuple[float, float]] = ()
    ) -> None:
        self.name, self.region = name, region
        self.points: deque[tuple[float, float]] = deque(points, maxlen=MOST_POINTS)

    def catch_up(self, points: Iterable[tuple[float, float]]) -> None:
        """Take the points, oldest first, that are newer than the last one."""
        last_s = self.points[-1][0] if self.points else -np.inf
        self.points.extend(point for point in points if point[0] > last_s)

    def add(self, panel: Panel) -> bool:
        """Take the image that is shown; return whether there is a new point."""
        region = self.region if panel.valid is None else self.region & panel.valid
        if not region.any():
            return False
        row, column = map(int, np.argwhere(region)[0])
        found = panel.stamp_at(row, column)
        if found is None or (self.points and self.points[-1][0] == found[0].unix_s):
            return False
        unix_s = found[0].unix_s
        while self.points and self.points[-1][0] > unix_s:  # a replay stepped back
            self.points.pop()
        self.points.append((unix_s, float(panel.raw[region].mean())))
        while self.points[0][0] < unix_s - LENGTH_S:
            self.points.popleft()
        return True


class CurvePlot:
    """Plot of several light curves against UTC."""

    def __init__(self) -> None:
        self.widget: Any = pg.GraphicsLayoutWidget()  # What the window holds
        self._panel = ChartPanel(self.widget, "ADC", "UTC", axes={"bottom": utc_axis()})
        self._legend = self._panel.plot.addLegend(offset=(8, 8))
        self._lines: dict[object, Any] = {}
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme; the curves are to be drawn again."""
        self.widget.setBackground(theme.now().background)
        self._legend.setLabelTextColor(theme.now().foreground)
        self._panel.restyle()
        self.draw({}, ())

    def draw(self, curves: dict[Any, Curve], changed: Iterable[Any]) -> None:
        """Draw curves; of those that were there, only the changed ones."""
        for name in self._lines.keys() - curves.keys():
            self._panel.plot.removeItem(self._lines.pop(name))
        new = curves.keys() - self._lines.keys()
        for key in new:
            pen = Pen.of(len(self._lines)).qt
            look = {"symbolSize": 3, "symbolBrush": pen.color(), "symbolPen": None}
            self._lines[key] = self._panel.plot.plot(name=curves[key].name, pen=pen, connect="finite", **look)
        for key in {*changed, *new} & curves.keys():
            points = np.array(curves[key].points, np.float64).reshape(-1, 2)
            self._lines[key].setData(*points.T, symbol="o" if len(points) < _MOST_SYMBOLS else None)


def save_curves(file: Path, curves: Iterable[Curve]) -> None:
    """Write curves as CSV: name, UTC s since 1970, ADC counts.

    Raises OSError: it cannot be written.
    """
    with file.open("w") as out:
        out.write("curve,unix_s,adc\n")
        for curve in curves:
            out.writelines(f'"{curve.name}",{unix_s:.6f},{value:.3f}\n' for unix_s, value in curve.points)
