"""Feed of a viewer: an asyncio client in a thread of its own, what it asks for, and the handover to who draws."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedBlock, ReceivedFrame
from panoseti_daq.client.portal import PORTALS, Call
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import DaqError, PffError
from panoseti_daq.pff import DataProduct, Gap, Kind, Selection
from panoseti_daq.pff.selection import EVERYTHING, kinds_of
from panoseti_daq.viewers.modules import BySource, Source

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HostState:
    """How it stands with one host."""

    connected: bool
    reason: str  # Why not; empty when it does
    since: float  # Monotonic time since when, s
    was_connected: bool  # Whether it ever streamed


class WindowFeed:
    """Where a window takes its frames from: a `Feed`; or what a script puts, or a timeline shows, by `source`."""

    def __init__(self, source: str = "") -> None:
        self.frames = Handover()
        self.statuses: dict[str, pb.StatusResponse] = {}  # What each host said of itself last
        self._states: dict[str, HostState] = {}
        if source:
            self._states[source] = HostState(True, "", time.monotonic(), was_connected=True)

    @property
    def states(self) -> Mapping[str, HostState]:
        """State of each host that was heard of."""
        return dict(self._states)

    @property
    def error(self) -> BaseException | None:
        """Why the feed ended for good; None while it runs."""
        return None


class Feed(WindowFeed):
    """Streams frames into a `Handover` from entering to leaving.

    Entering enters `client` in an event loop of another thread; leaving ends all of it. A host that refuses, ends
    its stream or is lost is asked again until it comes back; the others are not concerned.

    `client`: not yet entered. `wanted`: what to stream.

    Raises HostError: on entering: no host answers, or one is not configured.
    """

    def __init__(self, client: AioDaqDataClient, wanted: Wanted) -> None:
        super().__init__()
        self._client = client
        self._wanted = wanted
        self._running: Call[None] | None = None
        self._n_bad = 0

    def __enter__(self) -> Self:
        with ExitStack() as portals:
            self._running, _ = portals.enter_context(PORTALS).begin(self._run)
            self._portals = portals.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._running is not None:
            self._running.cancel()
            self._running.wait()
        self._portals.close()

    @property
    def error(self) -> BaseException | None:
        """Why the feed ended for good; None while it runs."""
        return None if self._running is None else self._running.error

    async def _run(self, begun: Callable[[None], object]) -> None:
        async with self._client as client:
            hosts = self._wanted.hosts or tuple(client.hosts)
            answering = client.get_valid_daq_hosts()
            if not answering.intersection(hosts) or not set(hosts) <= set(client.hosts):
                await client.validate_daq_hosts(list(hosts))  # raises, and says which there are
            async with asyncio.TaskGroup() as tasks:
                in_blocks = await self._with_blocks(hosts) if self._wanted.blocks is not None else ()
                if in_blocks:
                    tasks.create_task(self._stream_blocks(in_blocks, self._wanted.blocks), name="blocks")
                others = tuple(host for host in hosts if host not in in_blocks)
                if newest_of := others if self._wanted.blocks == self._wanted.selection else hosts:
                    tasks.create_task(self._stream(newest_of), name="frames")
                if self._wanted.status_period_s is not None:
                    for host in hosts:
                        tasks.create_task(
                            self._ask_status(host, self._wanted.status_period_s), name=f"status of {host}"
                        )
                begun(None)

    async def _stream(self, hosts: tuple[str, ...]) -> None:
        """Stream until the client is left."""
        async with self._client.stream_frames(
            hosts,
            selection=self._wanted.selection,
            on_host_change=self._note,
            wait_for_ready=True,
            persistent=True,
        ) as stream:
            while True:
                try:
                    self.frames.put(await anext(stream))
                except PffError as error:
                    self._n_bad += 1
                    level = logging.WARNING if self._n_bad == 1 else logging.DEBUG
                    _log.log(level, "message %d without a frame, skipped: %s", self._n_bad, error)

    async def _with_blocks(self, hosts: tuple[str, ...]) -> tuple[str, ...]:
        """Hosts that have blocks, as far as is known: all but those of the predecessor."""

        async def has_blocks(host: str) -> bool:
            try:
                return not predecessor(await self._client.get_status(host))
            except DaqError as error:
                return not predecessor(error)

        has = await asyncio.gather(*map(has_blocks, hosts))
        return tuple(host for host, yes in zip(hosts, has, strict=True) if yes)

    async def _stream_blocks(self, hosts: tuple[str, ...], selection: Selection | None) -> None:
        async with self._client.stream_blocks(
            hosts, selection=selection, on_host_change=self._note, wait_for_ready=True, persistent=True
        ) as stream:
            async for block in stream:
                if not isinstance(block, Gap):
                    self.frames.put_block(block)

    def _note(self, change: HostChange) -> None:
        before = self._states.get(change.host)
        since = time.monotonic()
        if before is not None and before.connected == change.connected:
            since = before.since  # asked again, and still so
        was_connected = change.connected or (before is not None and before.was_connected)
        reason = change.reason.removeprefix(f"{change.host}: ")
        self._states[change.host] = HostState(change.connected, reason, since, was_connected)

    async def _ask_status(self, host: str, period_s: float) -> None:
        known = ""
        while True:
            try:
                status = await self._client.get_status(host)
                foreign = predecessor(status)
                if not foreign:
                    self.statuses[host] = status
            except DaqError as error:  # a lost server cannot answer
                foreign = predecessor(error)
            if foreign and foreign != known:
                _log.warning("%s: %s; its rates are those of the frames that arrive", host, foreign)
                known = foreign
            await asyncio.sleep(period_s)


_MOST_BYTES: Final = 64 * 2**20


class Handover:
    """The newest frame of each key and host, or blocks, from the thread that receives to the one that draws.

    **Holds** one frame per key and host, so its size is bounded by their number; a frame that was not taken is
    **replaced** by the next one. Of blocks it holds 64 MiB; the oldest go, and `n_lost` counts their
    frames. Neither side ever waits for the other. Thread-safe.
    """

    def __init__(self) -> None:
        self.n_lost = 0
        self._frames: BySource = {}
        self._blocks: deque[ReceivedBlock] = deque()
        self._n_bytes = 0
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def on_arrival(self, wake: Callable[[], object] | None) -> None:
        """Call `wake` in the putting thread when the first frame comes after a `take`; after None never again."""
        with self._lock:
            self._wake = wake

    def put(self, frame: ReceivedFrame) -> None:
        """Hand over a frame."""
        with self._lock:
            self._wake_first()
            self._frames[Source.of(frame)] = frame

    def put_block(self, block: ReceivedBlock) -> None:
        """Hand over a block."""
        with self._lock:
            self._wake_first()
            self._blocks.append(block)
            self._n_bytes += len(block.data)
            while self._n_bytes > _MOST_BYTES and len(self._blocks) > 1:
                oldest = self._blocks.popleft()
                self._n_bytes -= len(oldest.data)
                self.n_lost += len(oldest)

    def _wake_first(self) -> None:
        if not self._frames and not self._blocks and self._wake is not None:
            self._wake()

    def take(self) -> BySource:
        """Frames that came since the last call."""
        with self._lock:
            came, self._frames = self._frames, {}
        return came

    def take_blocks(self) -> list[ReceivedBlock]:
        """Blocks that came since the last call."""
        with self._lock:
            blocks, self._blocks, self._n_bytes = list(self._blocks), deque(), 0
        return blocks


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer gets."""

    hosts: tuple[str, ...] = ()  # Which; empty for all that the client knows
    selection: Selection = EVERYTHING  # Which frames, and how often
    # How often to ask the servers what they say of themselves, s; None for never
    status_period_s: float | None = None
    blocks: Selection | None = None  # Which frames come in blocks, each one; None for none

    @classmethod
    def by(
        cls,
        specs: Sequence[ViewerSpec],
        context: ViewerContext,
        hosts: tuple[str, ...] = (),
        *,
        every_pulse: bool = False,
    ) -> Self:
        """Return what viewers that share one stream ask for; the first says how often frames come.

        With `every_pulse` no pulse that one of them shows is missing, whether it asks for that or not.

        Raises ConfigError: the frames that were asked for are of no kind that the first viewer shows.
        """
        period_s, first = context.refresh_period_s, specs[0]
        interval_s = period_s if first.update_interval_s is None else first.update_interval_s
        chosen = {product.kind for product in context.selection.products or DataProduct}
        pulses = every_pulse and Kind.PULSE_HEIGHT in chosen

        def selected(some: Sequence[ViewerSpec]) -> Selection:
            kinds = kinds_of(any(spec.movie for spec in some), any(spec.pulse_height for spec in some))
            return replace(context.selection, kinds=kinds, update_interval_s=interval_s)

        # A tab of which no product was chosen stays empty; the first viewer is refused.
        specs = [first, *(spec for spec in specs[1:] if chosen & set(kinds_of(spec.movie, spec.pulse_height)))]
        newest = selected([spec for spec in specs if not spec.every_frame] or specs)
        every = [spec for spec in specs if spec.every_frame]
        every += [replace(spec, movie=False) for spec in specs if pulses and spec.pulse_height]
        status = any(spec.status for spec in specs)
        return cls(hosts, newest, period_s if status else None, selected(every) if every else None)
