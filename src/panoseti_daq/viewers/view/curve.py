"""Light curve of one pixel: the last five minutes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from panoseti_daq.pff import Key
from panoseti_daq.viewers.host.theme import BACKGROUND
from panoseti_daq.viewers.images.history import LENGTH_S

MOST_POINTS: Final = 30_000  # five minutes at 100 frames/s
MOST_SYMBOLS: Final = 1000  # more are slow and cannot be told apart


class LightCurve:
    """A plot of one pixel against UTC.

    **Holds** what came in the last `LENGTH_S` seconds, at most `MOST_POINTS` points; the oldest go.

    Attributes
    ----------
    widget
        What the window holds.
    key, row, column
        Which pixel of which key.
    """

    def __init__(self) -> None:
        import pyqtgraph as pg  # takes a while, and few look at light curves; after Qt

        self.key: Key | None = None
        self.row = self.column = 0
        self._points: deque[tuple[float, float]] = deque(maxlen=MOST_POINTS)
        self._has_new = False
        axis = pg.DateAxisItem(orientation="bottom", utcOffset=0)
        self.widget: Any = pg.PlotWidget(axisItems={"bottom": axis}, background=BACKGROUND)
        self.widget.setLabel("left", "ADC")
        self.widget.setLabel("bottom", "UTC")
        self.widget.getAxis("left").enableAutoSIPrefix(False)
        self.widget.showGrid(x=True, y=True, alpha=0.25)
        self.widget.setMenuEnabled(False)
        self._curve = self.widget.plot(
            pen=pg.mkPen("#fdab33"), symbolSize=3, symbolBrush="#fdab33", symbolPen=None
        )

    def show(self, key: Key, row: int, column: int, title: str, points: Iterable[tuple[float, float]]) -> None:
        """Show a pixel.

        Parameters
        ----------
        key
            Whose.
        row, column
            In the image of the key.
        title
            What stands above.
        points
            What is known of it: UTC s since 1970 and ADC counts, oldest first.
        """
        self.key, self.row, self.column = key, row, column
        self._points.clear()
        self._points.extend(points)
        self._has_new = True
        self.widget.setTitle(title, size="9pt")
        self.redraw()

    def add(self, unix_s: float, value: float) -> None:
        """Take a value of the pixel that is shown."""
        if self._points and self._points[-1][0] == unix_s:
            return
        self._points.append((unix_s, value))
        while self._points[0][0] < unix_s - LENGTH_S:
            self._points.popleft()
        self._has_new = True

    @property
    def points(self) -> list[tuple[float, float]]:
        """What is shown: UTC s since 1970 and ADC counts, oldest first."""
        return list(self._points)

    def redraw(self) -> None:
        """Draw, if there is anything new."""
        if self._has_new:
            self._has_new = False
            points = np.array(self._points, np.float64).reshape(-1, 2)
            self._curve.setData(points[:, 0], points[:, 1], symbol="o" if len(points) < MOST_SYMBOLS else None)
