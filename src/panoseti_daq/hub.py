"""The newest frame of every key, and who wants it.

Everything here belongs to one event loop: plain functions, no locks, no tasks. A producer calls `Hub.publish`,
which never waits; a consumer iterates over a `Subscription`, which holds at most one frame per key.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import DataProduct, Frame, FrameBlock, Key, Kind, Quality
from panoseti_daq.pff.quality import NAMES, QualityCheck

RATE_OVER_S: Final = 10.0  # bursts of a slow product are seconds apart: an average over less would flicker


class Rate:
    """How many things happen per second, averaged over about `RATE_OVER_S`; older ones count less and less."""

    def __init__(self, now: float) -> None:
        self._begin = self._last = now
        self._weight = 0.0

    def add(self, n: int, now: float) -> None:
        """Take note of `n` things at loop time `now`."""
        self._weight = self._weight * math.exp((self._last - now) / RATE_OVER_S) + n
        self._last = now

    def per_second(self, now: float) -> float:
        """Average at loop time `now`."""
        known_s = RATE_OVER_S * -math.expm1((self._begin - now) / RATE_OVER_S)
        decayed = self._weight * math.exp((self._last - now) / RATE_OVER_S)
        return decayed / known_s if known_s > 0 else 0.0


@dataclass(slots=True)
class KeyState:
    """What the hub knows of one key.

    Attributes
    ----------
    newest
        The newest frame.
    n_frames
        Frames published since the hub began.
    frame_size_bytes
        What one of them takes in its file, header and image.
    rate
        Frames per second.
    n_flawed
        Of the frames, those of which something is wrong.
    quality
        Of the frames, how many have a flag of `Quality`, by flag.
    """

    newest: Frame
    frame_size_bytes: int
    rate: Rate
    n_frames: int = 0
    n_flawed: int = 0
    quality: Counter[int] = field(default_factory=Counter)

    def judge(self, flags: Sequence[int]) -> None:
        """Take note of the flags of frames that have some."""
        self.n_flawed += len(flags)
        for value, n_frames in Counter(flags).items():
            self.quality.update({flag: n_frames for flag in NAMES if value & flag})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which frames a subscription is for.

    Attributes
    ----------
    kinds
        Movie, pulse height or both.
    module_ids
        Modules; empty for all.
    """

    kinds: Collection[Kind] = tuple(Kind)
    module_ids: Collection[int] = ()

    def __contains__(self, key: Key) -> bool:
        return key.product.kind in self.kinds and (not self.module_ids or key.module_id in self.module_ids)


class Subscription:
    """The newest frames of the keys asked for: an async iterator for one consumer.

    **Holds** at most one frame per key. **Rate**: two frames of one key are at least `interval_s` apart, measured
    when they are taken; the first after a quiet spell is due at once. **When full**: a newer frame replaces the
    one that waits, and takes its place in the order. That is what the interval asks for as long as the frame was
    not yet due, or was due for less than `interval_s`; after that the consumer is slow, and each interval that
    passes without it taking a frame that was replaced counts in `n_dropped`. The last frame of a key is always
    delivered, none twice.

    Made by `Hub.subscribe`; for the event loop of its hub. It never ends by itself: cancel whoever iterates.

    Attributes
    ----------
    n_taken
        Frames taken by the consumer.
    n_dropped
        Frames that the consumer would have got, had it been fast enough.
    """

    def __init__(self, wanted: Filter, interval_s: float, loop: asyncio.AbstractEventLoop) -> None:
        self.wanted = wanted
        self.interval_s = max(0.0, interval_s)
        self.n_taken = 0
        self.n_dropped = 0
        self._loop = loop
        self._waiting: dict[Key, Frame] = {}  # newest that was not yet taken
        self._due: dict[Key, float] = {}  # keys of _waiting that may go out now, oldest first, and since when
        self._not_before: dict[Key, float] = {}  # loop time from which a key may go out
        self._later: list[tuple[float, int, Key]] = []  # heap of the keys of _waiting that may not yet
        self._timer: asyncio.TimerHandle | None = None
        self._wake_up: asyncio.Future[None] | None = None

    def offer(self, key: Key, frame: Frame) -> None:
        """Take note of a newer frame of `key`; called by the hub."""
        now = self._loop.time()
        if key in self._waiting:
            self._waiting[key] = frame
            if now - self._due.get(key, now) >= self.interval_s:
                self.n_dropped += 1
                self._due[key] = now
            return
        self._waiting[key] = frame
        not_before = self._not_before.get(key, 0.0)
        if not_before <= now:
            self._due[key] = now
            self._wake()
        else:
            heapq.heappush(self._later, (not_before, id(key), key))
            self._set_timer()

    def _set_timer(self) -> None:
        when = self._later[0][0]
        if self._timer is None or self._timer.cancelled() or when < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._release)

    def _release(self) -> None:
        """Move the keys whose time has come to those that are due."""
        self._timer = None
        now = self._loop.time()
        while self._later and self._later[0][0] <= now:
            not_before, _, key = heapq.heappop(self._later)
            self._due[key] = not_before
        if self._later:
            self._set_timer()
        if self._due:
            self._wake()

    def _wake(self) -> None:
        if self._wake_up is not None and not self._wake_up.done():
            self._wake_up.set_result(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        """Newest frame of the key that has been due for the longest."""
        return (await self.take(1))[0]

    async def take(self, n_most: int) -> list[Frame]:
        """Wait until a frame is due; the newest frames of the keys that have been due for the longest.

        Parameters
        ----------
        n_most
            So many at most; at least 1.
        """
        while not self._due:
            self._wake_up = self._loop.create_future()
            try:
                await self._wake_up
            finally:
                self._wake_up = None
        not_before = self._loop.time() + self.interval_s
        frames = []
        for key in list(islice(self._due, n_most)):
            del self._due[key]
            self._not_before[key] = not_before
            frames.append(self._waiting.pop(key))
        self.n_taken += len(frames)
        return frames

    def stop(self) -> None:
        """Give the timer back; called by the hub."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Growth:
    """Tells a consumer of files which of them grew; made by `Hub.growth`."""

    def __init__(self) -> None:
        self._grown: set[tuple[int, DataProduct]] = set()
        self._arrived = asyncio.Event()

    def note(self, module_id: int, product: DataProduct) -> None:
        """Take note of growth; called by the hub."""
        self._grown.add((module_id, product))
        self._arrived.set()

    async def wait(self) -> set[tuple[int, DataProduct]]:
        """Wait until something grew; modules and products whose files did since the last call."""
        await self._arrived.wait()
        return self.take()

    def take(self) -> set[tuple[int, DataProduct]]:
        """Modules and products whose files grew since the last call."""
        self._arrived.clear()
        grown, self._grown = self._grown, set()
        return grown


class Hub:
    """Knows the newest frame of every key and hands it to the subscriptions that want it.

    Lives as long as one configuration of what is followed. For one event loop.

    Attributes
    ----------
    keys
        State of each key that was ever published.
    bad_frames
        Frames that were skipped because their header does not parse, by module and product.
    last_frame_at
        Loop time of the last frame of any key; of the beginning when there was none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.keys: dict[Key, KeyState] = {}
        self.bad_frames: Counter[tuple[int, DataProduct]] = Counter()
        self._loop = loop or asyncio.get_running_loop()
        self.last_frame_at = self._loop.time()
        self._checks: defaultdict[tuple[int, DataProduct], QualityCheck] = defaultdict(QualityCheck)
        self._subscriptions: dict[Subscription, None] = {}  # a set that keeps its order
        self._routes: dict[Key, list[Subscription]] = {}
        self._growths: set[Growth] = set()

    @property
    def n_bad_frames(self) -> int:
        """Frames that were skipped because their header does not parse."""
        return self.bad_frames.total()

    @property
    def subscriptions(self) -> Collection[Subscription]:
        """Those that are open, oldest first."""
        return self._subscriptions.keys()

    def publish(self, block: FrameBlock) -> None:
        """Take in what a source found; never waits, and no fault of a subscriber comes back.

        The newest frame of each key in the block is offered to its subscribers. A file that a later one replaced
        may still get its rest (SPEC 1.5): such frames count, but nothing newer is replaced by them.
        """
        if block.n_bad:
            self.bad_frames[block.module_id, block.product] += block.n_bad
        for growth in self._growths:
            growth.note(block.module_id, block.product)
        flags = self._checks[block.module_id, block.product](block)
        for key, frame in block.newest().items():
            rows = block.rows_of(key)
            frame.quality = Quality(int(flags[frame.frame_number - block.first_frame_number]))
            state = self._count(key, frame, len(rows), block.layout.frame_size_bytes)
            state.judge(_flawed(flags, rows))
            if _place(frame) >= _place(state.newest):
                self._offer(key, frame, state)

    def publish_frame(self, frame: Frame) -> None:
        """Take in a frame that stands in no file we follow: it is newer than what came before it."""
        key = frame.key
        state = self._count(key, frame, 1, len(frame.pixels))
        if frame.quality:
            state.judge([int(frame.quality)])
        self._offer(key, frame, state)

    def _count(self, key: Key, frame: Frame, n_frames: int, frame_size_bytes: int) -> KeyState:
        now = self._loop.time()
        state = self.keys.get(key)
        if state is None:
            state = self.keys[key] = KeyState(frame, frame_size_bytes, Rate(now))
            self._routes[key] = [s for s in self._subscriptions if key in s.wanted]
        self.last_frame_at = now
        state.n_frames += n_frames
        state.rate.add(n_frames, now)
        return state

    def _offer(self, key: Key, frame: Frame, state: KeyState) -> None:
        state.newest = frame
        for subscription in self._routes[key]:
            subscription.offer(key, frame)

    @contextmanager
    def growth(self) -> Iterator[Growth]:
        """Be told which files grow, for who reads the files himself."""
        growth = Growth()
        self._growths.add(growth)
        try:
            yield growth
        finally:
            self._growths.remove(growth)

    @contextmanager
    def subscribe(self, wanted: Filter, interval_s: float = 0.0) -> Iterator[Subscription]:
        """Open a subscription; the newest known frame of every key it wants is due at once.

        Parameters
        ----------
        wanted
            Which frames.
        interval_s
            Least time between two frames of one key, s; zero or less for none.
        """
        subscription = Subscription(wanted, interval_s, self._loop)
        self._subscriptions[subscription] = None
        for key, state in self.keys.items():
            if key in wanted:
                self._routes[key].append(subscription)
                subscription.offer(key, state.newest)
        try:
            yield subscription
        finally:
            subscription.stop()
            del self._subscriptions[subscription]
            for route in self._routes.values():
                if subscription in route:
                    route.remove(subscription)


def _flawed(
    flags: list[int] | npt.NDArray[np.uint16], rows: Sequence[int] | npt.NDArray[np.intp]
) -> Sequence[int]:
    """Flags in some rows of a block, without those that are zero."""
    if isinstance(flags, list):
        return [flag for i in rows if (flag := flags[i])]
    of_rows = flags[rows]
    flawed: list[int] = of_rows[of_rows != 0].tolist()
    return flawed


def _place(frame: Frame) -> tuple[int, int]:
    return frame.generation, frame.frame_number
