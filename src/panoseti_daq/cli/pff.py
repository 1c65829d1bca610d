"""Command ``pff``: show the content of PFF files."""

from __future__ import annotations

import json
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from panoseti_daq.cli.late import CommandGroup
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption
from panoseti_daq.cli.tables import print_table
from panoseti_daq.cli.times import iso_utc
from panoseti_daq.errors import PffError
from panoseti_daq.pff import FrameBlock, Run, TimeStatus, open_file, open_run

app = typer.Typer(
    cls=CommandGroup,
    help="Show the content of PFF files.",
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
)

FileArgument = Annotated[Path, typer.Argument(help="A PFF file, named as the writer names it.")]


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="A PFF file, or the directory of a recorded run.")],
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show what a file or a run contains."""
    log_to_stderr(log_level)
    if path.is_dir():
        run = open_run(path)
        typer.echo(f"run {run.name}")
        print_table(_table(run))
        return
    for line in _describe(path, open_file(path)):
        typer.echo(line)


def _table(run: Run) -> Table:
    table = Table("module", "product", "files", "frames", "first UTC", "last UTC", box=None, pad_edge=False)
    for name in ("per s", "bad headers"):
        table.add_column(name, justify="right")
    for recording in run.values():
        first_ns, last_ns, rate_hz = _span(recording.blocks)
        table.add_row(
            str(recording.module_id),
            recording.product.token,
            str(len(recording.paths)),
            str(len(recording)),
            iso_utc(first_ns)[:19],
            iso_utc(last_ns)[:19],
            f"{rate_hz:.2f}" if rate_hz else "",
            str(sum(block.n_bad for block in recording.blocks)),
        )
    return table


def _span(blocks: Sequence[FrameBlock]) -> tuple[int, int, float]:
    """Return first and last time, UTC ns since 1970, and frames per second between them; 0 for unknown."""
    known = np.concatenate(
        [block.times[0][block.valid & (block.times[1] != TimeStatus.NO_TIME)] for block in blocks]
    )
    if not known.size:
        return 0, 0, 0.0
    first_ns, last_ns = int(known.min()), int(known.max())
    return first_ns, last_ns, (known.size - 1) / ((last_ns - first_ns) / 1e9) if last_ns > first_ns else 0.0


def _describe(file: Path, block: FrameBlock) -> list[str]:
    rows, columns = block.product.shape
    size, frame_size = file.stat().st_size, block.layout.frame_size_bytes
    is_even = isinstance(block.data, mmap.mmap)  # see `open_file`
    left_over = size - len(block) * frame_size if is_even else 0
    each = f"{frame_size} bytes" if is_even else "several lengths"
    _, status = block.times
    first_ns, last_ns, rate_hz = _span([block])
    lines = [
        f"file         {block.file}",
        f"product      {block.product.token}: {rows}x{columns} {block.product.dtype.name}, "
        f"{block.product.kind.value.lower().replace('_', ' ')}",
        f"module       {block.module_id}",
        f"size         {size} bytes: {len(block)} frames of {each}"
        + (f" and {left_over} bytes of a partial one" if left_over else ""),
    ]
    if first_ns:
        lines.append(f"time         {iso_utc(first_ns)} to {iso_utc(last_ns)} UTC")
    if rate_hz:
        lines.append(f"rate         {rate_hz:.2f} frames/s")
    counts = {s.name: int((block.valid & (status == s)).sum()) for s in TimeStatus}
    lines.append("time status  " + ", ".join(f"{name} {n}" for name, n in counts.items() if n))
    if block.product.one_quabo:
        per_quabo = np.bincount(block.columns["quabo_num"][block.valid], minlength=4)
        lines.append("quabos       " + ", ".join(f"Q{i} {n}" for i, n in enumerate(per_quabo)))
    lines.append(f"bad headers  {block.n_bad}")
    return lines


@app.command()
def dump(
    file: FileArgument,
    frame: Annotated[int, typer.Option(help="Which frame, 0-based; negative counts from the end.")] = 0,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Print header, time and pixels of one frame."""
    log_to_stderr(log_level)
    block = open_file(file)
    try:
        chosen = block[frame]
    except IndexError:
        raise PffError(f"{file} has no frame {frame}; there are: 0 to {len(block) - 1}") from None
    typer.echo(f"frame {chosen.frame_number} of {len(block)} in {block.file}")
    typer.echo(json.dumps(chosen.header.as_dict(), indent=1))
    typer.echo(f"time {iso_utc(chosen.time.unix_ns)} UTC ({chosen.time.status.name})")
    with np.printoptions(threshold=2048, linewidth=260):
        typer.echo(str(chosen.image))
