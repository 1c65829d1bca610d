"""Companions of a live search: its sinks, and a line about how it is doing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import typer
from prometheus_client import start_http_server

from panoseti_daq.cli.event_options import Sinks
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.events.engine import TriggerReport
from panoseti_daq.events.live import LINES_FILE, LiveSearch
from panoseti_daq.events.sinks.clip import Clips
from panoseti_daq.events.sinks.counters import registry_of
from panoseti_daq.events.sinks.webhook import Webhook

_PROGRESS_EVERY_S: Final = 1.0


async def search_beside_sinks(
    search: LiveSearch, client: AioDaqDataClient, hosts: list[str], sinks: Sinks
) -> None:
    """Search until the servers are gone, with the sinks at work."""
    with _metrics(search, sinks.metrics_port):
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(_show_progress(search), name="progress")]
            if sinks.webhook is not None:
                webhook = Webhook(sinks.webhook, search.out_dir / LINES_FILE)
                search.add_sink(lambda fields: webhook.wake())
                beside.append(tasks.create_task(webhook.run(), name="webhook"))
            if sinks.clip_seconds is not None:
                clips = Clips(client, hosts, search.out_dir, sinks.clip_seconds)
                search.add_sink(clips.add)
                beside.append(tasks.create_task(clips.run(), name="clips"))
            await search.run(client, hosts)
            for task in beside:
                task.cancel()


@contextmanager
def _metrics(search: LiveSearch, port: int | None) -> Iterator[None]:
    """Serve the counters of the triggers."""
    if port is None:
        yield
        return
    server, thread = start_http_server(port, "127.0.0.1", registry_of(lambda: search.status.reports))
    typer.echo(f"metrics on http://127.0.0.1:{server.server_port}/metrics", err=True)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _show_progress(search: LiveSearch) -> None:
    n_before = 0
    while True:
        await asyncio.sleep(_PROGRESS_EVERY_S)
        status = search.status
        if sys.stderr.isatty():
            found = ", ".join(
                f"{report.name} {report.n_candidates} ({report.counters.get('accidentals', 0):.3g} by chance)"
                for report in status.reports
            )
            behind = "no frame yet" if status.behind_s is None else f"{status.behind_s:.1f} s behind"
            rate = (status.n_frames - n_before) / _PROGRESS_EVERY_S
            typer.echo(f"\r{status.n_frames} frames, {rate:.0f}/s, {behind}; {found}  ", nl=False, err=True)
        n_before = status.n_frames


def print_reports(reports: Iterable[TriggerReport]) -> None:
    """Print how each trigger fared, on stderr."""
    if sys.stderr.isatty():
        typer.echo("", err=True)
    for report in reports:
        counted = ", ".join(f"{what} {value:.6g}" for what, value in report.counters.items() if value)
        stopped = f"; STOPPED: {report.error}" if report.error else ""
        typer.echo(
            f"{report.name}: {report.n_candidates} candidates in {report.n_frames} frames; {counted}{stopped}",
            err=True,
        )
