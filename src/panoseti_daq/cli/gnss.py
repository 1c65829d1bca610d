"""Command ``gnss``: messages of the GNSS receivers of a server, as a table or as JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_text
from collections.abc import AsyncIterator, Iterable
from typing import Annotated

import typer
from rich.table import Table

from panoseti_daq.cli.live import take
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import DurationOption, LogLevelOption, with_options
from panoseti_daq.cli.screen import Content, Pager, on_screen
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.tables import PlainConsole
from panoseti_daq.cli.times import for_duration, iso_utc
from panoseti_daq.open_types import OpenDict
from panoseti_daq.printable import printable

_SHOWN_FIELDS = 8
# Fields about the time come first.
_FIRST = ("fixType", "numSV", "tAcc", "validUTC", "qErr", "qErrInvalid", "currLs", "lsChange", "timeToLsEvent")


@with_options(SERVERS)
def gnss(
    patterns: Annotated[
        list[str] | None, typer.Argument(help="Regular expressions of names, such as TIM-TP; all without any.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON per message.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after N messages.")] = None,
    duration: DurationOption = None,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show messages of the GNSS receivers of a server, live or as JSON lines."""
    log_to_stderr(log_level)

    async def run() -> None:
        async with servers.client() as client:
            messages = client.capture_gnss(servers.names(client)[0], patterns or ())
            async with contextlib.aclosing(messages):
                show = _table if _on_terminal(json) else _lines
                await show(take(messages, count))

    asyncio.run(for_duration(run(), duration))


def _on_terminal(json: bool) -> bool:
    return not json and PlainConsole().is_terminal


async def _lines(messages: AsyncIterator[OpenDict]) -> None:
    async for message in messages:
        typer.echo(json_text.dumps({**message, "payload": message["payload"].hex()}))


async def _table(messages: AsyncIterator[OpenDict]) -> None:
    rows: dict[tuple[str, str], OpenDict] = {}

    async with on_screen(Pager(lambda _: Content(table_of(rows.values()))), PlainConsole()):
        async for message in messages:
            rows[message["receiver"], message["name"]] = message


def table_of(messages: Iterable[OpenDict]) -> Table:
    """Return a row for each message, by receiver and name."""
    table = Table("receiver", "message", "UTC", "fields", box=None, pad_edge=False)
    for message in sorted(messages, key=lambda message: (message["receiver"], message["name"])):
        known = {name: value for name, value in message["fields"].items() if not name.startswith("reserved")}
        names = [*(name for name in _FIRST if name in known), *(name for name in known if name not in _FIRST)]
        fields = ", ".join(f"{name} {known[name]}" for name in names[:_SHOWN_FIELDS])
        time = iso_utc(message["unix_ns"])[11:19]
        table.add_row(printable(message["receiver"]), message["name"], time, printable(fields))
    return table
