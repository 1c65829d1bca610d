"""Feed of a viewer: an asyncio client in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from panoseti_daq.client import AioDaqDataClient, HostChange, ReceivedFrame
from panoseti_daq.client.portal import PORTALS
from panoseti_daq.client.predecessor import predecessor
from panoseti_daq.errors import DaqError, PffError
from panoseti_daq.pff import Key, Selection
from panoseti_daq.pff.selection import EVERYTHING, kinds_of

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec

_log = logging.getLogger(__name__)


class Handover:
    """The newest frame of each key, from the thread that receives to the one that draws.

    **Holds** one frame per key, so its size is bounded by the number of keys; a frame that was not taken is
    **replaced** by the next of its key. Neither side ever waits for the other. Thread-safe.
    """

    def __init__(self) -> None:
        self._frames: dict[Key, ReceivedFrame] = {}
        self._lock = threading.Lock()
        self._wake: Callable[[], object] | None = None

    def on_arrival(self, wake: Callable[[], object] | None) -> None:
        """Call `wake` in the putting thread when the first frame comes after a `take`; after None never again."""
        with self._lock:
            self._wake = wake

    def put(self, frame: ReceivedFrame) -> None:
        """Hand over a frame."""
        key = frame.key
        with self._lock:
            if not self._frames and self._wake is not None:
                self._wake()
            self._frames[key] = frame

    def take(self) -> dict[Key, ReceivedFrame]:
        """Frames that came since the last call."""
        with self._lock:
            frames, self._frames = self._frames, {}
        return frames


@dataclass(frozen=True, slots=True)
class HostState:
    """How it stands with one host.

    Attributes
    ----------
    connected
        Whether it streams.
    reason
        Why not; empty when it does.
    since
        Monotonic time since when, s.
    was_connected
        Whether it ever streamed.
    """

    connected: bool
    reason: str
    since: float
    was_connected: bool


class WindowFeed(Protocol):
    """Where a window takes its frames from: a `Feed`, or a script that has a loop of its own."""

    @property
    def frames(self) -> Handover:
        """Where the frames are."""
        ...

    @property
    def statuses(self) -> Mapping[str, pb.StatusResponse]:
        """What each host said of itself last."""
        ...

    @property
    def states(self) -> Mapping[str, HostState]:
        """State of each host that was heard of."""
        ...

    @property
    def error(self) -> BaseException | None:
        """Why no more frames come, ever."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer gets.

    Attributes
    ----------
    hosts
        Which; empty for all that the client knows.
    selection
        Which frames, and how often.
    status_period_s
        How often to ask the servers what they say of themselves, s; None for never.
    """

    hosts: tuple[str, ...] = ()
    selection: Selection = EVERYTHING
    status_period_s: float | None = None

    @classmethod
    def by(cls, spec: ViewerSpec, context: ViewerContext, hosts: tuple[str, ...] = ()) -> Self:
        """Return what a viewer asks for.

        Raises
        ------
        ConfigError
            The frames that were asked for are of no kind that the viewer shows.
        """
        period_s = context.refresh_period_s
        selection = replace(
            context.selection,
            kinds=kinds_of(spec.movie, spec.pulse_height),
            interval_s=period_s if spec.interval_s is None else spec.interval_s,
        )
        return cls(hosts, selection, period_s if spec.status else None)


class Feed:
    """Streams frames into a `Handover` from entering to leaving.

    Entering enters `client` in an event loop of another thread; leaving ends all of it. A host that refuses, ends
    its stream or is lost is asked again until it comes back; the others are not concerned.

    Parameters
    ----------
    client
        Not yet entered.
    wanted
        What to stream.

    Attributes
    ----------
    frames
        Where the frames are.
    statuses
        What each host said of itself last.

    Raises
    ------
    HostError
        On entering: no host answers, or one is not configured.
    """

    def __init__(self, client: AioDaqDataClient, wanted: Wanted) -> None:
        self.frames = Handover()
        self.statuses: dict[str, pb.StatusResponse] = {}
        self._client = client
        self._wanted = wanted
        self._states: dict[str, HostState] = {}
        self._running: Future[Any] | None = None
        self._ended = threading.Event()
        self._n_bad = 0

    def __enter__(self) -> Self:
        portal = PORTALS.__enter__()
        try:
            self._running, _ = portal.start_task(self._run, name="feed")
        except BaseException as error:
            PORTALS.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            self._ended.wait()
        PORTALS.__exit__(None, None, None)

    @property
    def error(self) -> BaseException | None:
        """Why the feed ended for good; None while it runs."""
        if self._running is None or self._running.cancelled() or not self._running.done():
            return None
        return self._running.exception()

    @property
    def states(self) -> Mapping[str, HostState]:
        """State of each host that was heard of."""
        return dict(self._states)

    async def _run(self, *, task_status: Any) -> None:
        try:
            await self._run_client(task_status)
        finally:
            self._ended.set()

    async def _run_client(self, task_status: Any) -> None:
        async with self._client as client:
            hosts = self._wanted.hosts or tuple(client.hosts)
            answering = client.get_valid_daq_hosts()
            if not answering.intersection(hosts) or not set(hosts) <= set(client.hosts):
                await client.validate_daq_hosts(list(hosts))  # raises, and says which there are
            for host in set(hosts) - answering:
                self._note(HostChange(host, connected=False, reason="does not answer"))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._stream(hosts), name="frames")
                if self._wanted.status_period_s is not None:
                    for host in hosts:
                        tasks.create_task(
                            self._ask_status(host, self._wanted.status_period_s), name=f"status of {host}"
                        )
                task_status.started()

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
