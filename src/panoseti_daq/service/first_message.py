"""Deadline of the message with which a call begins: a call that stays without it holds a place of others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import grpc

from panoseti_daq.service.peers import Context, Handler, MakeHandler

_log = logging.getLogger(__name__)


class FirstMessage(grpc.aio.ServerInterceptor):
    """Interceptor that ends calls whose request does not come; uploads, whose frames may be rare, are left alone.

    gRPC counts a call from its headers on and waits for the request without end.

    Parameters
    ----------
    within_s
        Until the request must be there.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._n_ended = 0

    async def intercept_service(
        self, continuation: Callable[[object], Awaitable[Handler | None]], handler_call_details: object
    ) -> Handler | None:
        """Return the handler of a call, which is ended unless its request comes in time."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        task = asyncio.current_task()  # gRPC has one for each call
        assert task is not None
        timer = asyncio.get_running_loop().call_later(self._within_s, self._end, task)
        behaviour = handler.unary_unary or handler.unary_stream

        async def call(request: object, context: Context) -> object:
            timer.cancel()
            return await behaviour(request, context)

        make: MakeHandler = (
            grpc.unary_unary_rpc_method_handler if handler.unary_unary else grpc.unary_stream_rpc_method_handler
        )
        return make(call, handler.request_deserializer, handler.response_serializer)

    def _end(self, task: asyncio.Task[object]) -> None:
        if not task.done():
            task.cancel()  # which gives its place back: gRPC resets a call that ends without a status
            self._n_ended += 1
            if self._n_ended.bit_count() == 1:  # the 1st, 2nd, 4th, 8th
                _log.warning("ended a call whose request did not come; so far: %d", self._n_ended)
