"""Commands ``hosts``, ``ping`` and ``reflect``: which servers answer."""

from __future__ import annotations

import asyncio
import time

import typer
from rich.table import Table

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, with_options
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.tables import print_table
from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import HostError
from panoseti_daq.printable import printable


@with_options(SERVERS)
def list_hosts(servers: Servers, log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """Show every DAQ node: whether it answers, and what it follows."""
    log_to_stderr(log_level)

    async def ask() -> list[tuple[str, bool, str]]:
        async with servers.client() as client:
            return await asyncio.gather(*(_ask_one(client, name) for name in servers.names(client)))

    rows = asyncio.run(ask())
    table = Table("host", "answers", "follows", box=None, pad_edge=False)
    for name, answers, follows in rows:
        table.add_row(name, "yes" if answers else "no", follows)
    print_table(table, ("answers",))
    if not any(answers for _, answers, _ in rows):
        raise HostError("no DAQ node answers")


async def _ask_one(client: AioDaqDataClient, host: str) -> tuple[str, bool, str]:
    try:
        status = await client.get_status(host)
    except HostError as error:
        return host, False, ": ".join(filter(None, ("no answer", error.reason)))
    except RpcError as error:
        return host, True, predecessor(error) or f"unknown: {error.details()}"
    return host, True, predecessor(status) or _follows(status)


def _follows(status: pb.StatusResponse) -> str:
    if not status.HasField("followed"):
        return "nothing yet: see panoseti-daq init"
    modules = ", ".join(map(str, status.followed.modules)) or "none yet"
    return f"{status.followed.description}; modules {modules}"


@with_options(SERVERS)
def ping(servers: Servers, log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """Check whether servers answer."""
    log_to_stderr(log_level)

    async def ping_all() -> int:
        n_answers = 0
        async with servers.client() as client:
            for name in servers.names(client):
                begin = time.perf_counter()
                if answers := await client.ping(name):
                    took_ms = 1e3 * (time.perf_counter() - begin)
                    typer.echo(f"{name}: answered in {took_ms:.1f} ms{await _refusal(client, name)}")
                else:
                    typer.echo(f"{name}: no answer{await _reason(client, name)}")
                n_answers += answers
        return n_answers

    if not asyncio.run(ping_all()):
        raise HostError("no server answered")


async def _refusal(client: AioDaqDataClient, host: str) -> str:
    """Return why `host`, which answers, refuses us; empty when it does not."""
    try:
        await client.get_status(host)
    except RpcError as error:
        return "" if predecessor(error) else f", but refuses: {printable(error.details() or error.code().name)}"
    except HostError as error:  # gone meanwhile
        return f", and does not any more{': ' if error.reason else ''}{error.reason}"
    return ""


async def _reason(client: AioDaqDataClient, host: str) -> str:
    """Return why `host` does not answer, after a colon; empty when nothing is known."""
    try:
        await client.validate_daq_hosts(host)
    except HostError as error:
        return f": {error.reason}" if error.reason else ""
    return ""


@with_options(SERVERS)
def reflect(servers: Servers, log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """List the services and calls of servers."""
    log_to_stderr(log_level)

    async def ask() -> str:
        async with servers.client() as client:
            return await client.reflect_services(servers.hosts)

    typer.echo(printable(asyncio.run(ask()), keep="\n\t"), nl=False)
