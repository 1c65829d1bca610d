"""Servers elsewhere whose frames a server hands on: what the service asks of a gateway's nodes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

from google.protobuf.message import Message

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq._proto import ublox_control_pb2 as ub
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.hub import Hub
from panoseti_daq.service.access.reload import AnyReloaded
from panoseti_daq.sources.source import FrameSource

Metadata = tuple[tuple[str, str | bytes], ...]
"""Metadata of a call, by key; a key may come more than once."""
AnswerOf = TypeVar("AnswerOf", bound=Message)


@runtime_checkable
class FeedsHub(Protocol):
    """A source that hands frames to the hub itself, one by one, and is not iterated over."""

    async def feed(self, hub: Hub) -> None:
        """Hand frames to `hub` until cancelled; never waits for a subscriber."""
        ...


class Elsewhere(FrameSource, FeedsHub, Protocol):
    """Nodes of a gateway: a source of the newest frames that also answers the calls about all others.

    Attributes
    ----------
    reloaded
        Files that name the nodes, and are read again when they change.
    """

    reloaded: list[AnyReloaded]

    def admit(self, metadata: Metadata) -> AbstractContextManager[None]:
        """Admit a call while the block runs.

        Raises
        ------
        Refused
            The call came through this server before: the gateways are in a circle.
        """
        ...

    async def init_hp_io(self, request: pb.InitHpIoRequest, metadata: Metadata) -> pb.InitHpIoResponse:
        """Choose what all nodes follow, or the one that the metadata names."""
        ...

    def stream_frames(self, request: pb.StreamFramesRequest, metadata: Metadata) -> AsyncGenerator[bytes]:
        """Yield the messages of all nodes that hold every frame, at the pace of the consumer."""
        ...

    async def upload_images(self, requests: AsyncIterator[pb.UploadImageRequest], metadata: Metadata) -> None:
        """Take frames that a client pushes, until they end.

        Raises
        ------
        Refused
            It takes none.
        """
        ...

    def first(self, settings: ServerSettings) -> HpIoConfig | None:
        """Return what is followed from the start; None for nothing."""
        ...

    def capture_gnss(
        self,
        request: ub.CaptureUbloxRequest,
        metadata: Metadata,
        put: Callable[[ub.CaptureUbloxResponse], Awaitable[None]],
    ) -> Coroutine[None, None, None]:
        """Return what puts the messages of the receivers of all nodes until cancelled, each from NODE/RECEIVER.

        Raises
        ------
        Refused
            No node has one.
        """
        ...

    async def ask_gnss(self, call: str, request: Message, answer: type[AnswerOf], metadata: Metadata) -> AnswerOf:
        """Return the answer of the node that the metadata names, or of the first with a receiver.

        Raises
        ------
        Refused
            There is none, or it refuses.
        """
        ...

    async def add_status(self, response: pb.StatusResponse, metadata: Metadata) -> None:
        """Add what the nodes say, or said last when another gateway asks."""
        ...

    async def watch(self, report: Callable[[str, bool], Awaitable[None]]) -> None:
        """Call `report` with a node, or "" for any of them, when it is reached or lost; run until cancelled."""
        ...
