"""Newest images of sites as bridges publish them on NATS, all in one message: for many browsers elsewhere."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.nats_walls import WallFrame
from panoseti_daq.pff import Selection
from panoseti_daq.viewers.modules import Source
from panoseti_daq.web.live import HostLine, LiveWall
from panoseti_daq.wire.wall import WallTile


class RelayedWall(LiveWall):
    """Images of walls; pages get their pixels as they are published, in 8 bits whatever they ask for."""

    async def follow(self, client: AioDaqDataClient, hosts: list[str], selection: Selection) -> None:
        """Receive walls, until cancelled; a site that is lost is asked again, for ever."""
        now = asyncio.get_running_loop().time()
        self.hosts = {host: HostLine(since_s=now) for host in hosts}
        async with client.stream_walls(hosts, on_host_change=self._note_host) as walls:
            async for frames in walls:
                for frame in frames:
                    if frame.key in selection and not self._has(frame):
                        self.add(frame)

    def _has(self, frame: WallFrame) -> bool:
        """Return whether a frame is the one we have: walls hold those of silent modules, too."""
        before = self.frames.get(Source.of(frame))
        return before is not None and (before.frame_number, before.time) == (frame.frame_number, frame.time)

    def tile(self, source: Source) -> WallTile:
        """Return the newest frame of a source as a tile, with the pixels of its wall."""
        tile, frame = super().tile(source), self.frames[source]
        if not isinstance(frame, WallFrame):
            return tile
        return replace(tile, image=frame.tile.image, scale=frame.tile.scale)
