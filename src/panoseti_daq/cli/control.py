"""``init`` and ``status``: what servers follow, and what they are doing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from panoseti_daq.cli.options import (
    DaqConfigOption,
    HostOption,
    LogLevel,
    LogLevelOption,
    NetConfigOption,
    log_to_stderr,
    make_client,
    print_table,
)

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb


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


def status(
    host: HostOption = None,
    daq_config: DaqConfigOption = None,
    net_config: NetConfigOption = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per server.")] = False,
) -> None:
    """Show what servers are doing: what they follow, each key with rate and age, each stream."""
    import asyncio

    async def ask() -> list[tuple[str, pb.StatusResponse]]:
        client, hosts = make_client(host, daq_config, net_config)
        async with client:
            chosen = await client.validate_daq_hosts(hosts)
            return list(zip(chosen, await asyncio.gather(*map(client.get_status, chosen)), strict=True))

    for name, answer in asyncio.run(ask()):
        if json:
            from google.protobuf.json_format import MessageToJson

            typer.echo(f'{{"host": "{name}", "status": {MessageToJson(answer, indent=None)}}}')
        else:
            _show(name, answer)


def _show(host: str, answer: pb.StatusResponse) -> None:
    followed = answer.followed
    typer.echo(f"{host}: panoseti-daq {answer.version}, up {_duration(answer.uptime_seconds)}")
    if not answer.HasField("followed"):
        typer.echo("follows nothing yet: see panoseti-daq init")
        return
    modules = ", ".join(map(str, followed.modules)) or "none yet"
    typer.echo(f"follows {followed.description}, modules {modules}, {followed.files} files")
    typer.echo(f"changes noticed by: {followed.watching}")
    typer.echo(f"set by {followed.set_by} {_duration(followed.since_seconds)} ago")
    if answer.skipped_bytes or answer.bad_frames:
        skipped, bad = _count(answer.skipped_bytes, "byte"), _count(answer.bad_frames, "bad frame")
        typer.echo(f"skipped in files: {skipped} that are no frame, {bad}")
    if followed.missed_events:
        typer.echo(f"missed by inotify, found by looking: {_count(followed.missed_events, 'change')}")
    print_table(_keys(answer))
    print_table(_streams(answer))


def _keys(answer: pb.StatusResponse) -> Any:
    import time

    from rich.table import Table

    now_ns = time.time_ns()
    table = Table("module", "product", box=None, pad_edge=False)
    for name in ("frames", "per s", "kB/s", "age s", "number"):
        table.add_column(name, justify="right")
    table.add_column("file", no_wrap=True)
    for key in answer.keys:
        quabo = f" Q{key.quabo}" if key.HasField("quabo") else ""
        table.add_row(
            str(key.module_id),
            f"{key.product}{quabo}",
            str(key.frames),
            f"{key.frames_per_second:.1f}",
            f"{key.bytes_per_second / 1e3:.1f}",
            f"{(now_ns - key.unix_ns) / 1e9:.3f}" if key.unix_ns else "?",
            str(key.frame_number),
            key.file,
        )
    return table


def _streams(answer: pb.StatusResponse) -> Any:
    from rich.table import Table

    table = Table("stream to", box=None, pad_edge=False)
    for name in ("sent", "drops", "open for", "last frame"):
        table.add_column(name, justify="right")
    for stream in answer.streams:
        opened, idle = _duration(stream.since_seconds), f"{stream.idle_seconds:.1f} s ago"
        table.add_row(stream.peer, str(stream.sent), str(stream.dropped), opened, idle)
    return table


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _duration(seconds: float) -> str:
    from datetime import timedelta

    return str(timedelta(seconds=round(seconds)))
