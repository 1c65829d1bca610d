"""Gateway: the nodes of a head node as one source of frames, and the calls that go to all of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager
from typing import Final
from weakref import WeakSet

from google.protobuf.message import Message
from grpc import StatusCode

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.client.credentials import LoadedCredentials
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.merge import MergedStream
from panoseti_daq.client.node import Node
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.nodes import Target
from panoseti_daq.config.settings import GatewaySettings, ServerSettings
from panoseti_daq.gateway import gnss
from panoseti_daq.gateway.claims import Claims
from panoseti_daq.gateway.demand import LINGER_S, Demand, DemandWatch
from panoseti_daq.gateway.lossless import relay
from panoseti_daq.gateway.node import LOOK_INTERVAL_S, UpstreamNode
from panoseti_daq.gateway.path import Path, node_in, path_in
from panoseti_daq.gateway.shared_stream import SharedStream
from panoseti_daq.gateway.status import add_status
from panoseti_daq.gateway.targets import credentials_of, files_of, nodes_of
from panoseti_daq.hub import Hub
from panoseti_daq.pff import Frame
from panoseti_daq.service.access.reload import AnyReloaded, Reloaded
from panoseti_daq.service.elsewhere import AnswerOf, Metadata
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.sources.source import NoSource, SourceStatus
from panoseti_daq.wire.blocks import BlockMessage
from panoseti_daq.wire.init import NODE_KEY

_log = logging.getLogger(__name__)

INIT_S: Final = 30.0


class _Member:
    """A node, its shared stream, and the tasks of both."""

    def __init__(self, node: UpstreamNode, stream: SharedStream, tasks: asyncio.TaskGroup) -> None:
        self.node, self.stream = node, stream
        self._tasks = [
            tasks.create_task(node.run(), name=f"watch {node.name}"),
            tasks.create_task(stream.run(), name=f"streams of {node.name}"),
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self.node.close()


class Gateway(NoSource):
    """Nodes whose frames one server hands on; see `service.elsewhere.Elsewhere`.

    Every node is asked once for the newest frames that any client wants, and once per lossless stream. For one
    event loop; lives while `feed` runs.

    Parameters
    ----------
    settings
        The nodes, and what they are shown.
    linger_s
        How long a stream that nobody wants stays open, s.
    look_interval_s
        How often a node is asked how it is, s.

    Raises
    ------
    ConfigError
        The settings or the files that they name are bad.
    """

    def __init__(
        self, settings: GatewaySettings, linger_s: float = LINGER_S, look_interval_s: float = LOOK_INTERVAL_S
    ) -> None:
        self._credentials: LoadedCredentials = credentials_of(settings).load()
        self._files = Reloaded("nodes", files_of(settings), lambda: nodes_of(settings), self._renew)
        self.reloaded: list[AnyReloaded] = [self._files] if files_of(settings) else []
        self._credentials.warn_of_plain({name: at.address for name, at in self._files.content.items()})
        self._linger_s, self._look_interval_s = linger_s, look_interval_s
        self._path = Path()
        self._claims = Claims(settings.prefer)
        self._members: dict[str, _Member] = {}
        self._lossless: WeakSet[MergedStream[BlockMessage]] = WeakSet()
        self._changed = asyncio.Event()  # a node was reached or lost
        self._renewed = asyncio.Event()  # the nodes are others
        self._tasks: asyncio.TaskGroup | None = None
        self._hub: Hub | None = None
        self._demand: DemandWatch | None = None

    async def feed(self, hub: Hub) -> None:
        """Hand the frames of all nodes to `hub` until cancelled."""
        self._hub = hub
        self._demand = DemandWatch(hub, lambda: self._path.clients, self._want, self._linger_s)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._demand.run(), name="watch what clients want")
                while True:
                    await self._set_nodes(self._files.content)
                    await self._renewed.wait()
                    self._renewed.clear()
        finally:
            for member in self._members.values():
                await member.close()

    def _renew(self, targets: Mapping[str, Target]) -> None:
        self._renewed.set()

    async def _set_nodes(self, targets: Mapping[str, Target]) -> None:
        """Ask these nodes from now on; those that were there before continue undisturbed."""
        gone = [name for name, member in self._members.items() if targets.get(name) != member.node.target]
        for name in gone:
            _log.info("node %s is no longer one", name)
            await self._members.pop(name).close()
            self._release(name)
        new = [name for name in targets if name not in self._members]
        for name in new:
            self._add(name, targets[name])
        if gone or (new and self._lossless):
            for merged in list(self._lossless):
                merged.close()
        self._changed.set()

    def _add(self, name: str, target: Target) -> None:
        assert self._tasks is not None
        node = UpstreamNode(
            name, target, self._credentials, self._path.onward(), self._heard, self._look_interval_s
        )

        def calls(demand: Demand) -> AnyNode:
            return self._calls(node, demand.path)

        def hand_on(frame: Frame) -> None:
            self._hand_on(name, frame)

        stream = SharedStream(name, calls, hand_on, node.look)
        if self._demand is not None:
            stream.want(self._demand.reported)
        self._members[name] = _Member(node, stream, self._tasks)

    def _calls(self, node: UpstreamNode, came_through: frozenset[str] = frozenset()) -> AnyNode:
        return node.calls.with_metadata(self._path.onward(came_through))

    def _want(self, demand: Demand | None) -> None:
        if self._hub is not None:
            self._hub.offer_only(demand.selection if demand else None)
        for member in self._members.values():
            member.stream.want(demand)

    def _heard(self, node: UpstreamNode) -> None:
        if node.name in self._members:
            self._members[node.name].stream.reach(node.connected)
        if not node.connected:
            self._claims.release(node.name)
        self._changed.set()

    def _release(self, name: str) -> None:
        for module_id in self._claims.release(name):
            if self._hub is not None:
                self._hub.forget(module_id)

    def _hand_on(self, name: str, frame: Frame) -> None:
        if self._hub is None or self._demand is None or (wanted := self._demand.reported) is None:
            return
        if frame.key in wanted.selection and self._claims.claim(frame.module_id, name):
            self._hub.publish_frame(frame)

    def admit(self, metadata: Metadata) -> AbstractContextManager[None]:
        """Admit a call while the block runs; Refused when it came through this gateway before."""
        return self._path.admit(metadata)

    async def stream_frames(self, request: pb.StreamFramesRequest, metadata: Metadata) -> AsyncGenerator[bytes]:
        """Yield the messages of all nodes that hold every frame, at the pace of the consumer.

        Raises
        ------
        Refused
            No node has such a stream, or the nodes became others: the client asks again, and continues.
        """
        nodes = {
            name: self._calls(member.node, path_in(metadata))
            for name, member in self._members.items()
            if not member.node.foreign
        }
        if not nodes or self._tasks is None:
            text = "no node of this gateway has a stream of all frames; servers of panoseti-grpc have none"
            raise Refused(StatusCode.FAILED_PRECONDITION, text)
        async for message in relay(self._tasks, nodes, request, self._claims, self._may_have, self._lossless.add):
            yield message
        raise Refused(StatusCode.UNAVAILABLE, "the nodes of this gateway changed; ask again")

    def _may_have(self, module_id: int, name: str) -> bool:
        if (owner := self._claims.owner(module_id)) is not None:
            return owner == name
        known = [other for other, member in self._members.items() if module_id in member.node.modules]
        return name in known or not known

    async def upload_images(self, requests: AsyncIterator[pb.UploadImageRequest], metadata: Metadata) -> None:
        """Refuse frames that a client pushes: which node they would be of is not known."""
        raise Refused(StatusCode.UNIMPLEMENTED, "this is a gateway, which takes no uploads: send them to a node")

    def first(self, settings: ServerSettings) -> HpIoConfig:
        """Return what is followed from the start: the nodes."""
        return HpIoConfig(update_interval_s=settings.limits.min_hp_io_update_interval_seconds, gateway=True)

    async def init_hp_io(self, request: pb.InitHpIoRequest, metadata: Metadata) -> pb.InitHpIoResponse:
        """Choose what all nodes follow, or the one that the metadata names; a line for each that refuses.

        Raises
        ------
        Refused
            There is no node of this name.
        """
        wanted = node_in(metadata)
        if wanted and wanted not in self._members:
            text = f"invalid {NODE_KEY}: {wanted!r}; there are: {', '.join(self._members)}"
            raise Refused(StatusCode.INVALID_ARGUMENT, text)
        if self._demand is not None:
            self._demand.stop_lingering()  # a stream that nobody wants is no reason to refuse
        chosen = [member for name, member in self._members.items() if wanted in ("", name)]
        answers = await asyncio.gather(*(self._init(member, request, path_in(metadata)) for member in chosen))
        lines = [f"{member.node.name}: {text}" for member, (_, text) in zip(chosen, answers, strict=True) if text]
        return pb.InitHpIoResponse(success=all(done for done, _ in answers), error_message="\n".join(lines))

    async def _init(
        self, member: _Member, request: pb.InitHpIoRequest, came_through: frozenset[str]
    ) -> tuple[bool, str]:
        """Return whether a node follows what is asked for, and its remark."""
        to_node = pb.InitHpIoRequest()
        to_node.CopyFrom(request)
        if not to_node.data_dir and not to_node.simulate_daq:
            to_node.data_dir = member.node.target.data_dir
        await member.stream.until_ended()
        try:
            answer = await self._calls(member.node, came_through).init_hp_io(to_node, INIT_S)
        except RpcError as error:
            return False, f"{error.details()} ({error.code().name})"
        member.stream.ask_again()
        return answer.success, answer.error_message or ("" if answer.success else "refused, without a reason")

    def _gnss_nodes(self, came_through: frozenset[str]) -> dict[str, Node]:
        return {
            name: calls
            for name, member in self._members.items()
            if member.node.has_receivers and isinstance(calls := self._calls(member.node, came_through), Node)
        }

    def capture_gnss(
        self, request: ub.CaptureUbloxRequest, metadata: Metadata, put: gnss.PutResponse
    ) -> Coroutine[None, None, None]:
        """Return what puts the messages of the receivers of all nodes; Refused when there is none."""
        return gnss.relay(lambda: self._gnss_nodes(path_in(metadata)), request, put)

    async def ask_gnss(self, call: str, request: Message, answer: type[AnswerOf], metadata: Metadata) -> AnswerOf:
        """Return the answer of the node that the metadata names, or of the first with a receiver."""
        nodes = self._gnss_nodes(path_in(metadata))
        return await gnss.ask_one(nodes, node_in(metadata), call, request, answer)

    async def add_status(self, response: pb.StatusResponse, metadata: Metadata) -> None:
        """Add what the nodes say, or said last when another gateway asks; one that is lost is not waited for."""
        members = list(self._members.values())
        if not path_in(metadata):  # gateways in a circle would wait for one another
            await asyncio.gather(*(member.node.refresh() for member in members))
        add_status(response, [(member.node, member.stream) for member in members], self._claims)

    async def watch(self, report: Callable[[str, bool], Awaitable[None]]) -> None:
        """Call `report` with a node, or "" for any of them, when it is reached or lost; run until cancelled."""
        reported: dict[str, bool] = {}
        while True:
            now = {name: member.node.connected for name, member in self._members.items()}
            now = {**dict.fromkeys(reported, False), **now, "": any(now.values())}
            for name, is_well in now.items():
                if reported.get(name) != is_well:
                    await report(name, is_well)
            reported = now
            await self._changed.wait()
            self._changed.clear()

    def status(self) -> SourceStatus:
        """Return the state: which nodes are asked."""
        members = self._members
        n_lost = sum(not member.node.connected for member in members.values())
        lost = f", {n_lost} of them lost" if n_lost else ""
        modules = {module_id for name in members for module_id in self._claims.of(name)}
        description = f"{len(members)} node{'s' if len(members) != 1 else ''}: {', '.join(members)}{lost}"
        return SourceStatus(description, "streams of the nodes", tuple(sorted(modules)), 0)
