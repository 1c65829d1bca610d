"""Command ``stream``: images of running servers on the terminal."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from panoseti_daq.cli.live import LiveTable, print_json, take
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, ModuleIdOption, with_options
from panoseti_daq.cli.servers import SERVERS, Servers


@with_options(SERVERS)
def stream(
    module_id: ModuleIdOption = None,
    movie: Annotated[bool, typer.Option(help="Include movie images.")] = True,
    pulse_height: Annotated[bool, typer.Option(help="Include pulse-height images.")] = True,
    refresh_period: Annotated[
        float, typer.Option(min=0, help="Least time between two images of one module and product, s.")
    ] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON per image instead of a table.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after N images.")] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for servers that do not answer yet.")] = 5.0,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show the newest images of servers, as a live table or as JSON lines."""

    async def run() -> None:
        async with servers.client() as client:
            hosts = servers.hosts
            await asyncio.gather(*(client.ping(name, wait) for name in hosts or client.hosts))
            frames = client.stream_frames(
                hosts,
                movie=movie,
                pulse_height=pulse_height,
                interval_s=refresh_period,
                module_ids=module_id or (),
            )
            counted = take(frames, count)
            await (print_json(counted) if json else LiveTable(", ".join(hosts) or "all hosts").show(counted))

    log_to_stderr(log_level)
    asyncio.run(run())
