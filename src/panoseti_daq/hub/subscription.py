"""Subscription of one consumer: the newest frames of the keys it selects, at the rate it selects."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Iterable
from itertools import islice
from typing import Self

from panoseti_daq.hub.budget import Budget
from panoseti_daq.pff import Frame, Key, Selection


class Subscription:
    """The newest frames of the selected keys: an async iterator for one consumer.

    **Holds** at most one frame per key. **Rate**: that of `Budget`, measured when frames are taken: on average
    `interval_s` apart, each at least half of that after the one before; the first after a quiet spell is due at
    once.
    **When full**: a newer frame replaces the one that waits, and takes its place in the order. That is what the
    interval asks for as long as the frame was not yet due, or was due for less than `interval_s`; after that the
    consumer is slow, and each interval that passes without it taking a frame that was replaced counts in
    `n_dropped`. The last frame of a key is always delivered, none twice.

    Made by `Hub.subscribe`; for the event loop of its hub. It never ends by itself: cancel the task that iterates.

    Attributes
    ----------
    selection
        Which frames, and how often.
    n_taken
        Frames taken by the consumer.
    n_dropped
        Frames that the consumer would have got, had it been fast enough.
    """

    def __init__(self, selection: Selection, loop: asyncio.AbstractEventLoop) -> None:
        self.selection = selection
        self.interval_s = selection.update_interval_s
        self.n_taken = 0
        self.n_dropped = 0
        self._loop = loop
        self._waiting: dict[Key, Frame] = {}  # newest that was not yet taken
        self._due: dict[Key, float] = {}  # keys of _waiting that may go out now, oldest first, and since when
        self._budgets: dict[Key, Budget] = {}  # of the keys that were ever taken
        self._latest: dict[Key, float] = {}  # keys of _waiting that may not go yet, and when they do
        self._later: list[tuple[float, int, Key]] = []  # heap of _latest; also of keys that went before
        self._timer: asyncio.TimerHandle | None = None
        self._release_at = 0.0  # time of _timer
        self._wake_up: asyncio.Future[None] | None = None

    def __repr__(self) -> str:
        return f"<Subscription to {self.selection}: {self.n_taken} taken, {self.n_dropped} dropped>"

    def offer(self, key: Key, frame: Frame, now: float) -> None:
        """Offer a newer frame of `key` at loop time `now`; called by the hub."""
        self._waiting[key] = frame
        if (since := self._due.get(key)) is not None:
            if now - since >= self.interval_s:
                self.n_dropped += 1
                self._due[key] = now
            return
        budget = self._budgets.get(key)
        if budget is None or now >= budget.earliest_s:
            self._latest.pop(key, None)
            self._due[key] = now
            self._wake()
        elif (latest := budget.latest_s(now)) < self._latest.get(key, math.inf):
            self._latest[key] = latest
            heapq.heappush(self._later, (latest, id(key), key))
            self._set_timer()

    def _set_timer(self) -> None:
        when = self._later[0][0]
        if self._timer is None or self._timer.cancelled() or when < self._release_at:
            if self._timer is not None:
                self._timer.cancel()
            self._release_at = when  # what uvloop returns for a time that has come does not know it
            self._timer = self._loop.call_at(when, self._release)

    def _release(self) -> None:
        """Move the keys whose time has come to those that are due."""
        self._timer = None
        now = self._loop.time()
        while self._later and self._later[0][0] <= now:
            latest, _, key = heapq.heappop(self._later)
            if self._latest.get(key) == latest:  # else a newer frame went before
                self._due[key] = self._latest.pop(key)
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
            Maximum number of frames; at least 1.
        """
        while not self._due:
            self._wake_up = self._loop.create_future()
            try:
                await self._wake_up
            finally:
                self._wake_up = None
        keys = list(islice(self._due, n_most))
        frames = [self._waiting.pop(key) for key in keys]
        for key in keys:
            del self._due[key]
        if self.interval_s > 0:
            self._spend(keys)
        self.n_taken += len(frames)
        return frames

    def _spend(self, keys: Iterable[Key]) -> None:
        now = self._loop.time()
        for key in keys:
            if (budget := self._budgets.get(key)) is None:
                budget = self._budgets[key] = Budget(self.interval_s)
            budget.spend(now)

    def stop(self) -> None:
        """Cancel the timer; called by the hub."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
