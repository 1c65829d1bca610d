"""Command ``init``: choose what servers follow."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, with_options
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.errors import DaqError, HostError, SourceError


@with_options(SERVERS)
def init(
    config: Annotated[Path | None, typer.Argument(help="hp_io_config.json with what to follow.")] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Follow simulated data.")] = False,
    node: Annotated[str, typer.Option("--node", help="Only this node of a gateway. [default: all]")] = "",
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Choose what servers follow: a data directory, or simulated data."""
    if (config is None) != sim:
        raise typer.BadParameter("give either a CONFIG file or --sim")

    timeout_s = 10.0 if servers.timeout is None else servers.timeout

    async def init_one(client: AioDaqDataClient, host: str) -> DaqError | None:
        await client.ping(host, timeout_s)  # one that is being started is waited for
        try:
            if config is None:
                await client.init_sim(host, timeout=timeout_s, node=node)
            else:
                await client.init_hp_io(host, config, timeout=timeout_s, node=node)
        except (HostError, SourceError, RpcError) as error:
            typer.echo(f"not initialized: {host}")
            return error
        typer.echo(f"initialized: {host}")
        return None

    async def run() -> None:
        async with servers.client() as client:
            answers = await asyncio.gather(*(init_one(client, host) for host in servers.names(client)))
        errors = [error for error in answers if error is not None]
        errors.sort(key=lambda error: isinstance(error, HostError))  # a refusal counts more
        for error in errors[1:]:
            typer.echo(str(error), err=True)
        if errors:
            raise errors[0]

    log_to_stderr(log_level)
    asyncio.run(run())
