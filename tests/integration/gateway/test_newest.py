"""The newest frames of nodes, through a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support.gateways import client_of, gateway_of
from support.rig import Recorder, image_of, recording, serving, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256


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


def n_streams(node: Server) -> int:
    return len(node.acquisition.streams)


async def test_frames_of_all_nodes_come_as_they_are(gateway: Server, recorders: list[Recorder]) -> None:
    for recorder in recorders:
        recorder.write(IMG16)
        recorder.write(PH256, 4)
    async with client_of(gateway) as client:
        seen = {}
        async for frame in client.stream_frames():
            seen[frame.module_id, frame.product] = frame
            if len(seen) == 4:
                break
        for (module_id, product), frame in seen.items():
            stored = recorders[module_id - 1].frames[product][frame.frame_number]
            assert frame.image.tolist() == image_of(stored, product).tolist()
            assert frame.quality is not None and frame.detected_unix_ns
            assert frame.file.startswith("start_")


async def test_old_clients_get_the_old_encoding(gateway: Server, recorders: list[Recorder]) -> None:
    recorders[0].write(IMG16)
    async with client_of(gateway) as client:
        async for response in client.stream_images(parse_pano_images=False):
            stored = image_of(recorders[0].frames[IMG16][0], IMG16)
            assert list(response.pano_image.image_array) == stored.ravel().tolist()
            assert "quabo_0" in response.pano_image.header
            break


async def test_a_node_has_one_stream_for_all_and_none_without(gateway: Server, nodes: list[Server]) -> None:
    assert [n_streams(node) for node in nodes] == [0, 0]

    async def drain(client: AioDaqDataClient) -> None:
        async for _ in client.stream_frames():
            pass

    async with client_of(gateway) as client, asyncio.TaskGroup() as tasks:
        streams = [tasks.create_task(drain(client)) for _ in range(8)]
        await until(lambda: n_streams(gateway) == 8)
        await until(lambda: [n_streams(node) for node in nodes] == [1, 1])
        for stream in streams:
            stream.cancel()
    await until(lambda: [n_streams(node) for node in nodes] == [0, 0])


async def test_the_stream_of_a_node_is_what_clients_want_together(gateway: Server, nodes: list[Server]) -> None:
    async def drain(client: AioDaqDataClient, selection: Selection) -> None:
        async with client.stream_frames(selection=selection) as stream:
            async for _ in stream:
                pass

    def asked() -> list[Selection]:
        return [s.subscription.selection for s in nodes[0].acquisition.streams if s.subscription]

    slow = Selection({Kind.MOVIE}, module_ids={1}, update_interval_s=1.0)
    fast = Selection({Kind.PULSE_HEIGHT}, module_ids={1, 2}, update_interval_s=0.5)
    async with client_of(gateway) as client, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(drain(client, slow))
        await until(lambda: asked() == [slow])
        second = tasks.create_task(drain(client, fast))
        await until(lambda: asked() == [Selection(frozenset(Kind), module_ids={1, 2}, update_interval_s=0.5)])
        second.cancel()
        await until(lambda: asked() == [slow])
        first.cancel()


async def test_a_change_of_what_is_wanted_loses_nothing(gateway: Server, recorders: list[Recorder]) -> None:
    async with client_of(gateway) as client, asyncio.TaskGroup() as tasks:
        numbers: list[int] = []

        async def read() -> None:
            async for frame in client.stream_frames(stream_pulse_height_data=False, module_ids=[1]):
                numbers.append(frame.frame_number)  # noqa: PERF401 - the list is looked at meanwhile

        async def come_and_go(interval_s: float) -> None:
            async for _ in client.stream_frames(update_interval_seconds=interval_s):
                break

        reading = tasks.create_task(read())
        for n in range(60):
            recorders[0].write(IMG16)
            if n % 15 == 5:
                await come_and_go(0.0)
            await until(lambda n=n: bool(numbers) and numbers[-1] == n)  # type: ignore[misc]
        reading.cancel()
    assert numbers == list(range(numbers[0], 60))


async def test_what_comes_at_once_is_the_newest_also_after_a_time_when_nobody_looked(
    gateway: Server, recorders: list[Recorder], nodes: list[Server]
) -> None:
    async with client_of(gateway) as client:
        for n_written in (1, 6, 11):
            recorders[0].write(IMG16, n_written - len(recorders[0].frames[IMG16]))
            assert [frame.frame_number for frame in (await client.latest()).values()] == [n_written - 1]
            await until(lambda: [n_streams(node) for node in nodes] == [0, 0])


async def test_who_asks_again_and_again_for_the_newest_frame_gets_new_ones(
    nodes: list[Server], recorders: list[Recorder]
) -> None:
    async with gateway_of(f"daq1={nodes[0].address}", linger_s=1000) as gateway, client_of(gateway) as client:
        for n_written in (1, 6):
            recorders[0].write(IMG16, n_written - len(recorders[0].frames[IMG16]))
            while [frame.frame_number for frame in (await client.latest()).values()] != [n_written - 1]:
                pass


async def test_the_age_of_a_frame_is_that_at_the_node(
    gateway: Server, recorders: list[Recorder], nodes: list[Server]
) -> None:
    recorders[0].write(IMG16)
    async with client_of(gateway) as client, client_of(nodes[0]) as direct:
        through = await anext(aiter(client.stream_frames(module_ids=[1])))
        at_node = await anext(aiter(direct.stream_frames(module_ids=[1])))
    assert through.detected_unix_ns == at_node.detected_unix_ns
    assert through.queued_ns > 0
    assert abs(through.age_s - at_node.age_s) < 5


async def test_a_node_that_is_not_there_at_the_start_joins(tmp_path: Path, recorders: list[Recorder]) -> None:
    socket = f"unix://{tmp_path}/node"
    recorders[0].write(IMG16)
    recorders[1].write(IMG16)
    async with serving(tmp_path / "a") as one, gateway_of(f"daq1={one.address}", f"daq2={socket}") as gateway:
        async with client_of(gateway) as client:
            frames = aiter(client.stream_frames())
            assert (await anext(frames)).module_id == 1
            async with serving(tmp_path / "b", host=socket):
                assert (await anext(frames)).module_id == 2


async def test_a_node_that_comes_back_streams_again_and_others_never_stop(
    tmp_path: Path, recorders: list[Recorder], nodes: list[Server]
) -> None:
    socket = f"unix://{tmp_path}/node"
    async with gateway_of(f"daq1={nodes[0].address}", f"daq2={socket}") as gateway, client_of(gateway) as client:
        frames = aiter(client.stream_frames(stream_pulse_height_data=False))
        for number in range(2):
            async with serving(tmp_path / "b", host=socket):
                recorders[1].write(IMG16)
                assert (await anext(frames)).module_id == 2
            recorders[0].write(IMG16)
            frame = await anext(frames)
            assert (frame.module_id, frame.frame_number) == (1, number)
