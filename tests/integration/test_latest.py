"""The newest image of every key in one line, and hosts in the forms in which other calls return them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import grpc
import pytest
from grpc.aio import AioRpcError
from support.rig import recording, serving, until

from panoseti_daq.client import AioDaqDataClient, DaqDataClient, RpcError
from panoseti_daq.client.node import Node
from panoseti_daq.errors import HostError
from panoseti_daq.pff import DataProduct, Key, Selection
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

IMG8, IMG16, PH256, PH1024 = DataProduct
KEYS = [Key(1, IMG16, None), *(Key(1, PH256, quabo) for quabo in range(4)), Key(2, IMG16, None)]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    with recording(tmp_path, 1) as one, recording(tmp_path, 2) as two:
        one.write(IMG16, 3)
        one.write(PH256, 50)
        two.write(IMG16, 5)
        async with serving(tmp_path) as server:
            await until(lambda: (hub := server.acquisition.hub) is not None and len(hub.keys) == len(KEYS))
            yield server


async def test_latest_is_the_newest_frame_of_every_key(server: Server) -> None:
    async with AioDaqDataClient.connect(server.address) as client:
        begin_s = time.monotonic()
        newest = await client.latest(timeout=60)
        assert len(newest.to_pandas()) == len(newest)
        assert time.monotonic() - begin_s < 30  # it did not wait for more
        assert list(newest) == KEYS
        assert newest[Key(2, IMG16, None)].frame_number == 4
        assert all(frame.key == key for key, frame in newest.items())
        assert list(await client.latest(module_id=2)) == KEYS[-1:]
        assert list(await client.latest(selection=Selection(products=[PH256], quabos=[3]))) == [Key(1, PH256, 3)]


async def test_latest_ends_when_there_are_no_frames(server: Server) -> None:
    async with AioDaqDataClient.connect(server.address) as client:
        assert await client.latest(module_id=9, timeout=0.05) == {}


async def test_latest_of_a_server_without_status_ends_when_no_more_comes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def status(self: Node, timeout_s: float) -> NoReturn:
        unimplemented = AioRpcError(grpc.StatusCode.UNIMPLEMENTED, grpc.aio.Metadata(), grpc.aio.Metadata())
        raise RpcError("localhost", unimplemented)

    monkeypatch.setattr(Node, "status", status)
    async with AioDaqDataClient.connect(server.address) as client:
        assert list(await client.latest(timeout=60)) == KEYS


async def test_latest_works_without_asyncio(server: Server) -> None:
    def ask() -> list[Key]:
        with DaqDataClient.connect(server.address) as client:
            return list(client.latest())

    assert await asyncio.to_thread(ask) == KEYS


async def test_what_a_status_of_hosts_returns_is_a_choice_of_hosts(server: Server) -> None:
    gone = "localhost:1"
    async with AioDaqDataClient.connect(server.address, gone) as client:
        answers = await client.get_daq_host_status()
        assert sorted(answers.values()) == [False, True]
        async with client.stream_images(hosts=answers) as stream:
            assert (await anext(stream))["module_id"] in (1, 2)
        with pytest.raises(HostError, match="none of localhost:1 answered"):
            await client.stream_images(hosts={gone: False})
