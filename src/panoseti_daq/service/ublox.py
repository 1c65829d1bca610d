"""UbloxControl: the predecessor's service of GNSS receivers, for those that run; it configures none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import grpc
from grpc import StatusCode

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss import GnssReceiver, UbxMessage
from panoseti_daq.gnss.messages import poll
from panoseti_daq.gnss.receiver import QUEUE_SIZE, Queue
from panoseti_daq.service.acquisition import SHUTTING_DOWN
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.peers import Context, MakeHandler

UBLOX_NAME: Final = ub.DESCRIPTOR.services_by_name["UbloxControl"].full_name
_ANSWER_WITHIN_S: Final = 2.0


class UbloxServicer:
    """Service of receivers that this server reads.

    Parameters
    ----------
    receivers
        Those; at least one.
    """

    def __init__(self, receivers: tuple[GnssReceiver, ...]) -> None:
        self._receivers = receivers

    def rpc_handlers(self, guarded: Callable[[Any], Any]) -> grpc.GenericRpcHandler:
        """Handlers to register, each behind `guarded`."""
        unary: MakeHandler = grpc.unary_unary_rpc_method_handler
        stream: MakeHandler = grpc.unary_stream_rpc_method_handler
        serialized = (ub.CaptureUbloxRequest.FromString, ub.CaptureUbloxResponse.SerializeToString)
        handlers = {
            "CaptureUblox": stream(guarded(self.capture), *serialized),
            "PollMessage": unary(guarded(self.poll), ub.PollRequest.FromString, ub.PollResponse.SerializeToString),
            "InitF9t": unary(
                guarded(self.init), ub.InitF9tRequest.FromString, ub.InitF9tResponse.SerializeToString
            ),
        }
        return grpc.method_handlers_generic_handler(UBLOX_NAME, handlers)

    async def capture(self, request: ub.CaptureUbloxRequest, context: Context) -> None:
        """Write the newest message of each name that matches, then each that comes."""
        try:
            patterns = [re.compile(pattern) for pattern in request.patterns]
        except re.error as error:
            raise Refused(StatusCode.INVALID_ARGUMENT, f"invalid pattern: {error}") from error
        queue: Queue = asyncio.Queue(QUEUE_SIZE * len(self._receivers))
        with ExitStack() as stack:
            for receiver in self._receivers:
                stack.enter_context(receiver.subscribed(queue))
            messages = [message for receiver in self._receivers for message in list(receiver.newest.values())]
            await context.send_initial_metadata(())
            ending = asyncio.create_task(self._receivers[0].ended.wait(), name="end of GNSS")
            coming = asyncio.create_task(queue.get(), name="next GNSS message")
            try:
                while True:
                    for message in messages:
                        if not patterns or any(pattern.match(message.name) for pattern in patterns):
                            await context.write(_response(message))
                    await asyncio.wait([ending, coming], return_when=asyncio.FIRST_COMPLETED)
                    if ending.done():
                        raise Refused(StatusCode.CANCELLED, SHUTTING_DOWN)
                    messages = [coming.result()]
                    coming = asyncio.create_task(queue.get(), name="next GNSS message")
            finally:
                ending.cancel()
                coming.cancel()

    async def poll(self, request: ub.PollRequest, context: Context) -> ub.PollResponse:
        """Ask the first receiver that can be asked, and return its answers by name."""
        names = list(request.cfg_key_patterns) or ["MON-VER"]
        try:
            asked = [(name, poll(name)) for name in names]
        except ConfigError as error:
            raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
        receiver = next((one for one in self._receivers if one.answers), None)
        if receiver is None:
            raise Refused(StatusCode.FAILED_PRECONDITION, "no receiver that can be asked is connected")
        response = ub.PollResponse()
        for name, data in asked:
            try:
                message = await receiver.ask(data, name, _ANSWER_WITHIN_S)
            except TimeoutError:
                raise Refused(StatusCode.DEADLINE_EXCEEDED, f"{name}: no answer of the receiver") from None
            except OSError as error:
                raise Refused(StatusCode.UNAVAILABLE, f"{name}: {error}") from error
            response.parsed_data[name] = dict(message.fields)
        return response

    async def init(self, request: ub.InitF9tRequest, context: Context) -> ub.InitF9tResponse:
        """Refuse: receivers are read as they run."""
        text = "this server configures no receiver; it reads those that run: CaptureUblox works at once"
        raise Refused(StatusCode.PERMISSION_DENIED, text)


def _response(message: UbxMessage) -> ub.CaptureUbloxResponse:
    response = ub.CaptureUbloxResponse(type="DATA", name=message.name, payload=message.data)
    response.parsed_data.update(dict(message.fields))
    response.pkt_unix_timestamp.FromNanoseconds(message.unix_ns)
    response.message = message.receiver
    return response
