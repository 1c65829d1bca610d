"""The same frames over gRPC, over NATS, and over gRPC from a gateway that reads NATS (issue 17)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.nats import NatsServer, bridging, nats_serving
from support.patience import PATIENCE_S
from support.rig import Recorder, image_of, recording, serving_process, until

from panoseti_daq.client import AioDaqDataClient, ReceivedBlock, ReceivedFrame, RpcError
from panoseti_daq.pff import DataProduct, Gap, Key, Selection

pytestmark = pytest.mark.anyio

N_BEFORE = 1000  # of img16: more than one message


@dataclass
class Night:
    """A writer, and where its frames can be had."""

    recorder: Recorder
    addresses: dict[str, str]


@contextmanager
def night(directory: Path, nats: NatsServer) -> Iterator[Night]:
    data_dir = directory / "data"
    follows = "--data-dir", data_dir, "--run-probe", "none"
    with recording(data_dir) as recorder:
        recorder.write(DataProduct.IMG16, N_BEFORE)
        recorder.write(DataProduct.PH256, 20)
        with (
            serving_process(*follows) as (_, node),
            bridging(nats, node, "--from-start"),
            serving_process("--node", f"lick={nats.url()}") as (_, gateway),
        ):
            yield Night(recorder, {"gRPC": node, "NATS": nats.url(), "a gateway over NATS": gateway})


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    directory = tmp_path_factory.mktemp("nats")
    with nats_serving(directory / "server") as nats, night(directory, nats) as found:
        yield found


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
async def one_loop() -> AsyncIterator[None]:
    """One event loop for all: gRPC tells the end of a cancelled call a moment later, and to no closed loop."""
    yield
    await asyncio.sleep(0.5)


@pytest.fixture(params=["gRPC", "NATS", "a gateway over NATS"])
async def client(there: Night, request: pytest.FixtureRequest) -> AsyncIterator[AioDaqDataClient]:
    async with AioDaqDataClient.connect(there.addresses[request.param]) as connected:
        yield connected


@asynccontextmanager
async def writing(there: Night, *products: DataProduct) -> AsyncIterator[None]:
    """Frames every 20 ms as long as the block runs."""

    async def write() -> None:
        while True:
            for product in products:
                there.recorder.write(product)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(write())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def blocks_of(client: AioDaqDataClient, product: DataProduct, n: int, **begin: Any) -> list[ReceivedBlock]:
    found: list[ReceivedBlock] = []
    async with (
        asyncio.timeout(PATIENCE_S),
        client.stream_blocks(selection=Selection(products=frozenset({product})), **begin) as blocks,
    ):
        async for block in blocks:
            assert not isinstance(block, Gap), block
            found.append(block)
            if sum(map(len, found)) >= n:
                break
    return found


async def test_every_frame_since_the_run_began_has_the_bytes_of_its_file(
    there: Night, client: AioDaqDataClient
) -> None:
    for product in (DataProduct.IMG16, DataProduct.PH256):
        written = there.recorder.frames[product]
        blocks = await blocks_of(client, product, len(written), since="run")
        assert b"".join(bytes(block.data) for block in blocks)[: sum(map(len, written))] == b"".join(written)
        assert [b.first_frame_number for b in blocks] == [0, *np.cumsum([len(b) for b in blocks])[:-1]]
        assert {block.product for block in blocks} == {product}


async def test_a_stream_continues_where_another_ended(there: Night, client: AioDaqDataClient) -> None:
    written = there.recorder.frames[DataProduct.IMG16]
    selection = Selection(products=frozenset({DataProduct.IMG16}))
    async with client.stream_blocks(selection=selection, since="run") as blocks:
        first = await anext(aiter(blocks))
        token = blocks.resume_token
    assert isinstance(first, ReceivedBlock)
    rest = await blocks_of(client, DataProduct.IMG16, len(written) - len(first), resume=token)
    assert rest[0].first_frame_number == len(first)
    assert bytes(first.data) + b"".join(bytes(block.data) for block in rest) == b"".join(written)


async def test_newest_frames_come_with_their_pixels_and_a_small_age(
    there: Night, client: AioDaqDataClient
) -> None:
    found: list[ReceivedFrame] = []
    selection = Selection(products=frozenset({DataProduct.IMG16}), update_interval_s=0.05)
    async with writing(there, DataProduct.IMG16), client.stream_frames(selection=selection) as stream:
        async for frame in stream:
            found.append(frame)
            if len(found) == 10:
                break
    numbers = [frame.frame_number for frame in found]
    assert numbers == sorted(set(numbers))
    for frame in found[1:]:
        written = there.recorder.frames[DataProduct.IMG16][frame.frame_number]
        np.testing.assert_array_equal(frame.image, image_of(written, frame.key.product))
        assert frame.age_s == pytest.approx(time.time() - frame.time.unix_ns / 1e9, abs=PATIENCE_S)


async def test_only_what_is_selected_comes(there: Night, client: AioDaqDataClient) -> None:
    selection = Selection(products=frozenset({DataProduct.PH256}), update_interval_s=0.05)
    async with (
        writing(there, DataProduct.PH256, DataProduct.IMG16),
        client.stream_frames(selection=selection) as stream,
    ):
        keys: set[Key] = set()
        async for frame in stream:
            keys.add(frame.key)
            if len(keys) == 1:
                break
    assert {key.product for key in keys} == {DataProduct.PH256}


async def test_latest_and_status_name_what_is_there(there: Night, client: AioDaqDataClient) -> None:
    there.recorder.write(DataProduct.IMG16)
    newest = await client.latest()
    assert {key.product for key in newest} == {DataProduct.IMG16, DataProduct.PH256}
    [host] = client.hosts
    status = await client.get_status(host)
    assert status.version and list(status.followed.modules) == [1]


async def test_nothing_is_controlled_over_nats(there: Night, tmp_path: Path) -> None:
    async with AioDaqDataClient.connect(there.addresses["NATS"]) as client:
        with pytest.raises(RpcError, match="not available over NATS"):
            await client.init_hp_io(None, {"data_dir": str(tmp_path), "update_interval_seconds": 0.1})


async def test_a_slow_reader_gets_the_newest_and_is_not_cut_off(there: Night) -> None:
    selection = Selection(products=frozenset({DataProduct.IMG16}), update_interval_s=0.001)
    async with (
        writing(there, DataProduct.IMG16),
        AioDaqDataClient.connect(there.addresses["NATS"]) as client,
        client.stream_frames(selection=selection) as stream,
    ):
        frames = aiter(stream)
        first = await anext(frames)
        n_written = len(there.recorder.frames[DataProduct.IMG16])
        await until(lambda: len(there.recorder.frames[DataProduct.IMG16]) > n_written + 50)
        await anext(frames)  # may have waited for us
        newest = max((await anext(frames)).frame_number, (await anext(frames)).frame_number)
    assert newest >= n_written + 45 > first.frame_number
