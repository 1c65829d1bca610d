"""A night in files: frames a second apart in runs, and a web server that looks into them through real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, PffName, Selection
from panoseti_daq.web.doors import Doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.night import Night
from panoseti_daq.web.server import WebAddress, web_server
from support.frames import append, frame_bytes
from support.rig import serving

RUN_1, RUN_2 = (f"obs_Test.start_2026-01-0{day}T00:00:00Z.runtype_sci-data.pffd" for day in (1, 2))
T0: Final = 1_767_225_600
"""UTC s of the first frame, when its second begins."""
US: Final = 778_654
"""Of each second, when its frame is taken."""


def write(
    data_dir: Path, module_id: int, run: str, product: DataProduct, frames: list[bytes], seqno: int = 0
) -> None:
    """Append frames to a file of a run."""
    name = PffName(product, module_id, seqno).format()
    append(data_dir / f"module_{module_id}" / run / name, b"".join(frames))


def movie(seconds: range) -> list[bytes]:
    """Images whose packet number and pixels are their second."""
    return [frame_bytes(DataProduct.IMG16, i, tv_sec=T0 + i) for i in seconds]


@asynccontextmanager
async def night_site(
    *data_dirs: Path, n_keys: int, doors: Doors | None = None
) -> AsyncIterator[tuple[LiveWall, str]]:
    """A web server before a server for each directory, and its URL, when it has got that many keys."""
    live = LiveWall()
    async with AsyncExitStack() as exits:
        servers = [await exits.enter_async_context(serving(data_dir)) for data_dir in data_dirs]
        hosts = [server.address for server in servers]
        client = await exits.enter_async_context(AioDaqDataClient.connect(hosts))
        running = web_server(live, doors or Doors(), WebAddress(port=0), night=Night(client, live))
        _, url = await exits.enter_async_context(running)
        stream = await exits.enter_async_context(client.stream_frames(hosts, selection=Selection()))
        while len(live.frames) < n_keys:
            live.add(await anext(stream))
        yield live, url
