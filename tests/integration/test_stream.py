"""StreamImages from files on disk and from sockets to images in a client, in one process."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from support.hashpipe import Feed, SocketRecorder
from support.rig import Recorder, image_of, recording, serving, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, HostChange, image_dict, received_frame
from panoseti_daq.client.node import SERVICE
from panoseti_daq.pff import DataProduct, Selection
from panoseti_daq.service.server import Server
from panoseti_daq.service.streams import Stream
from panoseti_daq.simulator.writer import Buffering

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["files", "socket"])
def feed(request: pytest.FixtureRequest, tmp_path: Path) -> Feed:
    """Files that are followed, and sockets that are read."""
    return Feed(tmp_path, request.param)


ALL_PRODUCTS = pytest.mark.parametrize("product", DataProduct, ids=lambda p: p.token)


@ALL_PRODUCTS
async def test_every_frame_that_is_appended_arrives_with_its_pixels(feed: Feed, product: DataProduct) -> None:
    with feed.recording() as recorder:
        async with feed.serving() as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(product)
            n_seen = 0
            async for image in client.stream_images():
                number = image["frame_number"]
                assert number == n_seen
                expected = image_of(recorder.frames[product][number], product)
                np.testing.assert_array_equal(image["image_array"], expected)
                assert image["image_array"].dtype == product.dtype
                assert image["type"] == product.kind.value
                assert image["shape"] == list(product.shape)
                assert (image["module_id"], image["bytes_per_pixel"]) == (1, product.bytes_per_pixel)
                assert (f"dp_{product.token}." if feed.is_files else f"uds_{product.token}") in image["file"]
                n_seen += 1
                if n_seen == 20:
                    break
                recorder.write(product)


async def test_stdio_sized_appends_give_whole_frames_and_the_rest_at_the_close(tmp_path: Path) -> None:
    product = DataProduct.PH256
    with recording(tmp_path, buffering=Buffering.HASHPIPE) as recorder:
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(product, 100)
            async for image in client.stream_images(update_interval_seconds=0):
                number = image["frame_number"]
                assert image["image_array"].tobytes() == recorder.frames[product][number][-512:]
                if number == 99:
                    break
                if number > 80:
                    recorder.writer.close()


async def test_a_new_stream_gets_the_newest_frame_of_every_key_at_once(tmp_path: Path) -> None:
    with recording(tmp_path, 1) as one, recording(tmp_path, 2) as two:
        one.write(DataProduct.IMG16, 3)
        two.write(DataProduct.IMG16, 5)
        one.write(DataProduct.PH256, 50)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            keys = set()
            async for frame in client.stream_frames():
                keys.add((frame.key.module_id, frame.product, frame.key.quabo))
                if frame.product is DataProduct.IMG16:
                    assert frame.frame_number == {1: 2, 2: 4}[frame.module_id]
                if len(keys) == 6:
                    break
    img16, ph256 = DataProduct.IMG16, DataProduct.PH256
    assert keys == {(1, img16, None), (2, img16, None), *((1, ph256, quabo) for quabo in range(4))}


async def test_only_the_kinds_and_modules_asked_for_arrive(feed: Feed) -> None:
    with feed.recording(1) as one, feed.recording(2) as two:
        async with feed.serving() as server, AioDaqDataClient.connect(server.address) as client:
            for recorder in (one, two):
                recorder.write(DataProduct.IMG8)
                recorder.write(DataProduct.PH1024)
            seen = set()
            async for frame in client.stream_frames(stream_movie_data=False, module_ids=[2]):
                seen.add((frame.module_id, frame.product))
                if frame.frame_number == 5:
                    break
                for recorder in (one, two):
                    recorder.write(DataProduct.IMG8)
                    recorder.write(DataProduct.PH1024)
    assert seen == {(2, DataProduct.PH1024)}


async def test_frames_of_one_key_are_an_interval_apart_on_average(feed: Feed) -> None:
    with feed.recording() as recorder:
        async with feed.serving() as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(DataProduct.IMG16)
            times = []  # when the server sent them: the network may bring them closer together
            async for frame in client.stream_frames(update_interval_seconds=0.1):
                times.append((frame.detected_unix_ns + frame.queued_ns) / 1e9)
                if len(times) == 4:
                    break
                recorder.write(DataProduct.IMG16, 3)
    # The newest of three each time; n + 2 in no n intervals, two not within half of one. The clock is read later.
    assert frame.frame_number == 9
    assert all(b - a > 0.03 for a, b in itertools.pairwise(times))
    assert all(times[i + 2] - times[i] > 0.08 for i in range(2))
    assert times[3] - times[0] > 0.18


@ALL_PRODUCTS
async def test_both_encodings_give_the_same_image(feed: Feed, product: DataProduct) -> None:
    with feed.recording() as recorder:
        async with feed.serving() as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(product)
            async for raw in client.stream_frames():
                break
            async for response in client.stream_images(parse_pano_images=False):
                break
    old = received_frame(response, "host")
    assert old.header == raw.header
    assert image_dict(old)["header"] == image_dict(raw)["header"]
    np.testing.assert_array_equal(old.image, raw.image)
    assert old.image.dtype == raw.image.dtype
    assert not raw.image.flags.writeable


async def test_a_client_that_does_not_ask_for_more_gets_exactly_the_old_message(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.PH256)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async for response in client.stream_images(parse_pano_images=False):
                break
    assert [field.number for field, _ in response.ListFields()] == [4]
    assert max(field.number for field, _ in response.pano_image.ListFields()) == 8
    assert max(response.pano_image.image_array) > 60_000  # -1 travels as 65535


async def test_raw_responses_count_frames_and_tell_when_they_were_found(feed: Feed) -> None:
    with feed.recording() as recorder:
        async with feed.serving() as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(DataProduct.IMG16)
            sequences = []
            async for frame in client.stream_frames():
                sequences.append(frame.sequence)
                assert frame.detected_unix_ns > 1.7e18
                if frame.sequence == 2:
                    break
                recorder.write(DataProduct.IMG16)
    assert sequences == [0, 1, 2]


async def _refusal(server: Server, **request: object) -> grpc.aio.AioRpcError:
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = channel.unary_stream(
            f"{SERVICE}/StreamImages",
            request_serializer=pb.StreamImagesRequest.SerializeToString,
            response_deserializer=pb.StreamImagesResponse.FromString,
        )(pb.StreamImagesRequest(**request))  # type: ignore[arg-type]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in call:
                pass
        return refused.value


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "both false"),
        ({"stream_movie_data": True, "update_interval_seconds": float("nan")}, "not a number"),
        ({"stream_movie_data": True, "module_ids": [256]}, "256"),
    ],
)
async def test_a_request_that_cannot_be_is_an_invalid_argument(
    tmp_path: Path, request_: dict[str, object], says: str
) -> None:
    async with serving(tmp_path) as server:
        error = await _refusal(server, **request_)
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert says in (error.details() or "")


async def test_a_stream_before_init_hp_io_is_told_how_to_initialise() -> None:
    async with serving() as server:
        error = await _refusal(server, stream_movie_data=True)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "panoseti-daq init" in (error.details() or "")


async def test_more_streams_than_allowed_are_refused_and_a_freed_slot_serves_again(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with (
            serving(tmp_path, max_concurrent_rpcs=1) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            async for _ in client.stream_frames():
                error = await _refusal(server, stream_movie_data=True)
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                break
            await until(lambda: not server.acquisition.streams)
            async for frame in client.stream_frames():
                assert frame.frame_number == 0
                break


async def test_break_ends_the_call_even_when_the_stream_is_in_a_variable(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            stream = client.stream_images()
            async for _ in stream:
                assert len(server.acquisition.streams) == 1
                break
            await until(lambda: not server.acquisition.streams)


async def test_leaving_the_context_of_a_stream_ends_its_calls_and_the_loop_that_holds_them(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async with client.stream_images() as stream:
                await until(lambda: len(server.acquisition.streams) == 1)
                loop = aiter(stream)
                assert (await anext(loop))["frame_number"] == 0
            await until(lambda: not server.acquisition.streams)
            assert [image async for image in loop] == []


async def test_leaving_the_client_ends_its_streams_and_keeps_the_callers_exception(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as server:
            with pytest.raises(KeyError, match="mine"):
                async with AioDaqDataClient.connect(server.address) as client:
                    stream = await client.stream_frames()
                    await anext(stream)
                    raise KeyError("mine")
            await until(lambda: not server.acquisition.streams)


async def test_shutdown_ends_the_calls_of_streams_with_cancelled(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with asyncio.TaskGroup() as tasks:
            got_one = asyncio.Event()

            lost: asyncio.Queue[str] = asyncio.Queue()

            def note(change: HostChange) -> None:
                if not change.connected:
                    lost.put_nowait(change.reason)

            async def consume(address: str) -> str:
                async with AioDaqDataClient.connect(address) as client:
                    stream = client.stream_frames(on_host_change=note)
                    await anext(stream)
                    got_one.set()
                    return await lost.get()

            async with serving(tmp_path) as server:
                consumer = tasks.create_task(consume(server.address))
                await got_one.wait()
            reason = await consumer
    assert "CANCELLED" in reason
    assert "shutting down" in reason


async def test_a_quiet_source_ends_a_stream_only_when_a_timeout_is_set(tmp_path: Path) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path, quiet_stream_timeout_seconds=0.1) as server:
        error = await _refusal(server, stream_movie_data=True)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


class _Glutton:
    """A client that never reads: gRPC's window fills and its server blocks."""

    def __init__(self, server: Server) -> None:
        small_window = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65536))
        self._channel = grpc.aio.insecure_channel(server.address, options=small_window)
        stream: Any = self._channel.unary_stream(
            f"{SERVICE}/StreamImages", request_serializer=pb.StreamImagesRequest.SerializeToString
        )
        self.call = stream(pb.StreamImagesRequest(stream_movie_data=True))

    async def close(self) -> None:
        self.call.cancel()
        await self._channel.close(None)


async def _feed(recorder: Recorder | SocketRecorder) -> None:
    while True:
        recorder.write(DataProduct.IMG16)
        await asyncio.sleep(0.001)


def _waits_s(stream: Stream) -> float:
    """How long a stream waits for its client by now, s."""
    return 0.0 if stream.writing_since is None else asyncio.get_running_loop().time() - stream.writing_since


async def test_a_client_that_takes_nothing_is_ended_and_costs_the_others_nothing(feed: Feed) -> None:
    with feed.recording() as recorder:
        async with (
            feed.serving(stalled_client_timeout_seconds=2.0) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            recorder.write(DataProduct.IMG16)
            feeding = asyncio.create_task(_feed(recorder))
            frames = aiter(client.stream_frames())
            await anext(frames)
            glutton = _Glutton(server)
            now, while_it_waits = asyncio.get_running_loop().time, list[float]()
            async for _ in frames:
                waits_s = [_waits_s(stream) for stream in server.acquisition.streams]
                if max(waits_s) > 0.1:
                    while_it_waits.append(now())
                elif while_it_waits and len(waits_s) == 1:
                    break
            feeding.cancel()
            # Drops say nothing of it: a busy machine drops nine of ten frames for seconds, also without it.
            assert len(while_it_waits) > 10
            assert max(after - before for before, after in itertools.pairwise(while_it_waits)) < 1.0
            with pytest.raises(grpc.aio.AioRpcError) as ended:
                async for _ in glutton.call:
                    pass
            assert ended.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await glutton.close()


async def test_a_client_that_vanishes_while_it_is_written_to_frees_its_slot(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as server:
            glutton = _Glutton(server)
            feeding = asyncio.create_task(_feed(recorder))
            await until(lambda: any(s.writing_since is not None for s in server.acquisition.streams))
            await glutton.close()
            await until(lambda: not server.acquisition.streams)
            feeding.cancel()
            hub = server.acquisition.hub
            assert hub is not None
            assert not hub.subscriptions
            with hub.subscribe(Selection()) as subscription:
                assert (await anext(subscription)).module_id == 1
