"""Command ``snapshot``: the newest image of every key, as files or as JSON."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, WaitOption, with_options
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.client import ReceivedFrame, image_dict, to_json
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import Key, Selection
from panoseti_daq.web.png import png

_MAGNIFIED: Final = 16  # screen pixels of a PNG for each pixel of an image


@with_options(FRAMES_AND_KINDS, SERVERS)
def snapshot(
    out_dir: Annotated[Path, typer.Argument(help="Where to write the files; made when it is not there.")] = Path(),
    *,
    selection: Selection,
    png: Annotated[
        bool, typer.Option("--png", help="Write gray pictures, from the least to the largest.")
    ] = False,
    npy: Annotated[bool, typer.Option("--npy", help="Write NumPy arrays of the pixels.")] = False,
    wait: WaitOption = 5.0,
    json: Annotated[bool, typer.Option("--json", help="Print one line of JSON per image, with pixels.")] = False,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Save the newest image of every key: as PNG, as NumPy array, or as JSON.

    The files are called module_N.PRODUCT, of ph256 with the quabo.
    """
    if not (png or npy or json):
        raise typer.BadParameter("give --png, --npy or --json")
    log_to_stderr(log_level)

    async def ask() -> dict[Key, ReceivedFrame]:
        async with servers.client() as client:
            await servers.first_answer(client, wait)
            return await client.latest(servers.hosts, selection=selection, timeout=wait)

    if not (newest := asyncio.run(ask())):
        raise SourceError(f"there is no image; asked for {selection}")
    if png or npy:
        out_dir.mkdir(parents=True, exist_ok=True)
    for key, frame in newest.items():
        quabo = "" if key.quabo is None else f"_q{key.quabo}"
        path = out_dir / f"module_{key.module_id}.{key.product.token}{quabo}"
        if png:
            path.with_name(f"{path.name}.png").write_bytes(_gray(frame.image))
        if npy:
            np.save(path.with_name(f"{path.name}.npy"), frame.image)
        if json:
            typer.echo(to_json(image_dict(frame)))


def _gray(image: npt.NDArray[np.generic]) -> bytes:
    """Return a gray PNG, black for the least value and white for the largest."""
    values = image.astype(np.float64)
    values -= values.min()
    gray = np.rint(values * (255 / max(values.max(), 1))).astype(np.uint8)
    return png(gray.repeat(_MAGNIFIED, axis=0).repeat(_MAGNIFIED, axis=1))
