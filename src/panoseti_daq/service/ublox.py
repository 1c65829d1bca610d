"""UbloxControl: the predecessor's service of GNSS receivers, for those that run, here and behind a gateway."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from grpc import StatusCode

from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.config.settings import GnssSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.gnss import GnssReceiver, UbxMessage
from panoseti_daq.gnss.configure import NotConfiguredError, configure, unique_id
from panoseti_daq.gnss.f9t import F9tConfig
from panoseti_daq.gnss.receiver import QUEUE_SIZE
from panoseti_daq.service.acquisition import SHUTTING_DOWN
from panoseti_daq.service.call_scope import CallScope
from panoseti_daq.service.elsewhere import AnswerOf, Elsewhere, Metadata
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.service.peers import Context, MakeHandler

_ANSWER_WITHIN_S: Final = 2.0

_T = TypeVar("_T")
_Captured = UbxMessage | ub.CaptureUbloxResponse


class UbloxServicer:
    """Service of receivers that this server reads, and of those of its nodes.

    Parameters
    ----------
    receivers
        Those that it reads.
    settings
        Whether they may be configured.
    elsewhere
        Nodes of a gateway.

    Attributes
    ----------
    name
        Of the service.
    """

    name: Final = ub.DESCRIPTOR.services_by_name["UbloxControl"].full_name

    def __init__(
        self, receivers: Sequence[GnssReceiver], settings: GnssSettings, elsewhere: Elsewhere | None = None
    ) -> None:
        self.receivers, self._settings, self._elsewhere = receivers, settings, elsewhere
        self._queue_size = QUEUE_SIZE * max(1, len(receivers))
        self._captures: set[CallScope] = set()

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
        return grpc.method_handlers_generic_handler(self.name, handlers)

    async def capture(self, request: ub.CaptureUbloxRequest, context: Context) -> None:
        """Write the newest message of each name that matches, then each that comes."""
        try:
            patterns = [re.compile(pattern) for pattern in request.patterns]
        except re.error as error:
            raise Refused(StatusCode.INVALID_ARGUMENT, f"invalid pattern: {error}") from error
        elsewhere, metadata = self._elsewhere, _metadata(context)
        queue: asyncio.Queue[_Captured] = asyncio.Queue(self._queue_size)
        async with self._capture(), AsyncExitStack() as stack:
            for receiver in self.receivers:
                stack.enter_context(receiver.subscribed(queue.put_nowait))
            waiting: list[_Captured] = [
                message for receiver in self.receivers for message in list(receiver.newest.values())
            ]
            if elsewhere is not None:
                stack.enter_context(elsewhere.admit(metadata))
                with suppress(Refused) if self.receivers else nullcontext():
                    relay = elsewhere.capture_gnss(request, metadata, queue.put)
                    stack.callback(asyncio.create_task(relay, name="GNSS of nodes").cancel)
            await context.send_initial_metadata(())
            while True:
                for message in waiting or [await queue.get()]:
                    if not patterns or any(pattern.match(message.name) for pattern in patterns):
                        await context.write(_response(message))
                waiting = []

    @asynccontextmanager
    async def _capture(self) -> AsyncIterator[None]:
        scope = CallScope()
        self._captures.add(scope)
        try:
            async with scope:
                yield
        finally:
            self._captures.discard(scope)

    async def poll(self, request: ub.PollRequest, context: Context) -> ub.PollResponse:
        """Ask the first receiver that can be asked, and return its answers by name."""
        if not self.receivers and self._elsewhere is not None:
            return await self._ask_elsewhere("PollMessage", request, ub.PollResponse, context)
        receiver = next((one for one in self.receivers if one.answers), None)
        if receiver is None:
            raise Refused(StatusCode.FAILED_PRECONDITION, "no receiver that can be asked is connected")
        response = ub.PollResponse()
        for name in list(request.cfg_key_patterns) or ["MON-VER"]:
            message = await _answered(name, receiver.poll(name, _ANSWER_WITHIN_S))
            response.parsed_data[name] = dict(message.fields)
        return response

    async def init(self, request: ub.InitF9tRequest, context: Context) -> ub.InitF9tResponse:
        """Configure a receiver, and check that it has what was written."""
        if not self.receivers and self._elsewhere is not None:
            return await self._ask_elsewhere("InitF9t", request, ub.InitF9tResponse, context)
        if not self._settings.allow_configuration:
            text = (
                "this server configures no receiver unless it is started with --gnss-allow-configuration;"
                " it reads those that run: CaptureUblox works at once"
            )
            raise Refused(StatusCode.PERMISSION_DENIED, text)
        try:
            config = F9tConfig.parse(MessageToDict(request.f9t_config))
        except (ConfigError, TypeError, AttributeError) as error:
            raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
        receiver = await self._chosen(config)
        name = receiver.source.name
        if receiver.configuring.locked():
            raise Refused(StatusCode.FAILED_PRECONDITION, f"{name} is being configured")
        if receiver.is_captured and not request.force_init:
            text = f"clients capture the messages of {name}; force_init configures it nevertheless"
            raise Refused(StatusCode.FAILED_PRECONDITION, text)
        async with receiver.configuring:
            await _answered(name, configure(receiver, config))
        text = f"{name} holds all {len(config.settings)} settings"
        return ub.InitF9tResponse(init_status="SUCCESS", message=text, f9t_config=request.f9t_config)

    async def _chosen(self, config: F9tConfig) -> GnssReceiver:
        """Return the receiver with the unique id of a configuration."""
        named = [one for one in self.receivers if _is_at(one, config.device)]
        if not named:
            there_are = ", ".join(f"{one.source.name}={one.source.source}" for one in self.receivers)
            raise Refused(StatusCode.INVALID_ARGUMENT, f"device {config.device} not found; there are: {there_are}")
        answering = [one for one in named if one.answers]
        if not answering:
            reason = named[0].reason or "a recording answers nothing"
            raise Refused(StatusCode.UNAVAILABLE, f"{named[0].source.name}: {reason}")
        found: dict[str, str] = {}
        for receiver in answering:
            name = receiver.source.name
            found[name] = await _answered(name, unique_id(receiver))
            if found[name] == config.unique_id:
                return receiver
        there_are = ", ".join(f"{name} is {one}" for name, one in found.items())
        raise Refused(StatusCode.INVALID_ARGUMENT, f"f9t_uid {config.unique_id} not found; {there_are}")

    async def _ask_elsewhere(
        self, call: str, request: Message, answer: type[AnswerOf], context: Context
    ) -> AnswerOf:
        assert self._elsewhere is not None
        metadata = _metadata(context)
        with self._elsewhere.admit(metadata):
            return await self._elsewhere.ask_gnss(call, request, answer, metadata)

    def shut_down(self) -> None:
        """End all captures."""
        for scope in self._captures:
            scope.end(Refused(StatusCode.CANCELLED, SHUTTING_DOWN))


async def _answered(name: str, asking: Awaitable[_T]) -> _T:
    """Return what a receiver answers; refuse the call when it does not, or is not what it should be."""
    try:
        return await asking
    except ConfigError as error:
        raise Refused(StatusCode.INVALID_ARGUMENT, str(error)) from error
    except NotConfiguredError as error:
        # The code of the predecessor: its scripts take every answer that is no error for a success.
        raise Refused(StatusCode.INTERNAL, str(error)) from error
    except TimeoutError:
        raise Refused(StatusCode.DEADLINE_EXCEEDED, f"{name}: no answer of the receiver") from None
    except OSError as error:
        raise Refused(StatusCode.UNAVAILABLE, f"{name}: {error}") from error


def _is_at(receiver: GnssReceiver, device: str) -> bool:
    source = receiver.source
    return device in ("", source.name, source.source) or os.path.realpath(device) == os.path.realpath(
        source.source
    )


def _metadata(context: Context) -> Metadata:
    return tuple(context.invocation_metadata() or ())


def _response(message: _Captured) -> ub.CaptureUbloxResponse:
    if not isinstance(message, UbxMessage):
        return message
    response = ub.CaptureUbloxResponse(type="DATA", name=message.name, payload=message.data)
    response.parsed_data.update(dict(message.fields))
    response.pkt_unix_timestamp.FromNanoseconds(message.unix_ns)
    response.message = message.receiver
    return response
