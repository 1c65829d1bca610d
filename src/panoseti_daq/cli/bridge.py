"""Command ``bridge``: what servers have, published on NATS."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, finite_option, with_options
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.client.nats_link import NatsAddress
from panoseti_daq.fanout.bridge import Bridge
from panoseti_daq.fanout.conf import example_conf, leaf_conf
from panoseti_daq.fanout.streams import Retention, make_mirrors
from panoseti_daq.pff import Selection
from panoseti_daq.wire.subjects import Site


@with_options(FRAMES_AND_KINDS, SERVERS)
def bridge(
    selection: Selection,
    nats: Annotated[
        str,
        typer.Option(
            "--nats", help="NATS server: nats://[USER:PASSWORD@]HOST[:PORT].", envvar="PANOSETI_DAQ_NATS"
        ),
    ] = "nats://localhost",
    site: Annotated[str, typer.Option(help="Name of the site: letters, digits, '_' and '-'.")] = "site",
    newest_only: Annotated[
        bool, typer.Option("--newest-only", help="Publish the newest frames, and not all of them.")
    ] = False,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Begin with the first frame of the run when nothing is published yet."),
    ] = False,
    pulse_height_days: Annotated[float, finite_option(min=0.01, help="Keep pulse heights this long.")] = 7.0,
    pulse_height_gb: Annotated[float, finite_option(min=0.001, help="And no more than this.")] = 50.0,
    movie_minutes: Annotated[float, finite_option(min=0.01, help="Keep movies this long.")] = 10.0,
    movie_gb: Annotated[float, finite_option(min=0.001, help="And no more than this.")] = 70.0,
    example_nats_conf: Annotated[
        bool,
        typer.Option("--example-nats-conf", help="Print a configuration of a NATS server for the site, and end."),
    ] = False,
    mirror: Annotated[
        str,
        typer.Option(help="Make the server copy the streams of this JetStream domain, and end."),
    ] = "",
    *,
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
    retention = Retention(pulse_height_days, pulse_height_gb, movie_minutes, movie_gb)
    if mirror:
        asyncio.run(make_mirrors(address, of_site, retention, mirror))
        typer.echo(f"{address.name} copies site {site} of {mirror}", err=True)
        return
    publisher = Bridge(
        address,
        of_site,
        selection,
        list(servers.host or ()),
        lossless=not newest_only,
        from_start=from_start,
        retention=retention,
    )
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
    typer.echo(f"published {counts.n_newest} newest frames, {counts.n_frames} of all frames{gaps}", err=True)
