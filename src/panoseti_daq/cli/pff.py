"""Command ``pff``: show the content of PFF files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from panoseti_daq.cli.times import iso_utc
from panoseti_daq.errors import PffError
from panoseti_daq.pff import FrameBlock, TimeStatus, open_file

app = typer.Typer(help="Show the content of PFF files.", rich_markup_mode=None, add_completion=False)

FileArgument = Annotated[Path, typer.Argument(help="A PFF file, named as the writer names it.")]


@app.command()
def info(file: FileArgument) -> None:
    """Show what a file contains."""
    for line in _describe(file, open_file(file)):
        typer.echo(line)


def _describe(file: Path, block: FrameBlock) -> list[str]:
    rows, columns = block.product.shape
    size, frame_size = file.stat().st_size, block.layout.frame_size_bytes
    left_over = size - len(block) * frame_size
    unix_ns, status = block.times
    known = block.valid & (status != TimeStatus.NO_TIME)
    lines = [
        f"file         {block.file}",
        f"product      {block.product.token}: {rows}x{columns} {block.product.dtype.name}, "
        f"{block.product.kind.value.lower().replace('_', ' ')}",
        f"module       {block.module_id}",
        f"size         {size} bytes: {len(block)} frames of {frame_size} bytes"
        + (f" and {left_over} bytes of a partial one" if left_over else ""),
    ]
    if known.any():
        first, last = unix_ns[known].min(), unix_ns[known].max()
        lines.append(f"time         {iso_utc(int(first))} to {iso_utc(int(last))} UTC")
        if last > first:
            lines.append(f"rate         {(known.sum() - 1) / ((last - first) / 1e9):.2f} frames/s")
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
) -> None:
    """Print header, time and pixels of one frame."""
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
