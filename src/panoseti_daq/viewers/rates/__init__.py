"""The viewer ``rates``: rate, size and age of frames over time."""

from __future__ import annotations

from panoseti_daq.viewers.plugin import Viewer, ViewerContext, ViewerSpec


def make(context: ViewerContext) -> Viewer:
    """Make the viewer."""
    from panoseti_daq.viewers.rates.book import RateBook
    from panoseti_daq.viewers.rates.chart import RateChart

    return RateChart(RateBook(context.refresh_period_s, context.clock), context.refresh_period_s)


SPEC = ViewerSpec(
    "rates", "Frames and bytes per second, age and drops, over time.", make, update_interval_s=1.0, status=True
)
