"""Command ``bridge``: what servers have, published on NATS."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import Annotated, Final

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import (
    LogLevelOption,
    OptionGroup,
    UpdateIntervalOption,
    finite_option,
    with_options,
)
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.client.nats_link import NatsAddress
from panoseti_daq.fanout.bridge import WALL_HZ, Bridge
from panoseti_daq.fanout.conf import example_conf, leaf_conf
from panoseti_daq.fanout.streams import Retention, make_mirrors
from panoseti_daq.pff import Selection
from panoseti_daq.wire.subjects import Site

_NatsOption = Annotated[
    str,
    typer.Option("--nats", help="NATS server: nats://[USER:PASSWORD@]HOST[:PORT].", envvar="PANOSETI_DAQ_NATS"),
]
_FromStartOption = Annotated[
    bool,
    typer.Option("--from-start", help="Begin with the first frame of the run when nothing is published yet."),
]
_ExampleOption = Annotated[
    bool, typer.Option("--example-nats-conf", help="Print a configuration of a NATS server for the site, and end.")
]
_RETENTION: Final = OptionGroup.of_fields(
    "retention",
    Retention,
    {
        "pulse_height_days": finite_option("--pulse-height-days", min=0.01, help="Keep pulse heights this long."),
        "pulse_height_gb": finite_option("--pulse-height-gb", min=0.001, help="And no more than this."),
        "movie_minutes": finite_option("--movie-minutes", min=0.01, help="Keep movies this long."),
        "movie_gb": finite_option("--movie-gb", min=0.001, help="And no more than this."),
    },
)


@with_options(FRAMES_AND_KINDS, _RETENTION, SERVERS)
def bridge(
    selection: Selection,
    nats: _NatsOption = "nats://localhost",
    site: Annotated[str, typer.Option(help="Name of the site: letters, digits, '_' and '-'.")] = "site",
    newest_only: Annotated[
        bool, typer.Option("--newest-only", help="Publish, or copy, the newest frames and not all of them.")
    ] = False,
    wall_hz: Annotated[
        float, finite_option("--wall-hz", min=0, help="Walls of the newest frames per second; 0 for none.")
    ] = WALL_HZ,
    update_interval: UpdateIntervalOption = 0.0,
    from_start: _FromStartOption = False,
    *,
    retention: Retention,
    example_nats_conf: _ExampleOption = False,
    mirror: Annotated[
        str, typer.Option(help="Make the server copy the streams of this JetStream domain, and end.")
    ] = "",
    servers: Servers,
    log_level: LogLevelOption = LogLevel.INFO,
) -> None:
    """Publish what servers have on NATS, for other sites and for many readers."""
    of_site = Site(site)
    if example_nats_conf:
        typer.echo(leaf_conf(of_site) if mirror else example_conf(of_site), nl=False)
        return
    log_to_stderr(log_level)
    address = NatsAddress.parse(nats)
    if mirror:
        asyncio.run(make_mirrors(address, of_site, retention, mirror, lossless=not newest_only))
        what = "the newest frames of" if newest_only else "site"
        typer.echo(f"{address.name} copies {what} {site} of {mirror}", err=True)
        return
    hosts = servers.hosts if servers.host else []
    selection = replace(selection, update_interval_s=update_interval)
    publisher = Bridge(address, of_site, selection, hosts, not newest_only, wall_hz, from_start, retention)
    asyncio.run(_run(publisher, servers))


async def _run(publisher: Bridge, servers: Servers) -> None:
    """Publish until SIGINT or SIGTERM; say what was sent."""

    def begun() -> None:
        typer.echo(f"publishing site {publisher.site.name} on {publisher.address.name}", err=True)

    loop = asyncio.get_running_loop()
    async with servers.client() as client:
        publishing = asyncio.create_task(publisher.run(client, begun), name="bridge")

        def stop() -> None:
            if not publishing.done():
                publisher.stop()
                loop.call_later(1.0, stop)

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        await publishing
    counts = publisher.counts
    gaps = f", {counts.n_gaps} gaps" if counts.n_gaps else ""
    newest = f"{counts.n_newest} newest frames, {counts.n_walls} walls"
    typer.echo(f"published {newest}, {counts.n_frames} of all frames{gaps}", err=True)
