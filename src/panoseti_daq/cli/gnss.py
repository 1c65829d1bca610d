"""Command ``gnss``: messages of the GNSS receivers of a server, as a table or as JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_text
from collections.abc import AsyncIterator
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

    def content(columns: int) -> Content:
        table = Table("receiver", "message", "UTC", "fields", box=None, pad_edge=False)
        for (receiver, name), message in sorted(rows.items()):
            fields = ", ".join(f"{key} {value}" for key, value in list(message["fields"].items())[:_SHOWN_FIELDS])
            table.add_row(printable(receiver), name, iso_utc(message["unix_ns"])[11:19], printable(fields))
        return Content(table)

    async with on_screen(Pager(content), PlainConsole()):
        async for message in messages:
            rows[message["receiver"], message["name"]] = message
