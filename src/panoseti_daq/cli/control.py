"""``init``: what servers follow."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.options import (
    DaqConfigOption,
    HostOption,
    LogLevel,
    LogLevelOption,
    NetConfigOption,
    log_to_stderr,
    make_client,
)


def init(
    config: Annotated[Path | None, typer.Argument(help="hp_io_config.json: what to follow.")] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Follow simulated data.")] = False,
    host: HostOption = None,
    daq_config: DaqConfigOption = None,
    net_config: NetConfigOption = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds until a server must have done it.")] = 10.0,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Choose what servers follow: the data directory of a configuration file, or simulated data."""
    import asyncio

    from panoseti_daq.errors import SourceError

    if (config is None) != sim:
        raise typer.BadParameter("give either a CONFIG file or --sim")

    async def run() -> bool:
        client, hosts = make_client(host, daq_config, net_config)
        async with client:
            chosen = await client.validate_daq_hosts(hosts)
            if config is None:
                done = await client.init_sim(chosen, timeout=timeout)
            else:
                done = await client.init_hp_io(chosen, config, timeout=timeout)
            typer.echo(f"{'initialised' if done else 'not initialised'}: {', '.join(chosen)}")
            return done

    log_to_stderr(log_level)
    if not asyncio.run(run()):
        raise SourceError("not every server was initialised; the lines above say why")
