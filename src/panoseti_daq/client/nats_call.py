"""A stream that is read over NATS, in the shape of a call of gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, NoReturn, Self, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc.aio import AioRpcError

from panoseti_daq.client.nats_link import NatsError, as_rpc_error
from panoseti_daq.errors import ConfigError, PffError

_T = TypeVar("_T")


class NatsCall(Generic[_T]):
    """A stream, as the streams of a client take one from gRPC.

    Parameters
    ----------
    begin
        Connects, and returns what yields the messages.
    leave
        Gets what yields them when the stream ends.
    timeout_s
        End the stream after this time; None for never.
    """

    def __init__(
        self,
        begin: Callable[[], Awaitable[AsyncGenerator[_T]]],
        leave: Callable[[AsyncGenerator[object]], None],
        timeout_s: float | None = None,
    ) -> None:
        self._begin = begin
        self._leave = leave
        self._messages: AsyncGenerator[_T] | None = None
        self._end = None if timeout_s is None else time.monotonic() + timeout_s

    async def wait_for_connection(self) -> None:
        """Begin; raises AioRpcError when there is no such stream."""
        await self._begun()

    async def _begun(self) -> AsyncGenerator[_T]:
        if self._messages is None:
            self._messages = await as_call(self._begin())
        return self._messages

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        messages = await self._begun()
        try:
            async with asyncio.timeout(None if self._end is None else max(0.0, self._end - time.monotonic())):
                return await as_call(anext(messages))
        except TimeoutError:
            refuse(grpc.StatusCode.DEADLINE_EXCEEDED, "the timeout of the stream is over")

    def cancel(self) -> bool:
        """End; what it holds at the server is given back by the node."""
        messages, self._messages = self._messages, None
        if messages is not None:
            self._leave(messages)
        return True


async def as_call(awaitable: Awaitable[_T]) -> _T:
    """Return what is awaited; raise what goes wrong on NATS as gRPC would."""
    try:
        return await awaitable
    except NatsError as error:
        raise as_rpc_error(error) from error
    except ConfigError as error:
        refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except (DecodeError, PffError) as error:
        refuse(grpc.StatusCode.DATA_LOSS, f"what is on NATS is not ours: {error}")


def refuse(code: grpc.StatusCode, text: str) -> NoReturn:
    """Raise the AioRpcError."""
    raise AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text)
