"""Our client works with the peer's servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import pytest
from interop.peers import CheckImage, CheckSimulated, Peer
from interop.table import Table

from panoseti_daq.client import AioDaqDataClient, RpcError, image_dict, received_frame
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.pff import DataProduct, FrameBlock

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECTION = "Our client with servers of the peer"
Write = Callable[..., None]


@pytest.fixture
async def client(peer_server: str) -> AsyncIterator[AioDaqDataClient]:
    async with asyncio.timeout(60), AioDaqDataClient.connect(peer_server) as client:
        yield client


@pytest.fixture
def write(peer: Peer, table: Table) -> Write:
    """Write a cell of the column of this version."""
    return lambda row, cell="yes": table.write(SECTION, row, peer.version, cell)


async def test_our_client_pings_reflects_initialises_and_streams_images_of_the_kind_it_asks_for(
    peer_server: str, client: AioDaqDataClient, assert_is_simulated_by_peer: CheckSimulated, write: Write
) -> None:
    assert await client.ping(peer_server)
    assert await client.get_daq_host_status() == {peer_server: True}
    write("ping, host status")
    assert "rpc StreamImages(StreamImagesRequest) returns (stream Stream" in await client.reflect_services()
    write("reflect_services")
    assert await client.init_sim(timeout=20)
    write("init_sim")
    for kind, row in (("MOVIE", "stream movie"), ("PULSE_HEIGHT", "stream pulse height")):
        movie = kind == "MOVIE"
        n_images = 0
        async for image in client.stream_images(stream_movie_data=movie, stream_pulse_height_data=not movie):
            assert image["type"] == kind
            assert_is_simulated_by_peer(image)
            n_images += 1
            if n_images == 5:
                break
        write(row)


async def test_several_of_our_clients_stream_at_once_each_the_modules_it_asks_for(
    peer_server: str, client: AioDaqDataClient, assert_is_simulated_by_peer: CheckSimulated, write: Write
) -> None:
    assert await client.init_sim(timeout=20)

    async def responses_until_both_kinds(**options: Any) -> None:
        seen = set()
        async with AioDaqDataClient.connect(peer_server) as another:
            async for response in another.stream_images(parse_pano_images=False, **options):
                assert [field.name for field, _ in response.ListFields()] == ["pano_image"]
                assert_is_simulated_by_peer(image_dict(received_frame(response, peer_server)))
                seen.add(response.pano_image.type)
                if len(seen) == 2:
                    return

    async def nothing_of_other_modules() -> None:
        async with AioDaqDataClient.connect(peer_server) as another:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(2):
                    async for _ in another.stream_images(module_ids=[7]):
                        raise AssertionError("a module that was not asked for")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(responses_until_both_kinds())
        tasks.create_task(responses_until_both_kinds(module_ids=[224]))
        tasks.create_task(nothing_of_other_modules())
    write("several clients at once")
    write("module filter")


async def test_a_refusal_of_the_peers_server_is_our_error_with_its_code(
    peer: Peer, peer_server: str, client: AioDaqDataClient, write: Write
) -> None:
    with pytest.raises(RpcError, match="not initialized" if peer.is_0_1 else "not valid") as refused:
        async for _ in client.stream_images():
            pass
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.host == peer_server
    write("refused stream: code and reason")


async def test_the_status_of_a_server_of_the_peer_says_at_most_whether_it_is_initialized(
    peer: Peer, peer_server: str, client: AioDaqDataClient, write: Write
) -> None:
    if peer.is_0_4:
        before = predecessor(await client.get_status(peer_server))
        assert before == "a server of panoseti-grpc 0.4, not initialized: hp_io task is not initialized."
        assert await client.init_sim(timeout=20)
        after = predecessor(await client.get_status(peer_server))
        assert after == "a server of panoseti-grpc 0.4, initialized: hp_io task is initialized and valid."
        write("get_status", "initialized or not, message")
        return
    with pytest.raises(RpcError) as refused:
        await client.get_status(peer_server)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert predecessor(refused.value) == "a server of panoseti-grpc before 0.4, which has no Status"
    write("get_status", "no: has none")


async def test_a_forced_init_beside_a_stream(peer: Peer, client: AioDaqDataClient, write: Write) -> None:
    assert await client.init_sim(timeout=20)
    stream = client.stream_images()
    await anext(stream)
    reading = asyncio.create_task(_drain(stream))
    try:
        if peer.is_0_1:
            with pytest.raises(RpcError) as refused:
                await client.init_sim(timeout=6)
            assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            write("forced init beside a stream", "no: it gives no answer")
        else:
            assert await client.init_sim(timeout=6)
            write("forced init beside a stream")
    finally:
        reading.cancel()


async def _drain(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


async def test_images_that_our_client_uploads_come_back_in_the_stream(
    peer: Peer,
    peer_server: str,
    client: AioDaqDataClient,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: CheckImage,
    write: Write,
) -> None:
    file, block = next((name, f) for name, f in lick_files.items() if f.product is DataProduct.IMG16)
    frame = next(iter(block.newest().values()))
    assert await client.init_sim(timeout=20)
    if peer.is_0_1 or peer.is_0_4:
        with pytest.raises(RpcError) as refused:
            await client.upload_images(None, [frame])
        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
        write("upload_images", "no: has none")
        return
    await client.upload_images(None, [frame])
    async for response in client.stream_images(module_ids=[frame.module_id], parse_pano_images=False):
        assert len(response.pano_image.image_array) == 1024, "clients of the peer know no other pixels"
        image = image_dict(received_frame(response, peer_server))
        assert image["frame_number"] == frame.frame_number
        assert_is_recorded(image, file, frame.frame_number)
        break
    write("upload_images")
