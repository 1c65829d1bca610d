"""What a caller learns of an upload whose connection breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.nodes import Node
from panoseti_daq.config.nodes import Target

pytestmark = pytest.mark.anyio


class Broken:
    """A channel whose uploads end with an error."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def stream_unary(self, method: str, **serializers: object) -> Any:
        async def call(requests: object, metadata: object) -> None:
            await asyncio.sleep(0)
            raise self._error

        return call


async def nothing() -> AsyncIterator[Any]:
    return
    yield


async def upload_to(channel: Any) -> RpcError:
    with pytest.raises(RpcError) as error:
        await Node(Target("daq1", "daq1:50051"), channel, channel).upload_images(nothing())
    return error.value


async def test_an_end_of_the_frames_that_cannot_be_sent_is_unavailable() -> None:
    raised = await upload_to(Broken(asyncio.CancelledError()))
    assert raised.code() is grpc.StatusCode.UNAVAILABLE
    assert str(raised).startswith("daq1: the server went away")


async def test_an_upload_that_is_cancelled_is_cancelled() -> None:
    node: Any = Node(Target("daq1", "daq1:50051"), *[Broken(asyncio.CancelledError())] * 2)  # type: ignore[arg-type]
    upload = asyncio.create_task(node.upload_images(nothing()))
    await asyncio.sleep(0)
    upload.cancel()
    with pytest.raises(asyncio.CancelledError):
        await upload
