"""Hub and growth: publishing of blocks to subscriptions; see `panoseti_daq.hub`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from panoseti_daq.hub.keys import BurstRate, KeyState, Snapshots
from panoseti_daq.hub.subscription import Subscription
from panoseti_daq.hub.tally import Tally, flawed
from panoseti_daq.pff import Frame, FrameBlock, Key, ModuleProduct, Selection
from panoseti_daq.pff.together import tip_of

if TYPE_CHECKING:
    from panoseti_daq.pff.position import Grown

_SLOW_S: Final = 0.1  # subscribers with a longer interval are few messages
_GATHER_FOR_EACH_S: Final = 0.001  # a message takes 0.1 to 0.2 ms of processor time
_GATHER_MOST_S: Final = 0.008


class Growth:
    """Growth of files, for a consumer that reads them itself; made by `Hub.growth`."""

    def __init__(self) -> None:
        self._grown: dict[ModuleProduct, dict[tuple[str, str], tuple[int, int]]] = {}
        self._arrived = asyncio.Event()

    def note(self, block: FrameBlock) -> None:
        """Record growth; called by the hub."""
        files = self._grown.setdefault((block.module_id, block.product), {})
        begin, end = block.first_frame_number, block.first_frame_number + len(block)
        first, last = files.get((block.run, block.file), (begin, end))
        files[block.run, block.file] = min(first, begin), max(last, end)
        self._arrived.set()

    async def wait(self) -> Grown:
        """Wait until something grew; return what grew since the last call."""
        await self._arrived.wait()
        return self.take()

    def take(self) -> Grown:
        """Return what grew since the last call."""
        self._arrived.clear()
        grown, self._grown = self._grown, {}
        return grown


class Hub:
    """The newest frame of every key, offered to the subscriptions that select it.

    Lives as long as one configuration. For one event loop.

    Attributes
    ----------
    last_frame_at
        Loop time of the last frame of any key; of the beginning when there was none.
    gather_s
        How long what comes may be gathered before it is published: a message of many frames costs little more than
        one of a single frame, to each of the fast subscribers. 0 while there is one of them.
    subscribed
        Set when a subscription was opened or closed; for one who waits for that, and clears it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._keys: dict[Key, KeyState] = {}
        self._tally = Tally()
        self._settles_soon = False
        self._loop = loop or asyncio.get_running_loop()
        self.last_frame_at = self._loop.time()
        self.gather_s = 0.0
        self.subscribed = asyncio.Event()
        self._subscriptions: dict[Subscription, None] = {}  # a set that keeps its order
        self._routes: dict[Key, list[Subscription]] = {}
        self._past: dict[Key, KeyState] = {}  # what was counted of keys whose newest frame is void
        self._growths: set[Growth] = set()
        self._uploaded: set[Key] = set()  # whose newest frame is in no file
        self._stale: set[Key] = set()  # whose newest frame is not that of its source any more
        self._runs: dict[int, tuple[str, int]] = {}  # of each module, with the generation of its newest block

    @property
    def keys(self) -> dict[Key, KeyState]:
        """State of each key that the active runs have."""
        self._tally.settle()
        return self._keys

    @property
    def bad_frames(self) -> Counter[ModuleProduct]:
        """Frames that were skipped because their header does not parse, by module and product."""
        self._tally.settle()
        return self._tally.bad_frames

    @property
    def n_bad_frames(self) -> int:
        """Frames that were skipped because their header does not parse."""
        return self.bad_frames.total()

    @property
    def burst_interval_s(self) -> float:
        """Longest time between two bursts of any key, the shortest over the keys; 0 before there are two."""
        known = [interval_s for state in self.keys.values() if (interval_s := state.rate.burst_interval_s)]
        return min(known, default=0.0)

    @property
    def subscriptions(self) -> Collection[Subscription]:
        """Those that are open, oldest first."""
        return self._subscriptions.keys()

    def publish(self, block: FrameBlock) -> None:
        """Publish a block of a source; never waits, and never raises for a fault of a subscriber.

        The newest frame of each key in the block is offered to its subscribers. A file that a later one replaced
        may still receive its last bytes (SPEC 1.5): such frames count, but never replace newer ones.
        """
        if block.is_snapshot:
            self._publish_snapshots(block)
            return
        for growth in self._growths:
            growth.note(block)
        is_over = self._is_over(block)
        if not is_over and self._publish_tip(block):
            return
        flags = self._tally.judge(block)
        for key, frame in block.newest(flags).items():
            rows = block.rows[key]
            state = self._count(key, frame, len(rows), block.layout.frame_size_bytes, is_over=is_over)
            if found := flawed(flags, rows):
                state.judge(found)
            if not is_over:
                self._offer_if_newer(key, frame, state)

    def _publish_tip(self, block: FrameBlock) -> bool:
        """Publish a short block by its last frame, count the others later; return False where that does not do.

        Of many frames per second only the newest is sent: reading the headers of the others one by one took longer
        than all the rest.
        """
        key = Key(block.module_id, block.product, None)
        state = None if key in self._uploaded else self._keys.get(key)
        if state is None or (tip := tip_of(block, self._tally.last_waiting(block))) is None:
            return False
        self._offer_if_newer(key, tip, state)
        self.last_frame_at = self._loop.time()
        if self._tally.add_later(block, state, self.last_frame_at) and not self._settles_soon:
            self._settles_soon = True
            self._loop.call_soon(self._settle)  # after the frames were sent
        return True

    def _settle(self) -> None:
        self._settles_soon = False
        self._tally.settle()

    def _publish_snapshots(self, block: FrameBlock) -> None:
        """Offer frames of Hashpipe's sockets, which are no part of what is recorded: nothing else counts them.

        What came before them is unknown, so they are judged alone.
        """
        for key, frame in block.newest(block.quality).items():
            state = self._state(key, frame, block.layout.frame_size_bytes)
            state.snapshots.add(len(block.rows[key]), self._loop.time())
            self._offer_if_newer(key, frame, state)

    def _is_over(self, block: FrameBlock) -> bool:
        """Return whether the run of a block was replaced; a run that it replaces is void from now on."""
        run, generation = self._runs.get(block.module_id, ("", -1))
        if not block.run or block._generation <= generation:
            return bool(block.run) and block.run != run
        self._runs[block.module_id] = block.run, block._generation
        if run and block.run != run:
            for key in [key for key in self._keys if key.module_id == block.module_id]:
                self._past[key] = self._keys.pop(key)
                del self._routes[key]
        return False

    def publish_frame(self, frame: Frame) -> bool:
        """Publish a frame that is in no followed file, unless its key comes from files; return whether it was."""
        key = frame.key
        if key in self._keys and key not in self._uploaded:
            return False
        self._uploaded.add(key)
        state = self._count(key, frame, 1, len(frame.pixels))
        if frame.quality:
            state.judge([int(frame.quality)])
        self._offer(key, frame, state)
        return True

    def forget(self, module_id: int) -> None:
        """Forget the frames of a module that are in no followed file: nobody is offered them any more."""
        for key in [key for key in self._uploaded if key.module_id == module_id]:
            self._uploaded.discard(key)
            self._past[key] = self._keys.pop(key)
            del self._routes[key]

    def offer_only(self, fed: Selection | None) -> None:
        """Offer new subscribers the known frames of `fed`, None for none: others are not renewed at present."""
        self._stale = {key for key in self._keys if fed is None or key not in fed}

    def _count(
        self, key: Key, frame: Frame, n_frames: int, frame_size_bytes: int, *, is_over: bool = False
    ) -> KeyState:
        now = self._loop.time()
        state = self._state(key, frame, frame_size_bytes, is_over=is_over)
        self.last_frame_at = now
        state.n_frames += n_frames
        state.rate.add(n_frames, now)
        return state

    def _state(self, key: Key, frame: Frame, frame_size_bytes: int, *, is_over: bool = False) -> KeyState:
        """Return the state of a key, which is made when `frame` is its first one."""
        state = self._keys.get(key) or self._past.get(key)
        if state is None:
            now = self._loop.time()
            state = KeyState(frame, frame_size_bytes, BurstRate(now), Snapshots(now))
        if is_over:
            if key not in self._keys:
                self._past[key] = state
        elif key not in self._keys:
            self._past.pop(key, None)
            state.newest = frame
            self._keys[key] = state
            self._routes[key] = [s for s in self._subscriptions if key in s.selection]
        return state

    def _offer_if_newer(self, key: Key, frame: Frame, state: KeyState) -> None:
        if key in self._uploaded or _is_newer(frame, state.newest):
            self._uploaded.discard(key)
            self._offer(key, frame, state)

    def _offer(self, key: Key, frame: Frame, state: KeyState) -> None:
        state.newest = frame
        self._stale.discard(key)
        now = self._loop.time()
        for subscription in self._routes[key]:
            subscription.offer(key, frame, now)

    @contextmanager
    def growth(self) -> Iterator[Growth]:
        """Observe which files grow."""
        growth = Growth()
        self._growths.add(growth)
        try:
            yield growth
        finally:
            self._growths.remove(growth)

    def _notice_subscribers(self) -> None:
        n_fast = sum(subscription.interval_s < _SLOW_S for subscription in self._subscriptions)
        self.gather_s = min(_GATHER_MOST_S, _GATHER_FOR_EACH_S * max(0, n_fast - 1))
        self.subscribed.set()

    @contextmanager
    def subscribe(self, selection: Selection) -> Iterator[Subscription]:
        """Open a subscription; the newest known frame of every key that is selected is due at once."""
        subscription = Subscription(selection, self._loop)
        self._subscriptions[subscription] = None
        self._notice_subscribers()
        for key, state in self._keys.items():
            if key in selection:
                self._routes[key].append(subscription)
                if key not in self._stale:
                    subscription.offer(key, state.newest, self._loop.time())
        try:
            yield subscription
        finally:
            subscription.stop()
            del self._subscriptions[subscription]
            self._notice_subscribers()
            for route in self._routes.values():
                if subscription in route:
                    route.remove(subscription)


def _is_newer(frame: Frame, newest: Frame) -> bool:
    """Return whether a frame replaces the newest one of its key.

    In files their order counts, and of connections the later one. Between files and sockets, and for frames of an
    earlier connection, their time does: a clock that is set back holds up only those, and not for long.
    """
    if frame.is_snapshot is not newest.is_snapshot:
        return _taken_ns(frame) >= _taken_ns(newest)
    return _place(frame) >= _place(newest) or (frame.is_snapshot and _taken_ns(frame) > _taken_ns(newest))


def _taken_ns(frame: Frame) -> int:
    """Return when a frame was taken, or, without a time, read; UTC ns since 1970."""
    return frame.time.unix_ns or frame.detected_unix_ns


def _place(frame: Frame) -> tuple[int, int]:
    return frame._generation, frame.frame_number
