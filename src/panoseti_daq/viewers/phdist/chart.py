"""Window of ``phdist``. Imports Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key
from panoseti_daq.viewers.charts.panels import ChartPage, ChartPanel, LogAxis
from panoseti_daq.viewers.charts.series import Floats
from panoseti_daq.viewers.charts.table import LegendTable, Row
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.times import span_text
from panoseti_daq.viewers.phdist.pulses import PulseHeights, Window, bin_edges, histogram

_FEW: Final = 8  # modules whose curves are drawn two pixels wide; more would cover each other
_FAINT: Final = 130  # opacity of the others, 0-255; above them stands their sum
_FLOOR: Final = 0.5  # events: where log curves of empty bins lie, below what is shown


class PulseHeightChart:
    """Histograms of the largest pixel of each pulse-height frame, one curve per module and one panel per window.

    Parameters
    ----------
    windows_s
        Windows, s, shortest first.
    log, log_adc
        Whether the number of events and the pulse height have logarithmic axes.
    pulses
        What the frames are kept in; made when it is not given.
    """

    def __init__(
        self,
        windows_s: Sequence[float],
        *,
        log: bool = True,
        log_adc: bool = True,
        pulses: PulseHeights | None = None,
    ) -> None:
        self._windows_s = tuple(windows_s)
        self._log = log
        self._log_adc = log_adc
        self._pulses = pulses or PulseHeights(max(self._windows_s))
        headings = ["module", *(text for w in self._windows_s for text in (span_text(w), "Hz"))]
        self.table = LegendTable(headings, [58, 54] * len(self._windows_s))
        self.widget = ChartPage(self.table, min(480, 110 + 112 * len(self._windows_s)))
        self.panels: list[ChartPanel] = []
        for i in range(len(self._windows_s)):
            label = "largest pixel of a pulse-height frame (ADC counts)" if i == len(self._windows_s) - 1 else ""
            axes = {"left": LogAxis("left")} if log else {}
            axes |= {"bottom": LogAxis("bottom")} if log_adc else {}
            above = self.panels[-1] if self.panels else None
            self.panels.append(ChartPanel(self.widget.layout_, "events per bin", label, axes=axes, above=above))

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames."""
        self._pulses.update(frames)

    def redraw(self) -> None:
        """Draw all panels and the table."""
        module_ids = self._pulses.module_ids
        if not module_ids:
            self.widget.show_text("No pulse-height frames yet.\nThey come with triggers: is the run active?")
            return
        windows = [{m: self._pulses.window(m, w) for m in module_ids} for w in self._windows_s]
        self._draw(windows)
        self._tabulate(windows, module_ids)
        self.widget.show_charts()

    def _draw(self, windows: list[dict[int, Window]]) -> None:
        shown = np.concatenate([window.max_adc for by_module in windows for window in by_module.values()])
        edges = bin_edges(shown, log=self._log_adc) if len(shown) else np.empty(0)
        for panel, window_s, by_module in zip(self.panels, self._windows_s, windows, strict=True):
            n_events = sum(window.n_events for window in by_module.values())
            rate_hz = sum(window.rate_hz for window in by_module.values())
            seen = {module_id: window.max_adc for module_id, window in by_module.items() if len(window.max_adc)}
            modules = "1 module" if len(seen) == 1 else f"{len(seen)} modules"
            panel.title(f"last {span_text(window_s)}: {n_events:.0f} events, {rate_hz:.1f} Hz, {modules}")
            panel.nothing("" if seen else f"no pulse-height frames in the last {span_text(window_s)}")
            self._draw_panel(panel, seen, edges)
        if len(edges):
            x = self._x(edges)
            self.panels[0].plot.setXRange(x[0], x[-1], padding=0.01)

    def _draw_panel(self, panel: ChartPanel, seen: dict[int, Floats], edges: Floats) -> None:
        counts = {module_id: histogram(max_adc, edges).astype(float) for module_id, max_adc in seen.items()}
        few = len(counts) <= _FEW
        styles: dict[tuple[int | str, bool], tuple[Floats, tuple[int, ...]]] = {
            (module_id, few): (y, (*theme.module_color(module_id), 255 if few else _FAINT))
            for module_id, y in counts.items()
        }
        if not few:
            styles["all", True] = np.sum(list(counts.values()), axis=0), (255, 255, 255, 255)
        panel.keep(set(styles))
        for name, (y, color) in styles.items():
            steps = np.log10(y.clip(_FLOOR)) if self._log else y
            panel.draw(name, self._x(edges), steps, color, width=2 if name[1] else 1, stepMode="center")
        highest = max((float(y.max()) for y, _ in styles.values()), default=1.0)
        if self._log:
            panel.y_range(np.log10(0.7), np.log10(max(10.0, 1.5 * highest)))
        else:
            panel.y_range(0, max(5.0, 1.1 * highest))

    def _x(self, edges: Floats) -> Floats:
        return np.asarray(np.log10(edges)) if self._log_adc else edges

    def _tabulate(self, windows: list[dict[int, Window]], module_ids: list[int]) -> None:
        def texts(name: str, of_row: list[list[Window]]) -> tuple[str, ...]:
            sums = [(sum(w.n_events for w in some), sum(w.rate_hz for w in some)) for some in of_row]
            return (name, *(text for n, hz in sums for text in (f"{n:.0f}", f"{hz:.1f}")))

        rows = [
            Row(texts(str(m), [[by_module[m]] for by_module in windows]), theme.module_color(m))
            for m in module_ids
        ]
        if len(module_ids) > 1:
            total = (255, 255, 255) if len(module_ids) > _FEW else None
            rows.insert(0, Row(texts("all", [list(by_module.values()) for by_module in windows]), total))
        self.table.show_rows(rows)
