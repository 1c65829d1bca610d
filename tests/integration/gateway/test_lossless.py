"""Every frame of every node, through a gateway."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import grpc
import pytest
from support.gateways import client_of, gateway_of
from support.rig import Recorder, recording, serving, until

from panoseti_daq.client import AioDaqDataClient, RpcError
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256


class Taken:
    """What came, by module and product."""

    def __init__(self) -> None:
        self.frames: defaultdict[tuple[int, DataProduct], list[bytes]] = defaultdict(list)
        self.token: str | None = None

    async def take(self, client: AioDaqDataClient, n_frames: int, hosts: Any = None) -> None:
        """Take at least this number of frames, from the beginning of the run or where it was."""
        since: Literal["run"] | None = None if self.token else "run"
        async with client.stream_blocks(hosts, since=since, resume=self.token) as stream:
            async for block in stream:
                assert not isinstance(block, Gap), block
                size = block.layout.frame_size_bytes
                data = bytes(block.data)
                self.frames[block.module_id, block.product] += [
                    data[i : i + size] for i in range(0, len(data), size)
                ]
                n_frames -= len(block)
                self.token = stream.resume_token
                if n_frames <= 0:
                    return

    def check(self, *recorders: Recorder) -> None:
        """Check that it is what was written, each frame once and in order."""
        for module_id, recorder in enumerate(recorders, 1):
            for product in (IMG16, PH256):
                assert self.frames[module_id, product] == recorder.frames[product]


def write(recorders: list[Recorder], n_frames: int) -> None:
    for recorder in recorders:
        recorder.write(IMG16, n_frames)
        recorder.write(PH256, n_frames)


@pytest.fixture
def recorders(tmp_path: Path) -> Iterator[list[Recorder]]:
    with recording(tmp_path / "a", 1) as one, recording(tmp_path / "b", 2) as two:
        yield [one, two]


@pytest.fixture
async def nodes(tmp_path: Path, recorders: list[Recorder]) -> AsyncIterator[list[Server]]:
    async with serving(tmp_path / "a") as one, serving(tmp_path / "b") as two:
        yield [one, two]


@pytest.fixture
async def gateway(nodes: list[Server]) -> AsyncIterator[Server]:
    async with gateway_of(f"daq1={nodes[0].address}", f"daq2={nodes[1].address}") as server:
        yield server


async def test_every_frame_of_all_nodes_comes_once_in_order(gateway: Server, recorders: list[Recorder]) -> None:
    write(recorders, 200)
    taken = Taken()
    async with client_of(gateway) as client:
        await taken.take(client, 800)
    taken.check(*recorders)


async def test_a_token_of_nodes_holds_at_the_gateway_and_the_other_way_round(
    gateway: Server, nodes: list[Server], recorders: list[Recorder]
) -> None:
    taken = Taken()
    addresses = [node.address for node in nodes]
    async with client_of(gateway) as through, AioDaqDataClient.connect(addresses) as direct:
        for client in (direct, through, direct, through, through, direct):
            write(recorders, 50)
            await taken.take(client, 200)
            taken.check(*recorders)


async def test_a_node_that_is_back_goes_on_where_it_was(tmp_path: Path, recorders: list[Recorder]) -> None:
    socket = f"unix://{tmp_path}/node"
    taken = Taken()
    async with (
        serving(tmp_path / "a") as one,
        gateway_of(f"daq1={one.address}", f"daq2={socket}") as gateway,
        client_of(gateway) as client,
    ):
        async with asyncio.TaskGroup() as tasks:
            async with serving(tmp_path / "b", host=socket):
                write(recorders, 100)
                taking = tasks.create_task(taken.take(client, 800))
                await until(lambda: len(taken.frames[2, PH256]) == len(taken.frames[2, IMG16]) == 100)
            write(recorders, 100)  # nobody serves the second node
            await until(lambda: len(taken.frames[1, PH256]) == len(taken.frames[1, IMG16]) == 200)
            async with serving(tmp_path / "b", host=socket):
                await taking
    taken.check(*recorders)


async def test_a_client_that_reads_nothing_holds_up_nobody_and_little_waits_for_it(
    gateway: Server, nodes: list[Server], recorders: list[Recorder]
) -> None:
    write(recorders, 1000)
    async with client_of(gateway) as slow, client_of(gateway) as client:
        async with slow.stream_blocks(since="run") as stream:
            await anext(stream)
            taken = Taken()
            await taken.take(client, 4000)
        taken.check(*recorders)
    await until(lambda: not any(node.acquisition.streams for node in nodes))


async def test_without_a_node_that_has_lossless_streams_it_is_said() -> None:
    async with gateway_of() as gateway, client_of(gateway) as client:
        with pytest.raises(RpcError, match="no node of this gateway has a stream of all frames") as refused:
            await anext(client.stream_blocks())
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
