"""Command ``init``: choose what servers follow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, with_options
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.errors import SourceError


@with_options(SERVERS)
def init(
    config: Annotated[Path | None, typer.Argument(help="hp_io_config.json with what to follow.")] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Follow simulated data.")] = False,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for each server.")] = 10.0,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Choose what servers follow: a data directory, or simulated data."""
    if (config is None) != sim:
        raise typer.BadParameter("give either a CONFIG file or --sim")

    async def run() -> bool:
        async with servers.client() as client:
            chosen = await client.validate_daq_hosts(servers.hosts)
            if config is None:
                done = await client.init_sim(chosen, timeout=timeout)
            else:
                done = await client.init_hp_io(chosen, config, timeout=timeout)
            typer.echo(f"{'initialized' if done else 'not initialized'}: {', '.join(chosen)}")
            return done

    log_to_stderr(log_level)
    if not asyncio.run(run()):
        raise SourceError("not every server was initialized; the lines above say why")
