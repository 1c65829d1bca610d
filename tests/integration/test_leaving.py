"""Lossless clients that leave together: everything is given back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from support.frames import append
from support.patience import PATIENCE_S
from support.proxy import proxying
from support.rig import serving, until
from support.run_files import FRAME, file_of, open_files

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

N_CLIENTS = 8
N_MODULES = 16


async def read_on(address: str, has_one: asyncio.Event) -> None:
    async with AioDaqDataClient.connect(address, timeout=PATIENCE_S) as client:
        async for _ in client.stream_blocks(since="run"):
            has_one.set()


async def come(address: str) -> list[asyncio.Task[None]]:
    """Clients that read everything there is."""
    came = [asyncio.Event() for _ in range(N_CLIENTS)]
    tasks = [asyncio.create_task(read_on(address, event)) for event in came]
    for task, event in zip(tasks, came, strict=True):
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            await task  # raises why it does not read
    return tasks


async def leave(server: Server, tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await until(lambda: not server.acquisition.streams)


def make_runs(data_dir: Path) -> None:
    for module_id in range(1, N_MODULES + 1):
        append(file_of(data_dir, module_id), FRAME * 400)


# odd night 66
async def test_clients_that_leave_together_leave_no_file_open(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with serving(tmp_path) as server:
        await until(lambda: len(open_files(tmp_path)) == N_MODULES)
        for _ in range(3):
            await leave(server, await come(server.address))
            await until(lambda: len(open_files(tmp_path)) <= N_MODULES)


# odd night 66
async def test_clients_whose_connections_are_cut_leave_no_file_open(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with serving(tmp_path) as server, proxying(server.address) as proxy:
        await until(lambda: len(open_files(tmp_path)) == N_MODULES)
        for _ in range(3):
            tasks = await come(f"127.0.0.1:{proxy.port}")
            proxy.cut()
            await leave(server, tasks)
            await until(lambda: len(open_files(tmp_path)) <= N_MODULES)


# odd night 66
async def test_a_deleted_run_is_held_by_nobody_after_its_clients_left(tmp_path: Path) -> None:
    make_runs(tmp_path)
    async with serving(tmp_path) as server:
        tasks = await come(server.address)
        for module_id in range(1, N_MODULES + 1):
            shutil.rmtree(file_of(tmp_path, module_id).parent)
        await leave(server, tasks)
        await until(lambda: not open_files(tmp_path))
