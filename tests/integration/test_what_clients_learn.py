"""Errors as clients see them (no path, no file's content that they did not send), and limits on clients."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from support.frames import block_of
from support.rig import RUN, recording, serving, until

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, ReceivedBlock
from panoseti_daq.client.node import SERVICE
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct
from panoseti_daq.service import connections
from panoseti_daq.service.connections import ConnectionLimits
from panoseti_daq.service.server import Server
from panoseti_daq.service.servicer import DaqDataServicer

pytestmark = pytest.mark.anyio

INVALID, DENIED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED


@asynccontextmanager
async def raw(running: Server) -> AsyncIterator[Any]:
    options = (("grpc.use_local_subchannel_pool", 1),)  # a connection of its own
    async with grpc.aio.insecure_channel(running.address, options) as channel:
        yield channel


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details() or ""


async def init(channel: Any, data_dir: object) -> tuple[grpc.StatusCode, str]:
    request = pb.InitHpIoRequest(data_dir=str(data_dir), update_interval_seconds=1)
    return await refused(channel.unary_unary(f"{SERVICE}/InitHpIo")(request.SerializeToString()))


async def test_whether_something_exists_outside_the_data_roots_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret").mkdir()
    async with serving(data_roots=[tmp_path / "allowed"]) as running, raw(running) as channel:
        for name in ("secret", "nothing", "allowed/../secret", "allowed/../../etc"):
            data_dir = tmp_path / name
            assert await init(channel, data_dir) == (
                DENIED,
                f"data_dir {str(data_dir)!r} is not below one of the data roots that this server allows",
            )
        assert (await init(channel, tmp_path / "allowed" / "nothing"))[0] is INVALID


async def test_a_module_that_is_a_link_to_another_disk_is_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with recording(tmp_path / "disk2") as recorder:
        recorder.write(DataProduct.IMG16)
        os.symlink(tmp_path / "disk2" / "module_1", tmp_path / "root" / "module_1")
        async with (
            serving(data_roots=[tmp_path / "root"]) as running,
            AioDaqDataClient.connect(running.address) as client,
        ):
            config = {"data_dir": str(tmp_path / "root"), "update_interval_seconds": 0.001}
            assert await client.init_hp_io(running.address, config)
            async for frame in client.stream_frames():
                assert frame.module_id == 1
                break


# odd night 81
async def test_a_directory_that_becomes_a_link_out_of_the_data_roots_is_left(tmp_path: Path) -> None:
    root, outside = tmp_path / "root" / "data", tmp_path / "outside"
    with recording(root) as recorder, recording(outside, 2) as other:
        recorder.write(DataProduct.IMG16)
        other.write(DataProduct.IMG16)
        config = HpIoConfig(str(root))
        async with (
            serving(config, data_roots=[tmp_path / "root"]) as running,
            AioDaqDataClient.connect(running.address) as client,
        ):
            blocks, newest = client.stream_blocks(since="run"), client.stream_frames()
            first = await anext(blocks)
            assert isinstance(first, ReceivedBlock)
            assert first.module_id == 1
            assert (await anext(newest)).module_id == 1
            root.rename(tmp_path / "root" / "before")
            root.symlink_to(outside)
            other.write(DataProduct.IMG16)
            for stream in (blocks, newest, client.stream_blocks(since="run")):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await anext(stream)


@pytest.mark.parametrize(
    ("data_dir", "says"),
    [("/tmp/\0", "is not a path"), ("/" + "x" * 5000, "cannot be read"), ("", "does not exist")],
    ids=["NUL", "too long", "empty"],
)
@pytest.mark.parametrize("has_roots", [False, True])
async def test_what_cannot_be_a_path_is_an_invalid_argument(
    data_dir: str, says: str, has_roots: bool, tmp_path: Path
) -> None:
    async with serving(data_roots=["/"] if has_roots else []) as running, raw(running) as channel:
        code, text = await init(channel, data_dir)
    assert code is INVALID
    assert says in text


async def test_what_the_file_of_the_process_number_holds_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x:0:0")
    os.symlink(tmp_path / "secret", tmp_path / "daq_hashpipe_pid")
    async with serving(run_probe="pid-file") as running, raw(running) as channel:
        code, text = await init(channel, tmp_path)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert "root" not in text.replace(str(tmp_path), "")


class _Broken:
    """A source whose start fails with a text that is not for clients."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __aenter__(self) -> None:
        raise self._error

    async def __aexit__(self, *error: object) -> None: ...


@pytest.mark.parametrize(
    "error", [SourceError("/secret/file: damaged header: b'xyz'"), PermissionError(13, "no", "/secret/file")]
)
async def test_why_a_source_does_not_start_stands_in_the_log_only(
    error: Exception, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(make_source=lambda *_: _Broken(error)) as running, raw(running) as channel:
        code, text = await init(channel, tmp_path)
    assert code is INVALID
    assert "the server's log says why" in text
    assert "secret" not in text
    assert "/secret/file" in caplog.text


@pytest.mark.parametrize("error", [SourceError("/secret/file"), OSError(5, "I/O error", "/secret/file")])
async def test_an_error_inside_a_call_is_internal_and_stands_in_the_log_only(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(DaqDataServicer, "ping", fail)
    async with serving() as running, raw(running) as channel:
        code, text = await refused(channel.unary_unary(f"{SERVICE}/Ping")(b""))
    assert (code, text) == (
        grpc.StatusCode.INTERNAL,
        "unexpected error; the server's log has the details",
    )
    assert "/secret/file" in caplog.text


@pytest.mark.parametrize(
    ("run", "file"),
    [
        ("../..", "passwd"),
        (RUN, "../../secret"),
        (RUN, "/etc/passwd"),
        (RUN, "notes.txt"),
        (f"{RUN}\0", ""),
        ("", "start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_1.seqno_0.pff"),
    ],
)
async def test_a_stream_cannot_resume_in_what_is_not_a_file_of_a_run(run: str, file: str, tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as running, raw(running) as channel:
            position = pb.Position(module_id=1, product="img16", run=run, file=file)
            request = pb.StreamFramesRequest(movie=True, resume=[position])
            call = channel.unary_stream(f"{SERVICE}/StreamFrames")(request.SerializeToString())
            code, text = await refused(call.read())
    assert code is INVALID
    assert str(tmp_path) not in text


async def test_an_upload_of_what_is_no_image_is_told_what_is_wrong_with_it() -> None:
    async with serving(accept_uploads=True) as running, raw(running) as channel:
        request = pb.UploadImageRequest(pano_image=pb.PanoImage(shape=[3, 3])).SerializeToString()
        call = channel.stream_unary(f"{SERVICE}/UploadImages")(iter([request]))
        code, text = await refused(call)
    assert code is INVALID
    assert "no data product is" in text


async def test_a_request_that_is_far_too_large_is_refused() -> None:
    async with serving(accept_uploads=True) as running, raw(running) as channel:
        request = pb.InitHpIoRequest(data_dir="x" * connections.MAX_REQUEST_BYTES)
        code, _ = await refused(channel.unary_unary(f"{SERVICE}/InitHpIo")(request.SerializeToString()))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        image = pb.PanoImage(image_array=[4_000_000_000] * (connections.MAX_REQUEST_BYTES // 5))
        upload = pb.UploadImageRequest(pano_image=image).SerializeToString()
        code, _ = await refused(channel.stream_unary(f"{SERVICE}/UploadImages")(iter([upload])))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_calls_beyond_all_that_are_allowed_are_refused_and_the_next_served_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    limits = ConnectionLimits(other_calls=1)
    never = asyncio.Event()

    async def wait_for_ever() -> AsyncIterator[Any]:
        await never.wait()
        yield

    serve = serving(accept_uploads=True, max_concurrent_rpcs=1, limits=limits)
    async with serve as running, raw(running) as channel:
        upload, ping = (channel.stream_unary(f"{SERVICE}/UploadImages"), channel.unary_unary(f"{SERVICE}/Ping"))
        uploads = [upload(wait_for_ever()) for _ in range(2)]
        await until(lambda: caplog.text.count(": uploads") == 2)
        code, _ = await refused(ping(b""))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in uploads:
            call.cancel()
        while True:
            try:
                await ping(b"")
                break
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_connections_beyond_the_allowed_ones_are_closed_and_those_there_are_go_on() -> None:
    limits = ConnectionLimits(connections_per_stream=0, other_connections=2)
    async with (
        serving(limits=limits) as running,
        raw(running) as first,
        raw(running) as second,
        raw(running) as third,
    ):
        for channel in (first, second):
            await channel.unary_unary(f"{SERVICE}/Ping")(b"")
        code, _ = await refused(third.unary_unary(f"{SERVICE}/Ping")(b""))
        assert code is grpc.StatusCode.UNAVAILABLE
        await first.unary_unary(f"{SERVICE}/Ping")(b"")


async def test_who_connects_and_says_nothing_is_sent_away() -> None:
    async with serving(limits=ConnectionLimits(handshake_s=0.2)) as running:
        host, _, port = running.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        await reader.read()  # until the server closes it
        writer.close()


async def test_a_connection_without_calls_is_closed_and_comes_back_with_the_next_call() -> None:
    limits = ConnectionLimits(idle_s=0.2)
    async with serving(HpIoConfig(simulate=True), limits=limits) as running, raw(running) as channel:
        ping = channel.unary_unary(f"{SERVICE}/Ping")
        await ping(b"")
        while (state := channel.get_state()) is grpc.ChannelConnectivity.READY:
            await channel.wait_for_state_change(state)
        await ping(b"")


async def test_a_stream_is_not_idle() -> None:
    limits = ConnectionLimits(idle_s=0.1)
    async with (
        serving(HpIoConfig(uploads_only=True), accept_uploads=True, limits=limits) as running,
        AioDaqDataClient.connect(running.address) as client,
        AioDaqDataClient.connect(running.address) as uploader,
    ):
        frames = aiter(client.stream_frames())
        waiting = asyncio.ensure_future(anext(frames))
        await asyncio.wait([waiting], timeout=0.5)  # nothing comes meanwhile
        await uploader.upload_images(running.address, block_of())
        assert (await waiting).module_id == 7


async def test_a_client_warns_of_a_token_that_goes_over_the_network_in_plain_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from panoseti_daq.client import Credentials

    with caplog.at_level(logging.WARNING):
        for credentials in (Credentials(token="secret"), Credentials(token="secret", tls=True)):
            AioDaqDataClient.connect(
                "daq1", "daq2:1", "localhost", "127.0.0.1:5", "[::1]:5", "unix:///s", credentials=credentials
            )
    [record] = caplog.records
    assert "the token goes to daq1, daq2:1 without TLS" in record.getMessage()
    assert "secret" not in caplog.text
