"""Calls as a client needs them: of a stream, gRPC's or that of NATS, and of an upload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from grpc.aio import AioRpcError, InternalError

from panoseti_daq._proto import daq_data_pb2 as pb

_Message = TypeVar("_Message", covariant=True)


class StreamCall(Protocol[_Message]):
    """A stream of messages; what goes wrong is an AioRpcError."""

    async def wait_for_connection(self) -> None:
        """Begin."""
        ...

    def __aiter__(self) -> AsyncIterator[_Message]: ...

    def cancel(self) -> bool:
        """End."""
        ...


class UploadCall(Awaitable[object], Protocol):
    """Frames to one server; awaited, it ends with the answer or an AioRpcError."""

    async def write(self, request: pb.UploadImageRequest) -> None:
        """Send a frame."""
        ...

    async def done_writing(self) -> None:
        """Say that there are no more."""
        ...

    def add_done_callback(self, callback: Callable[[object], None]) -> None:
        """Call `callback` as soon as the status is known."""
        ...

    def cancel(self) -> bool:
        """End."""
        ...


async def write_all(call: UploadCall, images: AsyncIterator[pb.UploadImageRequest]) -> None:
    """Send all of `images`, unless the call ends before; an error of `images` ends the call.

    gRPC would do so in a task that outlives the call, and that cancels it when the end cannot be sent.
    """
    try:
        async for request in images:
            if not await _is_sent(call.write(request)):
                return
    except Exception:
        call.cancel()
        raise
    await _is_sent(call.done_writing())


async def _is_sent(sending: Awaitable[None]) -> bool:
    try:
        await sending
    except (AioRpcError, InternalError, asyncio.InvalidStateError):
        return False  # the status of the call says why
    return True
