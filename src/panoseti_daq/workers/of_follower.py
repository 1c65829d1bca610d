"""Frames and answers of the process that follows, as a worker serves them: a gateway with one node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Final

from google.protobuf.message import Message
from grpc import StatusCode
from grpc.aio import AioRpcError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.node import Node
from panoseti_daq.client.retry import Asking
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.nodes import Target
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.gateway.claims import Claims
from panoseti_daq.gateway.demand import Demand, DemandWatch
from panoseti_daq.gateway.lossless import relay
from panoseti_daq.gateway.path import KEY, Path, path_in
from panoseti_daq.gateway.shared_stream import SharedStream
from panoseti_daq.hub import Hub
from panoseti_daq.pff import Frame
from panoseti_daq.service.access.reload import AnyReloaded
from panoseti_daq.service.elsewhere import AnswerOf, Metadata
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.sources.source import NoSource, SourceStatus
from panoseti_daq.wire.init import NODE_KEY

_log = logging.getLogger(__name__)

NAME: Final = "follower"
ANSWER_S: Final = 5.0
INIT_S: Final = 60.0
_NO_RECEIVERS: Final = "a server with --workers hands on no GNSS receivers; ask one without, or the node itself"
APPLIED_S: Final = 5.0  # until a new configuration has come back through the supervisor


def as_followed(config: HpIoConfig) -> HpIoConfig:
    """Return what a worker follows when the other process follows `config`: that process."""
    return HpIoConfig(update_interval_s=config.update_interval_s, gateway=True)


class OfFollower(NoSource):
    """What the process that follows has, for the clients of one worker; see `service.elsewhere.Elsewhere`.

    One stream brings the newest frames of all clients, as from a node of a gateway. What the other process refuses
    is refused with its status and its words. For one event loop.

    Parameters
    ----------
    address
        Where that process listens.
    follow
        What it follows; None for nothing.
    """

    def __init__(self, address: str, follow: HpIoConfig | None) -> None:
        self.reloaded: list[AnyReloaded] = []
        self._node = Node.open(Target(NAME, address), Credentials().load())
        self._follow = follow
        self._path = Path()
        self._applied = asyncio.Event()  # what a client asked for is in force here
        self._is_well = True
        self._health_changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None
        self._stream: SharedStream | None = None

    def first(self, settings: ServerSettings) -> HpIoConfig | None:
        """Return what a worker follows from the start; None while nothing is followed."""
        return as_followed(self._follow) if self._follow is not None else None

    async def feed(self, hub: Hub) -> None:
        """Hand the newest frames to `hub` until cancelled."""

        def calls(demand: Demand) -> Node:
            return self._node.with_metadata(self._path.onward(demand.path))

        def hand_on(frame: Frame) -> None:
            if demand.reported is not None and frame.key in demand.reported.selection:
                hub.publish_frame(frame)

        def want(wanted: Demand | None) -> None:
            hub.offer_only(wanted.selection if wanted else None)
            stream.want(wanted)

        stream = SharedStream(NAME, calls, hand_on, lambda: None)
        demand = DemandWatch(hub, lambda: self._path.clients, want)
        stream.reach(True)
        async with asyncio.TaskGroup() as tasks:
            self._tasks, self._stream = tasks, stream
            tasks.create_task(demand.run(), name="watch what clients want")
            tasks.create_task(stream.run(), name="stream from the follower")

    def _behind(self, metadata: Metadata) -> Node:
        """Return the calls for a client, which may be a gateway, and may name a node of the one that follows."""
        node = [(NODE_KEY, str(value)) for key, value in metadata if key == NODE_KEY]
        return self._node.with_metadata(self._path.onward(path_in(metadata)), *node)

    def ask_again(self) -> None:
        """Ask for frames at once: the process that follows is back."""
        if self._stream is not None:
            self._stream.ask_again()

    def applied(self) -> None:
        """Take note that what a client asked for is in force here."""
        self._applied.set()

    def note_health(self, is_well: bool) -> None:
        """Take note of whether frames come."""
        self._is_well = is_well
        self._health_changed.set()

    def admit(self, metadata: Metadata) -> AbstractContextManager[None]:
        """Admit a call while the block runs; Refused when it came through this worker before."""
        return self._path.admit(metadata)

    async def stream_frames(self, request: pb.StreamFramesRequest, metadata: Metadata) -> AsyncGenerator[bytes]:
        """Yield messages that hold every frame; they continue when the process that follows is restarted.

        Raises
        ------
        Refused
            That process refuses them.
        """
        assert self._tasks is not None
        nodes = {NAME: self._behind(metadata)}
        messages = relay(self._tasks, nodes, request, Claims(), lambda *_: True, lambda _: None, asking=Asking())
        try:
            async for message in messages:
                yield message
        except RpcError as error:
            raise _refused(error) from error

    async def init_hp_io(self, request: pb.InitHpIoRequest, metadata: Metadata) -> pb.InitHpIoResponse:
        """Choose what is followed; returns when this worker serves it.

        Raises
        ------
        Refused
            The process that follows refuses it.
        """
        self._applied.clear()
        try:
            answer = await self._behind(metadata).init_hp_io(request, INIT_S)
        except RpcError as error:
            raise _refused(error) from error
        if answer.success:
            try:
                async with asyncio.timeout(APPLIED_S):
                    await self._applied.wait()
            except TimeoutError:
                _log.warning("a new configuration is in force, but this worker has not heard of it")
        return answer

    async def upload_images(self, requests: AsyncIterator[pb.UploadImageRequest], metadata: Metadata) -> None:
        """Hand on frames that a client pushes, until they end.

        Raises
        ------
        Refused
            The process that follows refuses them.
        """
        try:
            await self._node.upload_images(requests)
        except RpcError as error:
            raise _refused(error) from error

    def capture_gnss(
        self,
        request: ub.CaptureUbloxRequest,
        metadata: Metadata,
        put: Callable[[ub.CaptureUbloxResponse], Awaitable[None]],
    ) -> Coroutine[None, None, None]:
        """Refuse: a server with workers reads no receiver."""
        raise Refused(StatusCode.FAILED_PRECONDITION, _NO_RECEIVERS)

    async def ask_gnss(self, call: str, request: Message, answer: type[AnswerOf], metadata: Metadata) -> AnswerOf:
        """Refuse: a server with workers reads no receiver."""
        raise Refused(StatusCode.FAILED_PRECONDITION, _NO_RECEIVERS)

    async def add_status(self, response: pb.StatusResponse, metadata: Metadata) -> None:
        """Answer with the status of the process that follows, which knows the streams of all workers."""
        path = [(KEY, ",".join(sorted(names)))] if (names := path_in(metadata)) else []
        try:
            answer = await self._node.with_metadata(*path).status(ANSWER_S)
        except RpcError as error:
            response.message = f"the process that follows the files is lost: {error.details()}"
            return
        response.CopyFrom(answer)

    async def watch(self, report: Callable[[str, bool], Awaitable[None]]) -> None:
        """Call `report` when frames stop or come again; run until cancelled."""
        while True:
            await self._health_changed.wait()
            self._health_changed.clear()
            await report("", self._is_well)

    async def close(self) -> None:
        """Close the connections."""
        await self._node.close()

    def status(self) -> SourceStatus:
        """Return the state, for when the process that follows does not answer."""
        return SourceStatus("the process that follows the files", "a stream of that process", (), 0)


def _refused(error: AioRpcError) -> Refused:
    return Refused(error.code(), error.details() or error.code().name)
