"""Window of ``rates``. Imports Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from panoseti_daq.pff import Kind
from panoseti_daq.viewers.charts.panels import ChartPage, ChartPanel, LogAxis, show_time, utc_axis
from panoseti_daq.viewers.charts.series import Floats, TimeSeries, drawable
from panoseti_daq.viewers.charts.table import MOUSE, LegendTable, Pen, Row, pen_number, second_text
from panoseti_daq.viewers.clock import age_text
from panoseti_daq.viewers.modules import Module, Names
from panoseti_daq.viewers.rates.book import CAPACITY, SPAN_S, Group, KeyRate, RateBook, together

if TYPE_CHECKING:
    pass

OLD_AFTER_PERIODS: Final = 5  # refresh periods until the age of a movie frame is shown as an alarm
OLD_AFTER_S: Final = 1.0  # but never sooner: nobody sees shorter ones
OLD_PULSE_AFTER_S: Final = 30.0  # triggers come when they come: a quabo has one or two a second, or fewer
_FEW: Final = 12  # curves of modules; more look alike, so products are drawn
_LEAST_GAP_S: Final = 3.0  # without samples: the window was suspended
_PRODUCT_COLORS: Final = {"img16": 10, "img8": 3, "ph256": 7, "ph1024": 1}  # as those of these modules
_FLOORS: Final = (0.1, 0.0001, 0.01)  # frames/s, MB/s, s: where lines of nothing lie
_FRAMES, _BYTES, _AGE, _LEAST, _MIDDLE = range(5)  # columns of the samples


class RateChart:
    """Four panels over the same ten minutes: frames/s, MB/s, age, drops; and a table by host, module and product.

    With more than a dozen curves, those of each product are drawn together: the sum and the slowest module, the
    oldest age and the middle one.
    """

    def __init__(self, book: RateBook, period_s: float, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._book = book
        self._period_s = period_s
        self._wall_ns, self._names = wall_ns, Names(())
        self.table = LegendTable(["host and key", "frames/s", "kB/s", "age s", "drops"], [62, 58, 50, 54])
        self.table.chosen.connect(self.redraw)
        self.widget = ChartPage(self.table, 366)
        self.panels = self.widget.panels
        for label in ("frames/s", "MB/s", "age (s)"):
            self.widget.add_panel(label, left=LogAxis("left"), bottom=utc_axis())
        self.widget.add_panel("drops/s", "UTC", bottom=utc_axis())
        self.restyle, self.mouse = self.widget.restyle, MOUSE
        self.update, self.update_status = book.update, book.update_status

    def redraw(self) -> None:
        """Draw all panels and the table."""
        self._book.sample()
        rates = [
            (Module(host, rate.module_id), rate) for host in self._book.hosts for rate in self._book.rates(host)
        ]
        if not rates:
            reported = any(book.reported_at is not None for book in self._book.hosts.values())
            why = "The server has no frames yet: is the run active?" if reported else "No server has answered yet."
            self.widget.show_text(why)
            return
        now_s = self._wall_ns() / 1e9
        groups = sorted({(module, rate.product.token) for module, rate in rates})
        self._names = Names(module for module, _ in groups)
        few = len(groups) <= _FEW
        self._draw_groups(groups if few else [(None, token) for token in sorted({t for _, t in groups})], few)
        self._draw_drops()
        self._write_titles(rates, few)
        show_time(self.panels, self._book.began_s, now_s, SPAN_S)
        self._tabulate(rates, few)
        self.widget.show_charts()

    def _draw_groups(self, groups: list[Any], few: bool) -> None:
        shown = [(group, self._book.samples[group]) for group in groups if group in self._book.samples]
        for panel, column, second, floor in zip(
            self.panels, (_FRAMES, _BYTES, _AGE), (_LEAST, None, _MIDDLE), _FLOORS, strict=False
        ):
            scale = 1e-6 if column == _BYTES else 1.0
            kept: set[Any] = set()
            highest = 10 * floor
            for group, series in shown:
                columns = [column] if few or second is None else [column, second]
                for which in columns:
                    values = series.values[:, which] * scale
                    highest = max(highest, float(np.nanmax(values, initial=0.0)))
                    y = np.log10(np.maximum(values, floor))
                    kept.add((group, which))
                    second = which != column or (few and group[1].startswith("ph"))
                    self._line(panel, (group, which), series, y, Pen.of(self._number(group), 2, second=second))
            panel.keep(kept)
            panel.y_range(np.log10(0.8 * floor), np.log10(2 * highest))

    def _line(self, panel: ChartPanel, name: Any, series: TimeSeries, y: Floats, pen: Pen) -> None:
        x, y = drawable(series.times_s, y, CAPACITY, _LEAST_GAP_S)
        panel.draw(name, x, y, self.table.emphasis.pen(name[0], pen), connect="finite")

    def _draw_drops(self) -> None:
        highest = 1.0
        for i, (host, book) in enumerate(self._book.hosts.items()):
            times_s = book.drops.times_s
            if len(times_s) > 1:
                per_s = np.diff(book.drops.values[:, 0]).clip(0) / np.maximum(np.diff(times_s), 1e-3)
                highest = max(highest, float(per_s.max()))
                x, y = drawable(times_s[1:], per_s, CAPACITY, _LEAST_GAP_S)
                self.panels[3].draw(host, x, y, Pen.of(i, 2), connect="finite")
        self.panels[3].y_range(-0.05 * highest, 1.1 * highest)

    def _write_titles(self, rates: list[tuple[Module, KeyRate]], few: bool) -> None:
        module, oldest = max(rates, key=lambda pair: pair[1].age_s)
        frames, sizes, _ = together([rate for _, rate in rates])
        sums = "" if few else ", sum per product"
        dashed = f"; {second_text()}: {'pulse height' if few else 'slowest module'}"
        unknown = all(self._book.is_silent(host) for host in self._book.hosts)
        self.panels[0].title("no server answers" if unknown else f"{frames:.1f} frames/s{sums}{dashed}")
        self.panels[1].title("" if unknown else f"{sizes / 1e6:.3g} MB/s{sums}")
        median = "" if few else f"; {second_text()}: median"
        name = f"{oldest.name} {self._names(module).host}".rstrip()
        self.panels[2].title(f"oldest: module {name}, {age_text(oldest.age_s)}{median}")
        n_dropped = sum(book.n_dropped for book in self._book.hosts.values())
        self.panels[3].title(f"{n_dropped} frames dropped because a client was slow")

    def _tabulate(self, rates: list[tuple[Module, KeyRate]], few: bool) -> None:
        rows = []
        if not few:
            for token in sorted({rate.product.token for _, rate in rates}):
                some = [rate for _, rate in rates if rate.product.token == token]
                pen = Pen.of(_PRODUCT_COLORS[token], 2)
                rows.append(self._sum_row(f"all {token}", some, pen, name=(None, token)))
        for host in sorted(self._book.hosts):
            book, its = self._book.hosts[host], [rate for module, rate in rates if module.host == host]
            silent, reported = self._book.is_silent(host), book.reported_at is not None
            remark = " (no answer)" if silent else "" if reported else " (as seen here)"
            row = self._sum_row(f"{host}{remark}", its, None, str(book.n_dropped))
            rows.append(replace(row, alarm=row.alarm | {0}) if silent else row)
            for rate in sorted(its, key=_place):
                module = Module(host, rate.module_id)
                group = (module, rate.product.token) if few else None
                pen = Pen.of(pen_number(module, self._names), 2, second=rate.product.kind is Kind.PULSE_HEIGHT)
                rows.append(self._sum_row(f"  {rate.name}", [rate], pen if few else None, name=group))
        self.table.show_rows(rows)

    def _number(self, group: Group) -> int:
        """Return whose pen a group has: that of its module, or of one that stands for its product."""
        module, token = group
        return _PRODUCT_COLORS[token] if module is None else pen_number(module, self._names)

    def _is_old(self, rate: KeyRate) -> bool:
        least_s = OLD_PULSE_AFTER_S if rate.product.kind is Kind.PULSE_HEIGHT else OLD_AFTER_S
        return rate.age_s > max(least_s, OLD_AFTER_PERIODS * self._period_s)

    def _sum_row(
        self, text: str, rates: list[KeyRate], pen: Pen | None, drops: str = "", name: Group | None = None
    ) -> Row:
        frames, sizes, age_s = together(rates)
        alarm = {3} if any(self._is_old(rate) for rate in rates) else set()
        if drops not in ("", "0"):
            alarm.add(4)
        numbers = f"{frames:.1f}", f"{sizes / 1e3:.1f}", f"{age_s:,.1f}"
        return Row((text, *numbers, drops), pen, frozenset(alarm), name)


def _place(rate: KeyRate) -> tuple[int, str, int]:
    return rate.module_id, rate.product.token, -1 if rate.quabo is None else rate.quabo
