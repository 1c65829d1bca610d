"""``events``: find events in frames, live or in a recorded run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from panoseti_daq.cli.event_options import SINKS, TRIGGERS, Chosen, Sinks, engine_of
from panoseti_daq.cli.events_live import print_reports, search_beside_sinks
from panoseti_daq.cli.events_scan import ScanOutput
from panoseti_daq.cli.late import CommandGroup
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, ModuleIdOption, with_options
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.tables import print_table
from panoseti_daq.cli.times import for_duration
from panoseti_daq.events.candidate import Tense
from panoseti_daq.events.live import LiveSearch, LiveSettings
from panoseti_daq.events.scan import scan as scan_files
from panoseti_daq.events.scan import stream_files
from panoseti_daq.events.trigger import installed_triggers

app = typer.Typer(
    cls=CommandGroup,
    help="Find events in frames, live or in a recorded run.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def triggers(log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """List the installed triggers and their options, and triggers that fail to load."""
    log_to_stderr(log_level)
    table = Table("trigger", "option", "default", "package", "what it is", box=None, pad_edge=False)
    for trigger in installed_triggers():
        package = f"{trigger.package} {trigger.version}"
        if trigger.spec is None:
            table.add_row(trigger.name, "", "", package, escape(f"cannot be loaded: {trigger.error}"))
            continue
        table.add_row(trigger.name, "", "", package, escape(trigger.spec.help))
        for name, field in trigger.spec.options.model_fields.items():
            table.add_row("", name, escape(repr(field.default)), "", escape(field.description or ""))
    print_table(table)


@app.command()
@with_options(TRIGGERS)
def scan(
    run_dir: Annotated[Path, typer.Argument(help="Directory of a recorded run.")],
    *,
    triggers: Chosen,
    module_id: ModuleIdOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line instead of text.")] = False,
    clip: Annotated[
        Path | None, typer.Option(help="Write the frames around each candidate to this directory.")
    ] = None,
    clip_seconds: Annotated[float, typer.Option(min=0, help="Time before and after it, s.")] = 1.0,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Find events in a recorded run, as fast as it can be read."""
    log_to_stderr(log_level)
    engine = engine_of(triggers)
    streams = {key: paths for key, paths in stream_files(run_dir).items() if not module_id or key[0] in module_id}
    output = ScanOutput(json, streams, clip, clip_seconds)
    try:
        for candidate in scan_files(engine, streams, output.show_progress):
            output.add(candidate)
    finally:
        output.end(engine.reports())


@app.command()
@with_options(SERVERS, TRIGGERS, SINKS)
def live(
    out: Annotated[Path, typer.Option("--out", help="Directory of events.jsonl and events.state.")] = Path(
        "events"
    ),
    *,
    servers: Servers,
    module_id: ModuleIdOption = None,
    triggers: Chosen,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin a new search with the first frame of the run.")
    ] = False,
    silent_after: Annotated[
        float, typer.Option(help="Do not wait for a module from which nothing came for N seconds.")
    ] = 120.0,
    tense: Annotated[Tense, typer.Option(help="What the candidates are said to be.")] = Tense.CURRENT,
    sinks: Sinks,
    duration: Annotated[float | None, typer.Option(min=0, help="End after N seconds.")] = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Find events in the frames that servers see, until Ctrl-C; started again, it continues there."""
    log_to_stderr(log_level)
    settings = LiveSettings(out, triggers, from_start, tuple(module_id or ()), silent_after, tense=tense)

    async def run() -> None:
        search = LiveSearch(settings)
        try:
            async with servers.client() as client:
                await for_duration(search_beside_sinks(search, client, list(servers.hosts), sinks), duration)
        finally:
            search.close()
            print_reports(search.status.reports)

    asyncio.run(run())
