"""Lossless streams: what they ask for, and their calls. Imported by the first of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.blocks import BlockFeed, Progress, Since, begin_of
from panoseti_daq.client.latest import Arrival, LosslessInbox
from panoseti_daq.client.merge import AnyMerged, MergedStream
from panoseti_daq.client.nodes import AnyNode
from panoseti_daq.client.retry import Asking
from panoseti_daq.client.stream import BlockStream
from panoseti_daq.pff import Gap, Selection
from panoseti_daq.wire.blocks import BlockDecoder, BlockMessage, ReceivedBlock
from panoseti_daq.wire.frames import frames_request

READ_AHEAD: Final = 4  # blocks per host that wait for the consumer: no more is read then

_Open = Callable[[asyncio.TaskGroup, Mapping[str, AnyNode]], AnyMerged]


def lossless_stream(
    begin: Callable[[_Open], Awaitable[AnyMerged]],
    selection: Selection,
    asking: Asking,
    since: Since,
    resume: str | None,
) -> BlockStream[ReceivedBlock | Gap]:
    """Return a stream of every frame.

    Parameters
    ----------
    begin
        Begins a stream, given what opens its calls.
    selection, asking
        Which frames, and how hosts are asked for them.
    since, resume
        Where to begin or to continue.

    Raises
    ------
    ConfigError
        `since` or `resume` is invalid.
    """
    progress, decode = Progress(resume), BlockDecoder()
    request = frames_request(selection, begin_of(since))

    def convert(arrival: Arrival[BlockMessage]) -> ReceivedBlock | Gap:
        block = decode(arrival.response, arrival.host)
        progress.note(arrival.response.head, arrival.host)
        return block

    open_them = partial(_open, first_request=request, asking=asking, progress=progress)
    return BlockStream(partial(begin, open_them), convert, progress)


def _open(
    tasks: asyncio.TaskGroup,
    nodes: Mapping[str, AnyNode],
    first_request: pb.StreamFramesRequest,
    asking: Asking,
    progress: Progress,
) -> MergedStream[BlockMessage]:
    """Begin to stream all frames of hosts, from where the consumer is."""
    progress.ask(nodes)

    def feed(host: str, node: AnyNode) -> BlockFeed:
        request = pb.StreamFramesRequest(resume=progress.positions(host))
        request.MergeFrom(first_request)
        return BlockFeed(
            lambda request, again: node.stream_frames(request, wait_for_ready=again or asking.wait_for_ready),
            request,
            host,
            progress,
        )

    feeds = {host: feed(host, node) for host, node in nodes.items()}
    return MergedStream(tasks, feeds, LosslessInbox[BlockMessage](READ_AHEAD * len(feeds)), asking)
