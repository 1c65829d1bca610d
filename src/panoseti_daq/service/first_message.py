"""Deadline of the message with which a call begins: a call that stays without it holds a place of others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from grpc import StatusCode

from panoseti_daq.service.peers import Context, MakeHandler, PeerLog

_log = logging.getLogger(__name__)


class FirstMessage(grpc.aio.ServerInterceptor):
    """Interceptor that ends calls whose request does not come; uploads, whose frames may be rare, are left alone.

    The first of the interceptors: it makes handlers that read their request themselves, because gRPC would wait
    for it without end.

    Parameters
    ----------
    within_s
        Until the request must be there.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._n_ended = 0

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any
    ) -> Any:
        """Return the handler of a call, with a deadline for its request."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        behaviour: Any = handler.unary_unary or handler.unary_stream

        async def call(requests: AsyncIterator[object], context: Context) -> object:
            return await behaviour(await self._first(requests, context), context)

        make: MakeHandler = (
            grpc.stream_unary_rpc_method_handler if handler.unary_unary else grpc.stream_stream_rpc_method_handler
        )
        return make(call, handler.request_deserializer, handler.response_serializer)

    async def _first(self, requests: AsyncIterator[object], context: Context) -> object:
        try:
            async with asyncio.timeout(self._within_s):
                return await anext(aiter(requests))
        except StopAsyncIteration:
            await context.abort(StatusCode.INVALID_ARGUMENT, "the call has no request")
        except DecodeError as error:
            await context.abort(StatusCode.INVALID_ARGUMENT, f"the request cannot be read: {error}")
        except TimeoutError:
            self._n_ended += 1
            if self._n_ended.bit_count() == 1:  # the 1st, 2nd, 4th, 8th: a flood fills no disk
                PeerLog(_log, context).warning("ended a call without a request; so far: %d", self._n_ended)
            await context.abort(StatusCode.DEADLINE_EXCEEDED, "the request did not come")
        raise AssertionError("abort does not return")
