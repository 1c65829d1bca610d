"""Open streams: their places, their counts, and the end of those that stall or stay quiet."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from grpc import StatusCode

from panoseti_daq.allocator import give_back_freed_memory
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.hub import Hub, Rate, Subscription
from panoseti_daq.pff import Selection
from panoseti_daq.service.among import StreamPlaces
from panoseti_daq.service.call_scope import CallScope
from panoseti_daq.service.hp_io import Refused
from panoseti_daq.sources.source import FrameSource

TIDY_S: Final = 1.0  # by then a client that begins has got its first frames
WATCH_INTERVAL_S: Final = 10.0  # at most; short limits are looked at four times as often as they last


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(frozen=True, slots=True)
class Following:
    """One configuration in force.

    Attributes
    ----------
    config
        What is followed.
    set_by
        Who asked for it.
    since
        Loop time at which it came into force.
    source, hub
        Where its frames come from, and where they are handed out.
    task
        Carries them from one to the other.
    """

    config: HpIoConfig
    set_by: str
    since: float
    source: FrameSource
    hub: Hub
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """Let go of the source."""
        self.task.cancel()
        await asyncio.wait([self.task])


@dataclass(eq=False, slots=True)
class Stream:
    """One StreamImages or StreamFrames call that gets frames.

    Attributes
    ----------
    peer
        Who called.
    following
        Where its frames come from.
    scope
        Ends it.
    since
        Loop time at which it began.
    subscription
        Its newest frames; None for a stream of all frames.
    n_sent, rate
        Frames (StreamImages) or messages (StreamFrames) sent, and how many per second.
    writing_since
        Loop time at which gRPC took over the frame that it has not yet sent; None when there is none.
    last_frame_at
        Loop time of the last frame sent, or of the beginning.
    """

    peer: str
    following: Following
    scope: CallScope
    since: float = field(default_factory=_now)
    subscription: Subscription | None = None
    n_sent: int = 0
    rate: Rate = field(default_factory=lambda: Rate(_now()))
    writing_since: float | None = None
    last_frame_at: float = field(default_factory=_now)

    @contextmanager
    def subscribe(self, selection: Selection) -> Iterator[Subscription]:
        """Get the newest frames, no more often than the configuration allows."""
        interval_s = max(selection.update_interval_s, self.following.config.update_interval_s)
        with self.following.hub.subscribe(replace(selection, update_interval_s=interval_s)) as subscription:
            self.subscription = subscription
            yield subscription

    def sent(self, n: int, now: float) -> None:
        """Take note of `n` frames or messages that gRPC has sent, at loop time `now`."""
        self.writing_since, self.last_frame_at = None, now
        self.n_sent += n
        self.rate.add(n, now)

    @property
    def n_dropped(self) -> int:
        """Frames that it would have got, had it been fast enough."""
        return self.subscription.n_dropped if self.subscription else 0


class Streams:
    """The streams of a server. For one event loop.

    Parameters
    ----------
    settings
        How many there may be, and when a stalled or quiet one is ended.
    places
        Counts them, when other processes have some of them.
    """

    def __init__(self, settings: ServerSettings, places: StreamPlaces | None = None) -> None:
        self._settings = settings
        self._places = places or StreamPlaces(settings.limits.max_concurrent_rpcs)
        self._open: dict[Stream, None] = {}
        self._n_sent = self._n_dropped = 0  # of streams that ended
        self._is_tidied_soon = False

    def __len__(self) -> int:
        """Return the number of places taken: streams that get frames, and calls that wait to be one."""
        return self._places.n_taken

    @property
    def open(self) -> list[Stream]:
        """Streams that get frames now, oldest first."""
        return list(self._open)

    @property
    def limit(self) -> int:
        """Streams that there may be."""
        return self._places.limit

    @property
    def n_sent(self) -> int:
        """Frames (StreamImages) and messages (StreamFrames) to all streams, also those that ended."""
        return self._n_sent + sum(stream.n_sent for stream in self._open)

    @property
    def n_dropped(self) -> int:
        """Frames that streams would have got, had they been fast enough; also those that ended."""
        return self._n_dropped + sum(stream.n_dropped for stream in self._open)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take one of the places.

        Raises
        ------
        Refused
            All are taken.
        """
        if not self._places.take():
            text = f"all {self.limit} streams are taken; try again later"
            raise Refused(StatusCode.RESOURCE_EXHAUSTED, text)
        try:
            yield
        finally:
            self._places.give_back()

    @contextmanager
    def counted(self, stream: Stream) -> Iterator[Stream]:
        """Count `stream` among the open ones."""
        self._open[stream] = None
        self._tidy_soon()
        try:
            yield stream
        finally:
            del self._open[stream]
            self._tidy_soon()
            self._n_sent += stream.n_sent
            self._n_dropped += stream.n_dropped

    def _tidy_soon(self) -> None:
        """Give freed memory back, once for many streams that begin: each gets the newest of all keys at once."""
        if not self._is_tidied_soon:
            self._is_tidied_soon = True
            asyncio.get_running_loop().call_later(TIDY_S, self._tidy)

    def _tidy(self) -> None:
        self._is_tidied_soon = False
        give_back_freed_memory()

    def end(self, reason: Refused) -> None:
        """End the open ones."""
        for stream in self._open:
            stream.scope.end(reason)

    async def watch(self) -> None:
        """End streams whose client stalls, and quiet ones if the settings say so; run until cancelled."""
        stalled_s = self._settings.limits.stalled_client_timeout_seconds
        quiet_s = self._settings.limits.quiet_stream_timeout_seconds or math.inf
        while True:
            await asyncio.sleep(min(WATCH_INTERVAL_S, stalled_s / 4, quiet_s / 4))
            now = _now()
            for stream in self._open:
                if stream.writing_since is None:
                    if now - stream.last_frame_at > quiet_s:
                        text = f"there was no frame for {quiet_s:g} s"
                        stream.scope.end(Refused(StatusCode.DEADLINE_EXCEEDED, text))
                elif now - stream.writing_since > stalled_s:
                    text = f"this client took nothing for {stalled_s:g} s"
                    stream.scope.end(Refused(StatusCode.RESOURCE_EXHAUSTED, text))
