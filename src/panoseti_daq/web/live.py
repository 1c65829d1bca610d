"""The newest frame of every key, with numbers for the keys and the state of the hosts."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedFrame
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Frame, Selection
from panoseti_daq.pff.flags import names_of
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.modules import BySource, Module, Names, Source
from panoseti_daq.wire.wall import UNKNOWN_AGE_MS, WallTile

MAX_KEYS: Final = 65_536


@dataclass(slots=True)
class HostLine:
    """State of one host: whether it streams, why not, and since when (loop time, s)."""

    connected: bool = False
    reason: str = "no answer yet"
    since_s: float = 0.0


class ModuleNote(NamedTuple):
    """Line about a module, for people; `severity` 0 ok, 8 info, 16 warning, 32 critical; `old` is to be gray."""

    text: str
    severity: int = 0
    old: bool = False


class LiveWall:
    """The newest frames of some servers, for one event loop.

    Never slows the stream: a frame replaces the one before it of its key and host.

    Attributes
    ----------
    frames
        Newest frame of each key of each host.
    numbers
        Number of each of these in walls, in order; never used for another one.
    hosts
        State of each host.
    n_frames
        Frames that arrived.
    rates_hz, notes
        Frames per second that a server counts, by key and host, and the line about each module.
    key_changes, host_changes, beside_changes
        Count what pages must learn: new keys and files; hosts that came or were lost; rates and lines.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.frames: BySource = {}
        self.numbers: dict[Source, int] = {}
        self.hosts: dict[str, HostLine] = {}
        self.n_frames = 0
        self._clock = clock or Clock()
        self.rates_hz: Mapping[Source, float] = {}
        self.notes: Mapping[Module, ModuleNote] = {}
        self.key_changes = 0
        self.host_changes = 0
        self.beside_changes = 0

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
        source = Source.of(frame)
        # No comparison of times: a server sends each key in order, and a clock set back must not freeze the image.
        before = self.frames.get(source)
        self.frames[source] = frame
        if before is None and self.number_of(source) is not None:
            self.key_changes += 1
        # The file stands in the tooltip of an image, and changes once in minutes.
        elif before is not None and before.file != frame.file:
            self.key_changes += 1

    def number_of(self, source: Source) -> int | None:
        """Return the number of a source, which may have no frame yet; None when there are too many."""
        if source not in self.numbers and len(self.numbers) < MAX_KEYS:
            self.numbers[source] = len(self.numbers)
        return self.numbers.get(source)

    @property
    def called(self) -> Names:
        """What modules are called: with their host where several have one of a number."""
        return Names(source.module for source in self.numbers)

    def set_beside(self, rates_hz: Mapping[Source, float], notes: Mapping[Module, ModuleNote]) -> None:
        """Take what stands beside the images."""
        self.beside_changes += (rates_hz, notes) != (self.rates_hz, self.notes)
        self.rates_hz, self.notes = rates_hz, notes

    def _note_host(self, change: HostChange) -> None:
        now = asyncio.get_running_loop().time()
        # The reason of a lost host may change with each attempt; since when it is lost must not.
        line = self.hosts.get(change.host)
        if line is not None and line.connected == change.connected:
            line.reason = change.reason
        else:
            self.hosts[change.host] = HostLine(change.connected, change.reason, now)
        self.host_changes += 1

    def age_s(self, source: Source) -> float:
        """Return the age of the newest frame of a source by its server's clock, s; NaN without a time."""
        return self._clock.age_s(self.frames[source])

    def tile(self, source: Source) -> WallTile:
        """Return the newest frame of a source as a tile."""
        frame = self.frames[source]
        return tile_of(self.numbers[source], frame, self._clock.age_s(frame))

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

    def describe(self, source: Source) -> OpenDict:
        """Return what a number in walls stands for, for JSON."""
        return describe_source(self.numbers[source], source, self.frames[source].file)

    def describe_notes(self, modules: Collection[int] = ()) -> dict[str, ModuleNote]:
        """Return the line about each of these modules, or of all, by what it is called."""
        called = self.called
        return {str(called(m)): note for m, note in self.notes.items() if not modules or m.module_id in modules}

    def status(self, modules: Collection[int] = ()) -> dict[str, object]:
        """Return hosts and keys with age (s) and flaws, for ``/api/status``; of these modules, or of all."""
        keys = []
        for source in self.frames:
            if modules and source.module_id not in modules:
                continue
            age_s = self.age_s(source)
            keys.append(
                {
                    **self.describe(source),
                    "age_s": None if math.isnan(age_s) else round(age_s, 3),
                    "quality": names_of(self.frames[source].quality),
                    "frames_per_second": self.rates_hz.get(source),
                }
            )
        notes = {called: note.text for called, note in self.describe_notes(modules).items()}
        return {"hosts": self.describe_hosts(), "keys": keys, "frames": self.n_frames, "modules": notes}


def tile_of(number: int, frame: Frame, age_s: float) -> WallTile:
    """Return a frame as a tile; `age_s` in s, NaN without a time."""
    unix_ns, status = frame.time
    age_ms = UNKNOWN_AGE_MS if math.isnan(age_s) else min(max(round(age_s * 1000), 0), UNKNOWN_AGE_MS - 1)
    return WallTile(number, frame.image, unix_ns, status, frame.quality, frame.frame_number, age_ms)


def describe_source(number: int, source: Source, file: str) -> OpenDict:
    """Return what a number in walls stands for, for JSON."""
    key = source.key
    rows, columns = key.product.shape
    return {
        "id": number,
        "module": key.module_id,
        "product": key.product.token,
        "kind": key.product.kind.name.lower(),
        "quabo": key.quabo,
        "rows": rows,
        "columns": columns,
        "file": file,
        "host": source.host,
    }
