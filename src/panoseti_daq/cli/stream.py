"""Command ``stream``: images of running servers on the terminal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import typer

from panoseti_daq.cli.live import LiveTable, print_json, take
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import (
    DurationOption,
    Former,
    LogLevelOption,
    UpdateIntervalOption,
    WaitOption,
    with_options,
)
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Missing, Servers
from panoseti_daq.cli.times import for_duration
from panoseti_daq.client import HostChange
from panoseti_daq.pff import Selection


@with_options(FRAMES_AND_KINDS, SERVERS)
def stream(
    selection: Selection,
    update_interval: Annotated[UpdateIntervalOption, Former("--refresh-period")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON per image instead of a table.")] = False,
    count: Annotated[int | None, typer.Option(min=1, help="End after N images.")] = None,
    duration: DurationOption = None,
    wait: WaitOption = 5.0,
    *,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show the newest images of servers, as a live table or as JSON lines."""

    async def run() -> None:
        async with servers.client() as client:
            hosts = servers.names(client)
            await servers.first_answer(client, wait)
            missing = Missing(hosts)
            table = LiveTable(", ".join(hosts), hosts)

            def note(change: HostChange) -> None:
                missing.note(change)
                table.note(change)

            frames = client.stream_frames(
                hosts,
                selection=replace(selection, update_interval_s=update_interval),
                wait_for_ready=True,
                on_host_change=note,
            )
            show = print_json if json else table.show
            await for_duration(show(take(frames, count)), duration)
            missing.check()

    log_to_stderr(log_level)
    asyncio.run(run())
