"""Relay of every frame: the lossless streams of all nodes as one, bytes through, at the pace of one client."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import BlockFeed, Progress
from panoseti_daq.client.latest import LosslessInbox
from panoseti_daq.client.lossless import READ_AHEAD
from panoseti_daq.client.merge import MergedStream
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.client.retry import Asking
from panoseti_daq.gateway.claims import Claims
from panoseti_daq.wire.blocks import BlockMessage

PERSISTENT: Final = Asking(persistent=True)

BelongsTo = Callable[[int, str], bool]
"""Whether a module may come from a node, by what is known."""


class RelayFeed(BlockFeed):
    """Every frame of one node, and where it begins; from where it was lost."""

    def __init__(self, name: str, node: AnyNode, request: pb.StreamFramesRequest, claims: Claims) -> None:
        super().__init__(
            lambda request, again: node.stream_frames(request, wait_for_ready=again), request, name, Progress()
        )
        self._name, self._claims = name, claims

    def new_in(self, message: BlockMessage) -> tuple[BlockMessage, ...]:
        """Note the position; return the message unless its module comes from another node."""
        module_id = message.head.first.module_id
        if message.head.frames:
            comes_from_here = self._claims.claim(module_id, self._name)
        else:  # a node without frames says where they would begin: that makes none its own
            comes_from_here = self._claims.owner(module_id) in (None, self._name)
        super().new_in(message)
        return (message,) if comes_from_here else ()


def request_to(name: str, request: pb.StreamFramesRequest, belongs_to: BelongsTo) -> pb.StreamFramesRequest:
    """Return what to ask a node for: of the positions to resume at, those of its modules."""
    to_node = pb.StreamFramesRequest()
    to_node.CopyFrom(request)
    del to_node.resume[:]
    to_node.resume.extend(position for position in request.resume if belongs_to(position.module_id, name))
    return to_node


async def relay(
    tasks: asyncio.TaskGroup,
    nodes: Mapping[str, AnyNode],
    request: pb.StreamFramesRequest,
    claims: Claims,
    belongs_to: BelongsTo,
    opened: Callable[[MergedStream[BlockMessage]], object],
    asking: Asking = PERSISTENT,
) -> AsyncGenerator[bytes]:
    """Yield the messages of all nodes, each with new numbers; end when the stream that `opened` got is closed.

    A node that is lost is asked again without end, and continues where it was. `READ_AHEAD` blocks of each node
    wait at most; when the consumer is slow, nothing more is read, and gRPC's flow control stops the nodes.

    Parameters
    ----------
    tasks
        Owner of the tasks that read.
    nodes, request
        Calls to the nodes, by name, and what the client asks for.
    claims, belongs_to
        Of two nodes with one module, which it comes from, and which positions go to which node.
    opened, asking
        Gets the stream; rules of calling the nodes.
    """
    feeds = {
        name: RelayFeed(name, node, request_to(name, request, belongs_to), claims) for name, node in nodes.items()
    }
    inbox = LosslessInbox[BlockMessage](READ_AHEAD * len(feeds))
    merged = MergedStream(tasks, feeds, inbox, asking)
    opened(merged)
    try:
        for sequence in itertools.count():
            message = (await merged.receive()).response
            message.head.sequence = sequence
            yield message.serialize()
    except StopAsyncIteration:
        return
    finally:
        merged.close()
