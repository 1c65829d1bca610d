"""What an upload ends with, by what gRPC says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import RpcError
from panoseti_daq.client.node import Node
from panoseti_daq.config.nodes import Target

pytestmark = pytest.mark.anyio

INTERNAL, UNAVAILABLE = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAVAILABLE


class FailingChannel:
    """Ends every call with the same error."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def stream_unary(self, *args: object, **options: object) -> Any:
        async def call(*args: object, **options: object) -> None:
            await asyncio.sleep(0)
            raise self._error

        return call


async def nothing() -> AsyncIterator[pb.UploadImageRequest]:
    for _ in ():
        yield pb.UploadImageRequest()


@pytest.mark.parametrize(
    ("code", "details", "expected"),
    [
        (INTERNAL, 'Failed "execute_batch": (<operations>)', UNAVAILABLE),
        (INTERNAL, "unexpected error; the server's log has the details", INTERNAL),
        (grpc.StatusCode.CANCELLED, "the server is shutting down", grpc.StatusCode.CANCELLED),
    ],
)
async def test_a_write_that_breaks_off_says_that_the_server_is_unavailable(
    code: grpc.StatusCode, details: str, expected: grpc.StatusCode
) -> None:
    channel: Any = FailingChannel(AioRpcError(code, Metadata(), Metadata(), details=details))
    with pytest.raises(RpcError) as error:
        await Node(Target("daq1", "daq1:50051"), channel, channel).upload_images(nothing())
    assert error.value.code() is expected
    assert details in str(error.value)
    assert error.value.host == "daq1"


async def test_an_end_of_the_frames_that_cannot_be_sent_is_unavailable() -> None:
    channel: Any = FailingChannel(asyncio.CancelledError())
    with pytest.raises(RpcError) as error:
        await Node(Target("daq1", "daq1:50051"), channel, channel).upload_images(nothing())
    assert error.value.code() is UNAVAILABLE


async def test_an_upload_that_is_cancelled_is_cancelled() -> None:
    channel: Any = FailingChannel(asyncio.CancelledError())
    upload = asyncio.create_task(Node(Target("daq1", "daq1:50051"), channel, channel).upload_images(nothing()))
    await asyncio.sleep(0)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
