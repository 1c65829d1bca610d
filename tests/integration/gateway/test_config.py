"""Nodes of the observatory's own files, which come and go without a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.gateways import client_of, gateway_of
from support.rig import recording, serving, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16


def write_config(file: Path, *nodes: Server) -> None:
    """Replace the file as an editor does."""
    ports = [int(node.address.rpartition(":")[2]) for node in nodes]
    new = file.with_suffix(".new")
    new.write_text(json.dumps({"daq_nodes": [{"ip_addr": "127.0.0.1", "grpc_port": port} for port in ports]}))
    new.rename(file)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[Server, list[Server]]]:
    """A gateway of the first of two nodes."""
    file = tmp_path / "daq_config.json"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with serving(tmp_path / "a") as one, serving(tmp_path / "b") as two:
        write_config(file, one)
        async with gateway_of(daq_config=file) as server:
            yield server, [one, two]


async def test_a_node_that_is_added_joins_and_one_that_is_removed_goes(
    tmp_path: Path, gateway: tuple[Server, list[Server]]
) -> None:
    server, nodes = gateway
    file = tmp_path / "daq_config.json"
    with recording(tmp_path / "a", 1) as one, recording(tmp_path / "b", 2) as two:
        one.write(IMG16)
        two.write(IMG16)
        async with client_of(server) as client, client.stream_frames() as stream:
            assert (await anext(stream)).module_id == 1
            write_config(file, *nodes)
            assert (await anext(stream)).module_id == 2
            write_config(file, nodes[1])
            await until(lambda: not nodes[0].acquisition.streams)
            one.write(IMG16)
            two.write(IMG16)
            assert (await anext(stream)).module_id == 2
            names = [node.name for node in (await client.get_status(server.address)).nodes]
            assert len(names) == 1
        async with client_of(server) as late:
            keys = await late.latest()
        assert {key.module_id for key in keys} == {2}


async def test_a_bad_file_changes_nothing(
    tmp_path: Path, gateway: tuple[Server, list[Server]], caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = gateway
    (tmp_path / "daq_config.json").write_text("{")
    await until(lambda: "new nodes are invalid, the old ones stay in force" in caplog.text)
    async with client_of(server) as client:
        assert len((await client.get_status(server.address)).nodes) == 1


async def test_a_lossless_stream_goes_on_over_a_change_of_the_nodes(
    tmp_path: Path, gateway: tuple[Server, list[Server]]
) -> None:
    server, nodes = gateway
    n_frames = {1: 0, 2: 0}

    async def take(client: AioDaqDataClient) -> None:
        async for block in client.stream_blocks(since="run"):
            assert not isinstance(block, Gap)
            assert block.first_frame_number == n_frames[block.module_id]
            n_frames[block.module_id] += len(block)

    with recording(tmp_path / "a", 1) as one, recording(tmp_path / "b", 2) as two:
        async with client_of(server) as client, asyncio.TaskGroup() as tasks:
            one.write(IMG16, 10)
            taking = tasks.create_task(take(client))
            await until(lambda: n_frames == {1: 10, 2: 0})
            write_config(tmp_path / "daq_config.json", *nodes)
            await until(lambda: len(nodes[1].acquisition.streams) > 0)
            one.write(IMG16, 10)
            two.write(IMG16, 10)
            await until(lambda: n_frames == {1: 20, 2: 10})
            taking.cancel()
