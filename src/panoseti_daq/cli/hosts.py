"""Commands ``hosts``, ``ping`` and ``reflect``: which servers answer."""

from __future__ import annotations

import asyncio
import time

import typer
from rich.table import Table

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.options import with_options
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.tables import print_table
from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import HostError
from panoseti_daq.printable import printable


@with_options(SERVERS)
def list_hosts(servers: Servers) -> None:
    """Show every DAQ node: whether it answers, and what it follows."""

    async def ask() -> list[tuple[str, bool, str]]:
        async with servers.client() as client:
            return await asyncio.gather(*(_ask_one(client, name) for name in servers.hosts or client.hosts))

    rows = asyncio.run(ask())
    table = Table("host", "answers", "follows", box=None, pad_edge=False)
    for name, answers, follows in rows:
        table.add_row(name, "yes" if answers else "no", follows)
    print_table(table)
    if silent := [name for name, answers, _ in rows if not answers]:
        raise HostError("no DAQ node answers" if len(silent) == len(rows) else f"no answer: {', '.join(silent)}")


async def _ask_one(client: AioDaqDataClient, host: str) -> tuple[str, bool, str]:
    if not await client.is_daq_host_valid(host):
        return host, False, ""
    try:
        status = await client.get_status(host)
    except RpcError as error:
        return host, True, predecessor(error) or f"unknown: {error.details()}"
    return host, True, predecessor(status) or _follows(status)


def _follows(status: pb.StatusResponse) -> str:
    if not status.HasField("followed"):
        return "nothing yet: see panoseti-daq init"
    modules = ", ".join(map(str, status.followed.modules)) or "none yet"
    return f"{status.followed.description}; modules {modules}"


@with_options(SERVERS)
def ping(
    servers: Servers,
) -> None:
    """Check whether servers answer."""

    async def ping_all() -> None:
        silent = []
        async with servers.client() as client:
            for name in servers.hosts or client.hosts:
                begin = time.perf_counter()
                answers = await client.ping(name)
                took_ms = 1e3 * (time.perf_counter() - begin)
                typer.echo(f"{name}: answered in {took_ms:.1f} ms" if answers else f"{name}: no answer")
                if not answers:
                    silent.append(name)
        if silent:
            all_silent = len(silent) == len(servers.hosts or client.hosts)
            raise HostError("no server answered" if all_silent else f"no answer: {', '.join(silent)}")

    asyncio.run(ping_all())


@with_options(SERVERS)
def reflect(servers: Servers) -> None:
    """List the services and calls of servers."""

    async def ask() -> str:
        async with servers.client() as client:
            return await client.reflect_services(servers.hosts)

    typer.echo(printable(asyncio.run(ask()), keep="\n\t"), nl=False)
