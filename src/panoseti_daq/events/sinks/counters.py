"""Prometheus counters of a live search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from panoseti_daq.events.engine import TriggerReport

PREFIX: Final = "panoseti_daq_events"


class EventCollector(Collector):
    """What triggers count, asked for at each scrape, in another thread.

    Parameters
    ----------
    reports
        Gives the newest report of each trigger.
    """

    def __init__(self, reports: Callable[[], Iterable[TriggerReport]]) -> None:
        self._reports = reports

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        """Return all metrics."""
        candidates = CounterMetricFamily(f"{PREFIX}_candidates", "Candidates found.", labels=["trigger"])
        frames = CounterMetricFamily(f"{PREFIX}_frames", "Frames fed to a trigger.", labels=["trigger"])
        stopped = GaugeMetricFamily(f"{PREFIX}_stopped", "1 when the trigger raised.", labels=["trigger"])
        counted = GaugeMetricFamily(
            f"{PREFIX}_counted", "What the trigger counts itself.", labels=["trigger", "what"]
        )
        for report in self._reports():
            candidates.add_metric([report.name], report.n_candidates)
            frames.add_metric([report.name], report.n_frames)
            stopped.add_metric([report.name], float(bool(report.error)))
            for what, value in report.counters.items():
                counted.add_metric([report.name, what], value)
        yield from (candidates, frames, stopped, counted)


def registry_of(reports: Callable[[], Iterable[TriggerReport]]) -> CollectorRegistry:
    """Return a registry that holds only these."""
    registry = CollectorRegistry()
    registry.register(EventCollector(reports))
    return registry
