"""From a source to a hub."""

from __future__ import annotations

from panoseti_daq.hub import Hub
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.source import FrameSource


async def carry(source: FrameSource, hub: Hub) -> None:
    """Hand the blocks of `source` to `hub` until there are no more; many clients let its changes be gathered."""
    async for block in source:
        hub.publish(block)
        if isinstance(source, RunSource):
            source.gathering.most_s = hub.gather_s
