"""UploadImages: frames that clients push (SPEC 2.1, 6.2)."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from support.frames import block_of, each_product, wait_until
from support.proxy import proxying
from support.rig import serving, serving_in_thread, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, DaqDataClient, RpcError
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.pff import DataProduct, Frame
from panoseti_daq.wire.image import as_raw, as_struct

pytestmark = pytest.mark.anyio

UPLOADS = HpIoConfig(uploads_only=True)
RAW_IMG16 = {"type": "MOVIE", "shape": [32, 32], "bytes_per_pixel": 2, "pixels": bytes(2048)}
RAW_PH256 = {"type": "PULSE_HEIGHT", "shape": [16, 16], "bytes_per_pixel": 2, "pixels": bytes(512)}
each_encoding = pytest.mark.parametrize(
    "encode", [as_raw, as_struct, lambda frame: frame], ids=["raw", "struct", "frame"]
)


def frame_of(product: DataProduct = DataProduct.IMG16, number: int = 0, module_id: int = 7) -> Frame:
    """Frame `number`, whose pixels are all `number`."""
    (frame,) = block_of(product, first=number, module_id=module_id)
    return frame


async def refused_upload(image: pb.PanoImage) -> RpcError:
    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(RpcError) as refused:
            await client.upload_images(None, [image])
    return refused.value


@each_product
@each_encoding
async def test_an_uploaded_frame_arrives_in_a_stream_with_its_pixels(
    product: DataProduct, encode: Callable[[Frame], pb.PanoImage | Frame]
) -> None:
    sent = frame_of(product, 5)
    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        await client.upload_images(server.address, [encode(sent)])
        async for frame in client.stream_frames():
            break
    np.testing.assert_array_equal(frame.image, sent.image)
    assert frame.header == sent.header
    assert (frame.key, frame.file, frame.frame_number) == (sent.key, sent.file, 5)


async def test_frames_arrive_while_the_upload_goes_on() -> None:
    arrived: asyncio.Queue[int] = asyncio.Queue()

    async def paced() -> AsyncIterator[Frame]:
        for number in range(10):
            yield frame_of(number=number)
            assert await arrived.get() == number

    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(client.upload_images(None, paced()))
            async for frame in client.stream_frames():
                arrived.put_nowait(frame.frame_number)
                if frame.frame_number == 9:
                    break


async def test_frames_of_one_number_are_all_new() -> None:
    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        stream = await client.stream_frames()
        for packet in range(3):
            frame = replace(frame_of(number=packet), frame_number=0)
            await client.upload_images(None, [frame])
            assert (await anext(stream)).header.pkt_num[0] == packet


async def test_several_hosts_get_the_same_frames() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(serving(accept_uploads=True)) for _ in range(3)]
        client = AioDaqDataClient.connect(*(server.address for server in servers))
        await stack.enter_async_context(client)
        await client.upload_images(None, (frame_of(number=i) for i in range(100)))
        for server in servers:
            [key] = (await client.get_status(server.address)).keys
            assert (key.frames, key.frame_number) == (100, 99)


async def test_uploads_go_on_beside_a_followed_configuration() -> None:
    async with (
        serving(HpIoConfig(simulate=True), accept_uploads=True) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        await client.upload_images(None, [frame_of(module_id=9)])
        modules = set()
        async for frame in client.stream_frames():
            modules.add(frame.module_id)
            if modules == {9, 224}:
                break


async def test_a_module_that_the_server_does_not_follow_is_not_handed_out() -> None:
    one = HpIoConfig(module_ids=(1,), uploads_only=True)
    async with serving(one, accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        stream = await client.stream_frames()
        await client.upload_images(None, [frame_of(module_id=2), frame_of(module_id=1)])
        assert (await anext(stream)).module_id == 1
        assert [key.module_id for key in (await client.get_status(server.address)).keys] == [1]


async def test_a_server_that_was_not_told_to_accept_them_denies_permission() -> None:
    async with serving(UPLOADS) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(RpcError, match="--accept-uploads") as refused:
            await client.upload_images(None, (frame_of(number=i) for i in itertools.count()))
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert refused.value.host == server.address


async def test_one_server_that_refuses_ends_the_upload_to_all() -> None:
    async with (
        serving(accept_uploads=True) as willing,
        serving(UPLOADS) as unwilling,
        AioDaqDataClient.connect(willing.address, unwilling.address) as client,
    ):
        with pytest.raises(RpcError) as refused:
            await client.upload_images(None, (frame_of(number=i) for i in itertools.count()))
        assert refused.value.host == unwilling.address


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"type": "MOVIE", "shape": [32, 32], "bytes_per_pixel": 3, "image_array": [0] * 1024},
        {"type": "MOVIE", "shape": [32, 32], "bytes_per_pixel": 2, "image_array": [0] * 7},
        RAW_IMG16 | {"pixels": b"short"},
        RAW_IMG16,
        RAW_IMG16 | {"header_json": "{"},
        RAW_IMG16 | {"header_json": "[]"},
        RAW_PH256 | {"packed_header": b"short"},
        RAW_PH256 | {"packed_header": bytes(64)},
    ],
    ids=["empty", "3 bytes", "7 pixels", "short", "no header", "bad json", "list", "short header", "four quabos"],
)  # fmt: skip
async def test_garbage_is_an_invalid_argument(image: dict[str, Any]) -> None:
    assert (await refused_upload(pb.PanoImage(**image))).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_header_field_that_is_no_number_is_an_invalid_argument() -> None:
    image = as_struct(frame_of())
    image.header["quabo_1"]["tv_sec"] = "soon"  # type: ignore[index]
    assert (await refused_upload(image)).code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_time_that_no_file_can_hold_is_an_invalid_argument() -> None:
    image = as_raw(frame_of())
    header = frame_of().header.as_dict()
    header["quabo_0"]["tv_sec"] = 2**60
    image.packed_header, image.header_json = b"", json.dumps(header)
    error = await refused_upload(image)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "tv_sec" in str(error)


async def test_a_module_that_cannot_be_is_an_invalid_argument() -> None:
    error = await refused_upload(as_raw(frame_of(module_id=300)))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "300" in str(error)


async def test_what_is_no_image_is_an_error_of_the_caller() -> None:
    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(TypeError, match="PanoImage"):
            await client.upload_images(None, ["a frame"])  # type: ignore[list-item]


def failing() -> Iterator[Frame]:
    yield frame_of()
    raise KeyError("mine")


async def failing_later() -> AsyncIterator[Frame]:
    for frame in failing():
        yield frame


@pytest.mark.parametrize("images", [failing, failing_later])
async def test_an_iterable_that_fails_passes_its_error_through(images: Callable[[], Iterator[Frame]]) -> None:
    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(KeyError, match="mine"):
            await client.upload_images(None, images())
        await client.upload_images(None, [frame_of()])


async def test_a_group_of_errors_of_the_iterable_stays_a_group() -> None:
    async def failing() -> AsyncIterator[Frame]:
        yield frame_of()
        raise ExceptionGroup("mine", [KeyError(1), KeyError(2)])

    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(ExceptionGroup, match="mine"):
            await client.upload_images(None, failing())


async def test_a_caller_that_gives_up_ends_the_call() -> None:
    started = asyncio.Event()

    async def waiting() -> AsyncIterator[Frame]:
        yield frame_of()
        started.set()
        await asyncio.get_running_loop().create_future()

    async with serving(accept_uploads=True) as server, AioDaqDataClient.connect(server.address) as client:
        upload = asyncio.create_task(client.upload_images(None, waiting()))
        await started.wait()
        upload.cancel()
        with pytest.raises(asyncio.CancelledError):
            await upload
        assert await client.ping(server.address)


async def test_an_upload_to_a_server_that_goes_away_ends_with_an_error() -> None:
    gone = asyncio.Event()

    async def until_it_is_gone() -> AsyncIterator[Frame]:
        yield frame_of()
        await gone.wait()
        for number in itertools.count(1):
            yield frame_of(number=number)

    async with asyncio.TaskGroup() as tasks:
        async with serving(accept_uploads=True, shutdown_grace_period=0.1) as server:
            client = AioDaqDataClient.connect(server.address)
            await client.__aenter__()
            upload = tasks.create_task(_error_of(client.upload_images(None, until_it_is_gone())))
            await until(lambda: server.acquisition.hub is not None and bool(server.acquisition.hub.keys))
        gone.set()
        assert (await upload).code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
        await client.__aexit__(None, None, None)


async def test_a_connection_that_breaks_while_frames_are_sent_is_unavailable() -> None:
    async with serving(accept_uploads=True) as server, proxying(server.address) as proxy:

        async def cut_on_the_way() -> AsyncIterator[Frame]:
            for number in itertools.count():
                if number == 100:
                    proxy.cut()
                yield frame_of(number=number)

        async with AioDaqDataClient.connect(f"127.0.0.1:{proxy.port}") as client:
            error = await _error_of(client.upload_images(None, cut_on_the_way()))
    assert error.code() is grpc.StatusCode.UNAVAILABLE


async def test_shutdown_ends_an_upload_at_once_and_says_so() -> None:
    async def one_and_no_more() -> AsyncIterator[Frame]:
        yield frame_of()
        await asyncio.get_running_loop().create_future()

    async with asyncio.TaskGroup() as tasks:
        async with serving(accept_uploads=True, shutdown_grace_period=60) as server:
            client = AioDaqDataClient.connect(server.address)
            await client.__aenter__()
            upload = tasks.create_task(_error_of(client.upload_images(None, one_and_no_more())))
            await until(lambda: server.acquisition.hub is not None and bool(server.acquisition.hub.keys))
        error = await upload
        await client.__aexit__(None, None, None)
    assert error.code() is grpc.StatusCode.CANCELLED
    assert "shutting down" in str(error)


async def _error_of(upload: object) -> RpcError:
    with pytest.raises(RpcError) as error:
        await upload  # type: ignore[misc]
    return error.value


class TestBlocking:
    @each_encoding
    def test_uploaded_frames_arrive(self, encode: Callable[[Frame], pb.PanoImage | Frame]) -> None:
        with (
            serving_in_thread(accept_uploads=True) as server,
            DaqDataClient.connect(server.address) as client,
        ):
            client.upload_images(server.address, [encode(frame_of(number=i)) for i in range(3)])
            image = next(client.stream_images())
        np.testing.assert_array_equal(image["image_array"], frame_of(number=2).image)

    def test_the_iterable_may_use_the_client(self) -> None:
        with serving_in_thread(accept_uploads=True) as server, DaqDataClient.connect(server.address) as client:
            stream = client.stream_frames()

            def paced() -> Iterator[Frame]:
                for number in range(5):
                    yield frame_of(number=number)
                    assert next(stream).frame_number == number

            client.upload_images(None, paced())

    def test_an_async_iterable_is_taken_too(self) -> None:
        async def images() -> AsyncIterator[Frame]:
            yield frame_of(number=1)

        with serving_in_thread(accept_uploads=True) as server, DaqDataClient.connect(server.address) as client:
            client.upload_images(None, images())
            assert next(client.stream_frames()).frame_number == 1

    def test_an_iterable_that_fails_passes_its_error_through_and_ends_the_call(self) -> None:
        with serving_in_thread(accept_uploads=True) as server, DaqDataClient.connect(server.address) as client:
            with pytest.raises(KeyError, match="mine"):
                client.upload_images(None, failing())
            client.upload_images(None, [frame_of(number=4)])
            assert next(client.stream_frames()).frame_number == 4

    def test_a_server_that_refuses_ends_an_endless_upload(self) -> None:
        with serving_in_thread(UPLOADS) as server, DaqDataClient.connect(server.address) as client:
            with pytest.raises(RpcError) as refused:
                client.upload_images(None, (frame_of(number=i) for i in itertools.count()))
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED

    def test_an_unknown_host_is_an_error_before_the_first_frame_is_asked_for(self) -> None:
        def never() -> Iterator[Frame]:
            raise AssertionError("asked for a frame")
            yield

        with serving_in_thread(accept_uploads=True) as server, DaqDataClient.connect(server.address) as client:
            with pytest.raises(ConnectionError):
                client.upload_images("unheard-of", never())
            wait_until(lambda: not client.get_status(server.address).keys)
