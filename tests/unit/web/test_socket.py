"""A page's socket: what goes out, and in which order, while the page asks for something else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import WSMessage, WSMsgType
from support.received import frame_of
from support.rig import until

from panoseti_daq.web.doors import ANYONE, Doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.socket import PageSocket, SocketCounts
from panoseti_daq.web.views import Views
from panoseti_daq.wire.wall import decode_wall

pytestmark = pytest.mark.anyio


class SlowPage:
    """Is its own connection; asks for another module while it is told the keys of the first."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[WSMessage] = asyncio.Queue()
        self.modules: list[int] = []
        self.n_keys = 0
        self._shapes: dict[int, tuple[int, int]] = {}

    def ask(self, module: int) -> None:
        text = json.dumps({"op": "view", "modules": [module], "hz": 20})
        self.asked.put_nowait(WSMessage(WSMsgType.TEXT, text, None))

    def __aiter__(self) -> SlowPage:
        return self

    async def __anext__(self) -> WSMessage:
        if (message := await self.asked.get()).type is WSMsgType.CLOSED:
            raise StopAsyncIteration
        return message

    def abort(self) -> None:
        self.asked.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))

    async def send_str(self, text: str) -> None:
        message = json.loads(text)
        if message["op"] != "keys":
            return
        self._shapes = {key["id"]: (key["rows"], key["columns"]) for key in message["keys"]}
        self.n_keys += 1
        if self.n_keys == 1:
            self.ask(2)
        await until(self.asked.empty)

    async def send_bytes(self, data: bytes) -> None:
        _, tiles = decode_wall(data, self._shapes)
        self.modules += [int(tile.image[0, 0]) for tile in tiles]


async def test_no_wall_goes_out_before_the_page_knows_its_keys() -> None:
    live, socket = LiveWall(), SlowPage()
    for module in (1, 2):
        live.add(frame_of(module, module_id=module))
    async with asyncio.TaskGroup() as tasks:
        fake: Any = socket
        page = PageSocket(fake, fake, ANYONE, live, Views(live, tasks), Doors(), SocketCounts())
        running = tasks.create_task(page.run(), name="page")
        socket.ask(1)
        await until(lambda: 2 in socket.modules or running.done())
        running.cancel()
    assert socket.modules == [2]
