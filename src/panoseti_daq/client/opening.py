"""Opening of streams: a feed for each host, the inbox of the consumer, the reading tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.catch_up import CatchUp
from panoseti_daq.client.image_feed import ImageFeed
from panoseti_daq.client.images import ImageDict, image_dict
from panoseti_daq.client.latest import Arrival, LosslessInbox, NewestInbox
from panoseti_daq.client.merge import MergedStream
from panoseti_daq.client.node import Node
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.client.retry import Asking
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import Selection
from panoseti_daq.wire.newest import ReceivedFrame, received_frame
from panoseti_daq.wire.requests import images_request

if TYPE_CHECKING:
    from panoseti_daq.client.call import StreamCall
    from panoseti_daq.client.nats_walls import WallFrame


def open_images(
    tasks: asyncio.TaskGroup,
    nodes: Mapping[str, AnyNode],
    selection: Selection,
    encoding: pb.Encoding,
    asking: Asking,
    timeout_s: float | None,
) -> MergedStream[pb.StreamImagesResponse]:
    """Begin to stream the newest frames of hosts."""
    request = images_request(selection, encoding)

    def feed(node: AnyNode) -> ImageFeed:
        return ImageFeed(
            lambda again: node.stream_images(
                request, wait_for_ready=again or asking.wait_for_ready, timeout_s=timeout_s
            ),
            selection,
        )

    feeds = {host: feed(node) for host, node in nodes.items()}
    return MergedStream(tasks, feeds, NewestInbox(), asking, CatchUp(_detected_unix_ns))


def _detected_unix_ns(response: pb.StreamImagesResponse) -> int:
    return response.delivery.detected_unix_ns


class _WallFeed:
    """Walls of one site."""

    def __init__(self, host: str, node: AnyNode, view: str) -> None:
        if isinstance(node, Node):
            raise ConfigError(f"host {host} has no walls; allowed: nats://HOST/SITE")
        self._node, self._view = node, view

    def call(self, *, again: bool) -> StreamCall[list[WallFrame]]:
        """Make the call."""
        return self._node.stream_walls(self._view)

    def new_in(self, message: list[WallFrame]) -> tuple[list[WallFrame]]:
        """Return the wall."""
        return (message,)

    def lost(self) -> None:
        """Nothing is to be noted."""


def open_walls(
    tasks: asyncio.TaskGroup, nodes: Mapping[str, AnyNode], view: str, asking: Asking
) -> MergedStream[list[WallFrame]]:
    """Begin to stream the walls of sites.

    Raises
    ------
    ConfigError
        A host is a server of gRPC, which has none.
    """
    feeds = {host: _WallFeed(host, node, view) for host, node in nodes.items()}
    # One place for each site: a wall that waits is replaced by the server, not here.
    inbox: LosslessInbox[list[WallFrame]] = LosslessInbox(len(feeds))
    return MergedStream(tasks, feeds, inbox, asking)


def as_frame(arrival: Arrival[pb.StreamImagesResponse]) -> ReceivedFrame:
    """Return the frame that arrived."""
    return received_frame(arrival.response, arrival.host, arrival.arrived_ns)


def as_dict(arrival: Arrival[pb.StreamImagesResponse]) -> ImageDict:
    """Return the documented dict of what arrived."""
    return image_dict(as_frame(arrival))


def as_it_is(arrival: Arrival[pb.StreamImagesResponse]) -> pb.StreamImagesResponse:
    """Return the response that arrived."""
    return arrival.response
