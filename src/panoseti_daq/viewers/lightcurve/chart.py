"""Window of ``lightcurve``. Imports Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.charts.panels import LEAST_GAP_S, ChartPage, show_time, utc_axis
from panoseti_daq.viewers.charts.series import drawable
from panoseti_daq.viewers.charts.table import MOUSE, LegendTable, Pen, Row
from panoseti_daq.viewers.clock import age_text, span_text
from panoseti_daq.viewers.lightcurve.curves import CurveName, LightCurves, Pixel
from panoseti_daq.viewers.modules import Names

_N_POINTS: Final = 40_000  # in one panel: as many as are drawn in some 50 ms


class LightCurveChart:
    """Curves of the mean, and of each chosen pixel, in panels above each other."""

    def __init__(self, curves: LightCurves, pixels: Sequence[Pixel] = ()) -> None:
        self._light, self._called = curves, Names(())
        names = ["mean", *(f"{row},{column}" for row, column in pixels)]
        self.table = LegendTable(["module", *names, "age"], [58] * (len(names) + 1))
        self.table.chosen.connect(self.redraw)
        self.widget = ChartPage(self.table, min(440, 190 + 60 * len(names)))
        self.panels = self.widget.panels
        for i, name in enumerate(names):
            panel = self.widget.add_panel("ADC counts", "UTC" if i == len(names) - 1 else "", bottom=utc_axis())
            panel.title("mean of the image" if i == 0 else f"pixel: row {name.replace(',', ', column ')}")
        self.restyle, self.mouse = self.widget.restyle, MOUSE
        self.update, self.keep, self.clear = curves.update, curves.keep, curves.clear

    def redraw(self) -> None:
        """Draw all panels and the table."""
        names = self._light.names
        if not names:
            without = self._light.n_without_time
            why = f"\n{without} frames had no time and cannot be drawn." if without else "\nIs the run active?"
            self.widget.show_text("No movie frames yet." + why)
            return
        curves = {name: self._light.curve(name) for name in names}
        self._called = Names(name.module for name in names)
        now_s = self._light.now_s
        for i, panel in enumerate(self.panels):
            panel.keep({key for key, (times_s, _) in curves.items() if len(times_s)})
            for key, (times_s, values) in curves.items():
                if len(times_s):
                    x, y = drawable(times_s, values[:, i], _N_POINTS // len(curves), LEAST_GAP_S)
                    panel.draw(key, x, y, self.table.emphasis.pen(key, self._pen(key)), connect="finite")
            nothing = not any(len(times_s) for times_s, _ in curves.values())
            panel.nothing(f"no movie frames in the last {span_text(self._light.span_s)}" if nothing else "")
        began_s = min((float(times_s[0]) for times_s, _ in curves.values() if len(times_s)), default=0.0)
        show_time(self.panels, began_s, now_s, self._light.span_s)
        self._tabulate(curves, now_s)
        self.widget.show_charts()

    def _tabulate(self, curves: dict[CurveName, tuple[np.ndarray, np.ndarray]], now_s: float) -> None:
        rows = []
        for key, (times_s, values) in curves.items():
            name = f"{key.module_id} {key.product.token} {self._called(key.module).host}".rstrip()
            if len(times_s):
                texts = (name, *(f"{value:.1f}" for value in values[-1]), age_text(max(0.0, now_s - times_s[-1])))
            else:
                texts = (name, *["-"] * len(self.panels), f"> {span_text(self._light.span_s)}")
            rows.append(Row(texts, self._pen(key), name=key))
        self.table.show_rows(rows)

    def _pen(self, key: CurveName) -> Pen:
        is_first = not self._called.rank(key.module)
        return Pen.of(key.module_id, second=key.product is DataProduct.IMG8 or not is_first)
