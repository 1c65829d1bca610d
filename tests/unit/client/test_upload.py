"""End of an upload, by what gRPC says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any
from unittest.mock import Mock

import grpc
import pytest
from grpc.aio import AioRpcError, InternalError, Metadata

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import RpcError
from panoseti_daq.client.node import Node
from panoseti_daq.config.nodes import Target

pytestmark = pytest.mark.anyio

INTERNAL, UNAVAILABLE = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE


class FailingCall:
    """An upload that ends with an error, by default before it takes a frame."""

    def __init__(self, error: BaseException, n_frames: int = 0, of_writes: BaseException | None = None) -> None:
        self._error, self._n_frames, self._of_writes = error, n_frames, of_writes
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_cancelled = False
        if not n_frames:
            self._end()

    def __await__(self) -> Generator[Any, None, None]:
        yield from asyncio.sleep(0).__await__()
        yield from self._ended
        raise self._error

    async def write(self, request: pb.UploadImageRequest) -> None:
        self._n_frames -= 1
        if not self._n_frames:
            self._end()
            raise self._of_writes or AioRpcError(INTERNAL, Metadata(), Metadata())

    async def done_writing(self) -> None:
        self._end()
        raise InternalError('Failed "execute_batch"')

    def add_done_callback(self, callback: Callable[[object], None]) -> None:
        self._ended.add_done_callback(callback)

    def cancel(self) -> bool:
        self.is_cancelled = True
        self._error = asyncio.CancelledError()
        self._end()
        return True

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def node_of(call: FailingCall) -> Node:
    channel = Mock(stream_unary=lambda *_, **__: lambda **_: call)
    return Node(Target("daq1", "daq1:50051"), channel, channel)


async def endless() -> AsyncIterator[pb.UploadImageRequest]:
    while True:
        yield pb.UploadImageRequest()


async def nothing() -> AsyncIterator[pb.UploadImageRequest]:
    for _ in ():
        yield pb.UploadImageRequest()


@pytest.mark.parametrize(
    ("code", "details", "debug", "expected"),
    [
        (INTERNAL, 'Failed "execute_batch": (<operations>)', None, UNAVAILABLE),
        (INTERNAL, "Internal error from Core", 'Failed "execute_batch": (<operations>,)', UNAVAILABLE),
        (INTERNAL, "unexpected error; the server's log has the details", None, INTERNAL),
        (grpc.StatusCode.CANCELLED, "the server is shutting down", None, grpc.StatusCode.CANCELLED),
    ],
)
async def test_a_write_that_breaks_off_says_that_the_server_is_unavailable(
    code: grpc.StatusCode, details: str, debug: str | None, expected: grpc.StatusCode
) -> None:
    call = FailingCall(AioRpcError(code, Metadata(), Metadata(), details, debug))
    with pytest.raises(RpcError) as error:
        await node_of(call).upload_images(nothing())
    assert error.value.code() is expected
    assert details in str(error.value)
    assert error.value.host == "daq1"


async def test_a_call_that_grpc_cancels_of_itself_is_unavailable() -> None:
    with pytest.raises(RpcError) as error:
        await node_of(FailingCall(asyncio.CancelledError())).upload_images(nothing())
    assert error.value.code() is UNAVAILABLE


async def test_an_upload_that_is_cancelled_is_cancelled() -> None:
    upload = asyncio.create_task(node_of(FailingCall(asyncio.CancelledError())).upload_images(nothing()))
    await asyncio.sleep(0)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload


@pytest.mark.parametrize("of_writes", [None, InternalError("broken"), asyncio.InvalidStateError("ended")])
async def test_why_the_server_ended_the_call_is_said_and_not_what_the_write_met(
    of_writes: Exception | None,
) -> None:
    call = FailingCall(AioRpcError(UNAVAILABLE, Metadata(), Metadata(), "gone"), 3, of_writes)
    with pytest.raises(RpcError, match="gone"):
        await node_of(call).upload_images(endless())
    assert not call.is_cancelled


async def test_an_end_of_the_frames_that_cannot_be_sent_does_not_cancel_the_call() -> None:
    call = FailingCall(AioRpcError(UNAVAILABLE, Metadata(), Metadata(), "gone"), 3)
    with pytest.raises(RpcError, match="gone"):
        await node_of(call).upload_images(nothing())
    assert not call.is_cancelled


async def test_nobody_waits_for_the_next_frame_when_the_upload_has_ended() -> None:
    waiting = False

    async def never() -> AsyncIterator[pb.UploadImageRequest]:
        nonlocal waiting
        waiting = True
        try:
            yield await asyncio.get_running_loop().create_future()
        finally:
            waiting = False

    tasks = asyncio.all_tasks()
    with pytest.raises(RpcError):
        await node_of(FailingCall(AioRpcError(UNAVAILABLE, Metadata(), Metadata()))).upload_images(never())
    assert not waiting
    assert asyncio.all_tasks() == tasks


async def test_an_error_of_the_frames_ends_the_call_and_is_raised() -> None:
    async def failing() -> AsyncIterator[pb.UploadImageRequest]:
        yield pb.UploadImageRequest()
        raise KeyError("mine")

    call = FailingCall(AioRpcError(UNAVAILABLE, Metadata(), Metadata()), 3)
    with pytest.raises(KeyError, match="mine"):
        await node_of(call).upload_images(failing())
    assert call.is_cancelled
