"""Command ``status``: what servers are doing, once or repeatedly."""

from __future__ import annotations

import asyncio
import json as json_text
import math
from collections.abc import MutableSequence, Sequence
from typing import Annotated, Any

import typer
from google.protobuf.message import Message
from rich.console import Group, RenderableType
from rich.styled import Styled

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import DurationOption, LogLevelOption, RefreshPeriodOption, with_options
from panoseti_daq.cli.screen import LOST, Content, Pager, on_screen
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.status_page import DROP_FIRST, Answer, fit, page, why_none
from panoseti_daq.cli.tables import PlainConsole, print_table
from panoseti_daq.cli.times import for_duration
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import DaqError, HostError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.printable import printable


@with_options(SERVERS)
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per server.")] = False,
    refresh_period: RefreshPeriodOption = 1.0,
    duration: DurationOption = None,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show what servers are doing: what they follow, rates and ages, streams, disks."""
    log_to_stderr(log_level)

    async def run() -> None:
        async with servers.client() as client:
            chosen = servers.names(client)
            if watch:
                await client.validate_daq_hosts(None)  # one at least, at the beginning
            if watch and not json:
                await _watch(client, chosen, refresh_period)
                return
            while True:
                answers = await _ask(client, chosen)
                _print([(h, a) for h, a in answers if watch or not isinstance(a, HostError)], as_json=json)
                if not watch:
                    _check(answers)
                    return
                await asyncio.sleep(refresh_period)

    asyncio.run(for_duration(run(), duration))


def _check(answers: list[tuple[str, Answer]]) -> None:
    """Raise what was answered instead of a status, of several the last, and name the others before.

    A server without Status has answered.
    """
    errors = [answer for _, answer in answers if isinstance(answer, DaqError) and not predecessor(answer)]
    for error in errors[:-1]:
        typer.echo(printable(str(error)), err=True)
    for error in errors[-1:]:
        raise error


async def _ask(client: AioDaqDataClient, hosts: Sequence[str]) -> list[tuple[str, Answer]]:
    """Answer of each host, or why there is none."""

    async def ask(name: str) -> Answer:
        try:
            return await client.get_status(name)
        except DaqError as error:
            return error

    return list(zip(hosts, await asyncio.gather(*map(ask, hosts)), strict=True))


def _print(answers: list[tuple[str, Answer]], *, as_json: bool) -> None:
    for name, answer in answers:
        if as_json:
            found = {"error": str(answer)} if isinstance(answer, DaqError) else {"status": as_dict(answer)}
            typer.echo(json_text.dumps({"host": name, **found}))
            continue
        for part in page(name, answer):
            if isinstance(part, str):
                typer.echo(printable(part))
            else:
                print_table(part, DROP_FIRST)


async def _watch(client: AioDaqDataClient, hosts: Sequence[str], refresh_period_s: float) -> None:
    """Show answers in place on a terminal, one after the other elsewhere."""
    console = PlainConsole()
    if not console.is_terminal:
        while True:
            _print(await _ask(client, hosts), as_json=False)
            typer.echo()
            await asyncio.sleep(refresh_period_s)
    answers: list[tuple[str, Answer]] = []
    last: dict[str, Answer] = {}  # a host that does not answer any more keeps what it said, and its place

    def content(columns: int) -> Content:
        gone = {name: why_none(name, answer) for name, answer in answers if isinstance(answer, DaqError)}
        parts: list[RenderableType] = []
        for name, said in last.items():
            its = [fit(part, columns) for part in page(name, said)]
            parts += [Styled(part, LOST) for part in (f"{name} is LOST; it said:", *its)] if name in gone else its
        return Content(Group(*parts), warnings=tuple(gone.values()))

    async with on_screen(Pager(content), console):
        while True:
            answers = await _ask(client, hosts)
            last |= {name: answer for name, answer in answers if not isinstance(answer, DaqError)}
            last = {name: last[name] for name in hosts if name in last}
            await asyncio.sleep(refresh_period_s)


def as_dict(message: Message) -> OpenDict:
    """Return the fields of a message by name: enums by theirs, numbers as numbers, None if absent."""
    return {field.name: _value(message, field) for field in message.DESCRIPTOR.fields}


def _value(message: Message, field: Any) -> object:
    def plain(item: Any) -> object:
        if field.message_type is not None:
            return as_dict(item)
        if field.enum_type is None:
            return None if isinstance(item, float) and not math.isfinite(item) else item  # JSON has no NaN
        known = field.enum_type.values_by_number.get(item)  # a newer server may have more
        return item if known is None else known.name

    if field.has_presence and not message.HasField(field.name):
        return None
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return dict(value)
    return [plain(item) for item in value] if isinstance(value, MutableSequence) else plain(value)
