"""The newest frame of every key, with numbers for the keys and the state of the hosts."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedFrame
from panoseti_daq.pff import Key, Selection
from panoseti_daq.pff.flags import names_of
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.wire.wall import UNKNOWN_AGE_MS, WallTile

MAX_KEYS: Final = 65_536


@dataclass(slots=True)
class HostLine:
    """State of one host: whether it streams, why not, and since when (loop time, s)."""

    connected: bool = False
    reason: str = "no answer yet"
    since_s: float = 0.0


class LiveWall:
    """The newest frames of some servers, for one event loop.

    Never slows the stream: a frame replaces the one before it of its key.

    Attributes
    ----------
    frames
        Newest frame of each key.
    numbers
        Number of each key in walls, in order; never used for another one.
    hosts
        State of each host.
    n_frames
        Frames that arrived.
    key_changes, host_changes
        Count what pages must learn: new keys and files; hosts that came or were lost.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.frames: dict[Key, ReceivedFrame] = {}
        self.numbers: dict[Key, int] = {}
        self.hosts: dict[str, HostLine] = {}
        self.n_frames = 0
        self._clock = clock or Clock()
        self.key_changes = 0
        self.host_changes = 0

    async def follow(self, client: AioDaqDataClient, hosts: list[str], selection: Selection) -> None:
        """Receive frames, until cancelled; a host that is lost is asked again, for ever."""
        now = asyncio.get_running_loop().time()
        self.hosts = {host: HostLine(since_s=now) for host in hosts}
        stream = client.stream_frames(
            hosts, selection=selection, wait_for_ready=True, persistent=True, on_host_change=self._note_host
        )
        async with stream:
            async for frame in stream:
                self.add(frame)

    def add(self, frame: ReceivedFrame) -> None:
        """Take a frame; an older one than that of its key is left out."""
        self.n_frames += 1
        key = frame.key
        # No comparison of times: a server sends each key in order, and a clock set back must not freeze the image.
        before = self.frames.get(key)
        self.frames[key] = frame
        if before is None and len(self.numbers) < MAX_KEYS:
            self.numbers[key] = len(self.numbers)
            self.key_changes += 1
        # The file stands in the tooltip of an image, and changes once in minutes.
        elif before is not None and before.file != frame.file:
            self.key_changes += 1

    def _note_host(self, change: HostChange) -> None:
        now = asyncio.get_running_loop().time()
        # The reason of a lost host may change with each attempt; since when it is lost must not.
        line = self.hosts.get(change.host)
        if line is not None and line.connected == change.connected:
            line.reason = change.reason
        else:
            self.hosts[change.host] = HostLine(change.connected, change.reason, now)
        self.host_changes += 1

    def age_s(self, key: Key) -> float:
        """Return the age of the newest frame of a key by its server's clock, s; NaN without a time."""
        return self._clock.age_s(self.frames[key])

    def tile(self, key: Key) -> WallTile:
        """Return the newest frame of a key as a tile."""
        frame = self.frames[key]
        unix_ns, status = frame.time
        age_s = self._clock.age_s(frame)
        age_ms = UNKNOWN_AGE_MS if math.isnan(age_s) else min(max(round(age_s * 1000), 0), UNKNOWN_AGE_MS - 1)
        return WallTile(self.numbers[key], frame.image, unix_ns, status, frame.quality, frame.frame_number, age_ms)

    def describe_hosts(self) -> list[dict[str, object]]:
        """Return name, state, reason and how long so (s) of each host, for JSON."""
        now = time.monotonic()  # which is the clock of the loop, too
        return [
            {
                "host": host,
                "connected": line.connected,
                "reason": line.reason,
                "for_s": round(now - line.since_s, 1),
            }
            for host, line in self.hosts.items()
        ]

    def describe_key(self, key: Key) -> dict[str, object]:
        """Return what a number in walls stands for, for JSON."""
        frame = self.frames[key]
        rows, columns = key.product.shape
        return {
            "id": self.numbers[key],
            "module": key.module_id,
            "product": key.product.token,
            "kind": key.product.kind.name.lower(),
            "quabo": key.quabo,
            "rows": rows,
            "columns": columns,
            "file": frame.file,
            "host": frame.host,
        }

    def status(self, modules: Collection[int] = ()) -> dict[str, object]:
        """Return hosts and keys with age (s) and flaws, for ``/api/status``; of these modules, or of all."""
        keys = []
        for key in self.frames:
            if modules and key.module_id not in modules:
                continue
            age_s = self.age_s(key)
            keys.append(
                {
                    **self.describe_key(key),
                    "age_s": None if math.isnan(age_s) else round(age_s, 3),
                    "quality": names_of(self.frames[key].quality),
                }
            )
        return {"hosts": self.describe_hosts(), "keys": keys, "frames": self.n_frames}
