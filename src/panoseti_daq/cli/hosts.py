"""Commands about the servers themselves."""

from __future__ import annotations

from typing import Annotated

import typer

from panoseti_daq.cli.options import DaqConfigOption, HostOption, NetConfigOption, make_client


def ping(
    host: HostOption = None,
    daq_config: DaqConfigOption = None,
    net_config: NetConfigOption = None,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for an answer.")] = 0.5,
) -> None:
    """Ask servers whether they are there."""
    import asyncio
    import time

    from panoseti_daq.errors import HostError

    async def ping_all() -> int:
        client, _ = make_client(host, daq_config, net_config)
        n_answers = 0
        async with client:
            for name in host or client.hosts:
                begin = time.perf_counter()
                answers = await client.ping(name, timeout)
                took_ms = 1e3 * (time.perf_counter() - begin)
                typer.echo(f"{name}: answered in {took_ms:.1f} ms" if answers else f"{name}: no answer")
                n_answers += answers
        return n_answers

    if not asyncio.run(ping_all()):
        raise HostError("no server answered")
