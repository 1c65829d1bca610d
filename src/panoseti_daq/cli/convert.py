"""``convert``: a recorded run to the formats that analysts use."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption
from panoseti_daq.export.choices import Codec, TimeRule


class ExportFormat(enum.StrEnum):
    """What a run is converted to."""

    ZARR = "zarr"
    PARQUET = "parquet"


def convert(
    run: Annotated[Path, typer.Argument(help="Directory of a recorded run.")],
    out: Annotated[Path, typer.Argument(help="Where to write; made when it is not there.")],
    output_format: Annotated[
        ExportFormat,
        typer.Option("--format", help="Zarr stores as pypff writes them, or Parquet tables of headers."),
    ] = ExportFormat.ZARR,
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="No images; needs --format parquet.")
    ] = False,
    codec: Annotated[
        Codec, typer.Option(help="How Zarr chunks are compressed; zstd is that of pypff.")
    ] = Codec.BLOSC,
    time: Annotated[
        TimeRule, typer.Option(help="Whose rule gives the time where White Rabbit and host clock disagree.")
    ] = TimeRule.HOST,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Threads that compress. Default: one per processor.", show_default=False),
    ] = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Convert a recorded run to Zarr, or its headers to Parquet.

    A conversion that was stopped is resumed.
    """
    if headers_only != (output_format is ExportFormat.PARQUET):
        raise typer.BadParameter("Parquet holds headers, Zarr images: --headers-only goes with --format parquet")
    log_to_stderr(log_level)
    with _progress() as report:
        if output_format is ExportFormat.PARQUET:
            from panoseti_daq.export import convert_headers

            paths = convert_headers(run, out, time=time)
        else:
            from panoseti_daq.export import convert_run

            paths = convert_run(run, out, codec=codec, time=time, workers=workers, progress=report)
    for path in paths:
        typer.echo(str(path))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar per store on a terminal, and nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress, TaskID

    with Progress(console=Console(stderr=True)) as bars:
        shown: dict[str, TaskID] = {}

        def report(name: str, n_done: int, n_frames: int) -> None:
            if name not in shown:
                # All are of one run, whose name would leave no room for the numbers.
                shown[name] = bars.add_task(name[name.find("dp_") :], total=n_frames)
            bars.update(shown[name], completed=n_done)

        yield report
