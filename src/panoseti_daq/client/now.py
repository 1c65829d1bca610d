"""The newest frame of every key of a host: the first frames of a stream, until the announced keys are there."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from contextlib import suppress
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.stream import ImageStream
from panoseti_daq.pff import DataProduct, Key, Selection
from panoseti_daq.wire.newest import ReceivedFrame

LONG_S: Final = 3600.0  # interval of the stream: no key comes twice while others are on their way
_QUIET_S: Final = 0.3  # a server that announces no keys sends those that it has without such a pause


def announced_keys(status: pb.StatusResponse, selection: Selection) -> Set[Key]:
    """Return the keys of which a server has a frame; none for servers of the predecessor."""
    keys = {
        Key(one.module_id, DataProduct.from_token(one.product), one.quabo if one.HasField("quabo") else None)
        for one in status.keys
    }
    return {key for key in keys if key in selection}


async def newest_of(
    stream: ImageStream[ReceivedFrame], announced: Set[Key], timeout_s: float
) -> dict[Key, ReceivedFrame]:
    """Return the newest frames of one host, which are the first ones of a stream.

    Parameters
    ----------
    stream
        A stream of the host with an interval of `LONG_S`, not yet opened.
    announced
        Keys to wait for; empty for those that come one after the other.
    timeout_s
        How long to wait at most.
    """
    found: dict[Key, ReceivedFrame] = {}
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(timeout_s) as limit, stream:
            end_s = limit.when() or 0.0
            while not (announced and announced <= found.keys()):
                if found and not announced:
                    limit.reschedule(min(end_s, loop.time() + _QUIET_S))
                frame = await anext(stream)
                found[frame.key] = frame
    return found
