"""Window of ``phdist``. Imports Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from panoseti_daq.pff.quabos import N_QUABOS
from panoseti_daq.viewers.charts.panels import ChartPage, ChartPanel, LogAxis, add_switch
from panoseti_daq.viewers.charts.series import Floats
from panoseti_daq.viewers.charts.table import MOUSE, LegendTable, Pen, Row, pen_number
from panoseti_daq.viewers.clock import span_text
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.modules import Module, Names
from panoseti_daq.viewers.phdist.pulses import PulseHeights, Window, bin_edges, histogram

_FEW: Final = 8  # modules whose curves are drawn two pixels wide; more would cover each other
_FAINT: Final = 130  # opacity of the others, 0-255; above them stands their sum
_FLOOR: Final = 0.5  # events: where log curves of empty bins lie, below what is shown


_Row = tuple[Module, int | None]
"""Module, and quabo or None for all of it."""


class PulseHeightChart:
    """Histograms of the largest pixel of each pulse-height frame, one panel per window.

    A curve per module, or per quabo; the keys L, X and U switch the axes and the quabos.
    """

    def __init__(
        self,
        windows_s: Sequence[float],  # Windows, s, shortest first
        *,
        # Whether the number of events and the pulse height have logarithmic axes
        log: bool = True,
        log_adc: bool = True,
        per_quabo: bool = False,  # Whether there is a curve for each quabo
        pulses: PulseHeights | None = None,  # What the frames are kept in; made when it is not given
    ) -> None:
        self._windows_s = tuple(windows_s)
        self._pulses, self._names = pulses or PulseHeights(max(self._windows_s)), Names(())
        headings = ["module", *(text for w in self._windows_s for text in (span_text(w), "Hz"))]
        self.table = LegendTable(headings, [54, 46] * len(self._windows_s))
        self.table.chosen.connect(self.redraw)
        self.widget = ChartPage(self.table, 66 + 100 * len(self._windows_s))
        self._log = add_switch(self.widget, "Logarithmic number of events", "L", log, self._switch)
        self._log_adc = add_switch(self.widget, "Logarithmic pulse height", "X", log_adc, self._switch)
        self._per_quabo = add_switch(self.widget, "Per quabo", "U", per_quabo, self._switch)
        self.panels = self.widget.panels
        for i in range(len(self._windows_s)):
            label = "largest pixel of a pulse-height frame (ADC counts)" if i == len(self._windows_s) - 1 else ""
            self.widget.add_panel("events per bin", label, left=LogAxis("left"), bottom=LogAxis("bottom"))
        self.restyle, self.mouse = self.widget.restyle, MOUSE
        self.update, self.clear = (
            self._pulses.update,
            self._pulses.clear,
        )  # newest frames, where there are no blocks
        self.update_blocks = self._pulses.update_blocks
        self._switch()

    def _switch(self) -> None:
        for panel in self.panels:
            panel.left.is_log, panel.bottom.is_log = self._log.isChecked(), self._log_adc.isChecked()
            panel.keep(set())
        self.redraw()

    def redraw(self) -> None:
        """Draw all panels and the table."""
        modules = self._pulses.modules
        if not modules:
            self.widget.show_text("No pulse-height frames yet.\nThey come with triggers: is the run active?")
            return
        quabos = range(N_QUABOS) if self._per_quabo.isChecked() else (None,)
        rows = [(module, quabo) for module in modules for quabo in quabos]
        self._names = Names(modules)
        windows = [{row: self._pulses.window(row[0], w, row[1]) for row in rows} for w in self._windows_s]
        self._draw(windows)
        self._tabulate(windows, rows)
        self.widget.show_charts()

    def _draw(self, windows: list[dict[_Row, Window]]) -> None:
        shown = np.concatenate([window.max_adc for by_row in windows for window in by_row.values()])
        edges = bin_edges(shown, log=self._log_adc.isChecked()) if len(shown) else np.empty(0)
        for panel, window_s, by_row in zip(self.panels, self._windows_s, windows, strict=True):
            n_events = sum(window.n_events for window in by_row.values())
            rate_hz = sum(window.rate_hz for window in by_row.values())
            seen = {row: window.max_adc for row, window in by_row.items() if len(window.max_adc)}
            n_modules = len({module for module, _ in seen})
            modules = "1 module" if n_modules == 1 else f"{n_modules} modules"
            panel.title(f"last {span_text(window_s)}: {n_events:.0f} events, {rate_hz:.1f} Hz, {modules}")
            panel.nothing("" if seen else f"no pulse-height frames in the last {span_text(window_s)}")
            self._draw_panel(panel, seen, edges)
        if len(edges):
            x = self._x(edges)
            self.panels[0].plot.setXRange(x[0], x[-1], padding=0.01)

    def _draw_panel(self, panel: ChartPanel, seen: dict[_Row, Floats], edges: Floats) -> None:
        counts = {row: histogram(max_adc, edges).astype(float) for row, max_adc in seen.items()}
        few = len(counts) <= _FEW
        curves: dict[object, tuple[Floats, Pen]] = {
            row: (y, self._pen(row) if few else replace(self._pen(row), width=1, opacity=_FAINT))
            for row, y in counts.items()
        }
        if not few:
            curves["all"] = np.sum(list(counts.values()), axis=0), _pen_of_all()
        panel.keep(set(curves))
        is_log = self._log.isChecked()
        for name, (y, pen) in curves.items():
            steps = np.log10(y.clip(_FLOOR)) if is_log else y
            panel.draw(name, self._x(edges), steps, self.table.emphasis.pen(name, pen), stepMode="center")
        highest = max((float(y.max()) for y, _ in curves.values()), default=1.0)
        if is_log:
            panel.y_range(np.log10(0.7), np.log10(max(10.0, 1.5 * highest)))
        else:
            panel.y_range(0, max(5.0, 1.1 * highest))

    def _x(self, edges: Floats) -> Floats:
        return np.asarray(np.log10(edges)) if self._log_adc.isChecked() else edges

    def _tabulate(self, windows: list[dict[_Row, Window]], names: list[_Row]) -> None:
        def texts(name: str, of_row: list[list[Window]]) -> tuple[str, ...]:
            sums = [(sum(w.n_events for w in some), sum(w.rate_hz for w in some)) for some in of_row]
            return (name, *(text for n, hz in sums for text in (f"{n:.0f}", f"{hz:.1f}")))

        rows = [
            Row(texts(self._text(name), [[by_row[name]] for by_row in windows]), self._pen(name), name=name)
            for name in names
        ]
        if len(names) > 1:
            total = _pen_of_all() if len(names) > _FEW else None
            everything = texts("all", [list(by_row.values()) for by_row in windows])
            rows.insert(0, Row(everything, total, name="all"))
        self.table.show_rows(rows)

    def _pen(self, row: _Row) -> Pen:
        module, quabo = row
        number = pen_number(module, self._names)
        return Pen.of(number if quabo is None else N_QUABOS * number + quabo, 2)

    def _text(self, row: _Row) -> str:
        module, quabo = row
        return f"{self._names(module)}{'' if quabo is None else f' Q{quabo}'}"


def _pen_of_all() -> Pen:
    return Pen(theme.rgb(theme.now().strong), 2)
