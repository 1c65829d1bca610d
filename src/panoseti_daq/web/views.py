"""Views: what pages may ask for, each encoded once for all sockets that look at it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Selection
from panoseti_daq.viewers.modules import Source
from panoseti_daq.web.live import LiveWall
from panoseti_daq.wire.wall import WallHead, encode_wall, scaled

RATES_HZ: Final = (0.2, 1.0, 2.0, 5.0, 10.0, 20.0)
"""A page gets the highest of these that does not exceed what it asks for."""
DEPTHS: Final = (8, 16)
MAX_VIEWS: Final = 64
"""Views at one time; each costs an encoding per tick, so that pages cannot ask for any number of them."""


@dataclass(frozen=True, slots=True)
class ViewChoice:
    """What a page asks for: keys, bits per pixel, walls per second."""

    selection: Selection
    depth: int = 16
    rate_hz: float = 10.0

    @classmethod
    def read(cls, message: OpenDict, scope: Collection[int]) -> ViewChoice:
        """Return the choice of a control message, within the modules of a link.

        Parameters
        ----------
        message
            ``{"op": "view", "modules": [], "kinds": ["movie", "pulse_height"], "hz": 10, "depth": 16}``; all but
            ``op`` may be left out.
        scope
            Modules that may be seen; empty for all.

        Raises
        ------
        ConfigError
            A value is invalid, or no module is left.
        """
        kinds, modules = message.get("kinds", ["movie", "pulse_height"]), message.get("modules", [])
        depth, rate_hz = message.get("depth", 16), message.get("hz", 10)
        if not isinstance(kinds, list) or not kinds or not set(map(str, kinds)) <= {"movie", "pulse_height"}:
            raise ConfigError("invalid kinds; allowed: movie, pulse_height")
        if not isinstance(modules, list) or not all(type(module) is int for module in modules):
            raise ConfigError("invalid modules; allowed: a list of numbers 0-255")
        if depth not in DEPTHS:
            raise ConfigError("invalid depth; allowed: 8, 16")
        if type(rate_hz) not in (int, float) or not 0 < rate_hz < 1e6:
            raise ConfigError("invalid hz; allowed: a number above 0")
        # A link that asks for more than its modules gets those of them that it may see, as a page of all does.
        if scope:
            modules = [module for module in modules or scope if module in scope]
            if not modules:
                raise ConfigError("none of these modules is within this link")
        rate_hz = max((rate for rate in RATES_HZ if rate <= rate_hz), default=RATES_HZ[0])
        return cls(Selection.of("movie" in kinds, "pulse_height" in kinds, modules), depth, rate_hz)


def text_of(**message: object) -> str:
    """Return a message to pages as JSON."""
    return json.dumps(message, separators=(",", ":"))


class WallView:
    """Walls of one choice, and what their keys are; made when a socket takes them, once for all sockets.

    Attributes
    ----------
    sequence
        Number of the newest wall that may be taken; 0 before there is one.
    listeners
        Called when there is something to take; see `Views.enter`.
    """

    def __init__(self, live: LiveWall, choice: ViewChoice, clock: Callable[[], float] = time.monotonic) -> None:
        self.choice = choice
        self.sequence = 0
        self.listeners: dict[Callable[[], object], None] = {}
        self.interval_s = 1 / choice.rate_hz
        self._live = live
        self._clock = clock
        self._made = b""
        self._made_at = float("-inf")
        self._made_for = 0
        self._frames: list[ReceivedFrame] = []
        self._changes = self._changes_now()
        self._keys_text = self._beside_text = ""
        self._keys_made_for = self._beside_made_for = -1

    @property
    def sources(self) -> list[Source]:
        """Sources of the choice that have a frame, by number."""
        frames = self._live.frames
        return [one for one in self._live.numbers if one in frames and one.key in self.choice.selection]

    def tick(self) -> None:
        """Wake the sockets if a frame of the choice arrived since the last tick, or there is other news."""
        frames, changes = [self._live.frames[source] for source in self.sources], self._changes_now()
        is_new = frames != self._frames
        self.sequence += is_new
        if is_new or changes != self._changes:
            for listener in list(self.listeners):
                listener()
        self._frames, self._changes = frames, changes

    def _changes_now(self) -> tuple[int, int]:
        return self._live.host_changes, self._live.beside_changes

    def wall(self) -> bytes:
        """Return the newest wall, with ages of at most one tick ago."""
        now = self._clock()
        if self._made_for != self.sequence or now - self._made_at > self.interval_s:
            tiles = [self._live.tile(source) for source in self.sources]
            if self.choice.depth == 8:
                tiles = [scaled(tile) for tile in tiles]
            self._made = encode_wall(WallHead(self.sequence, time.time_ns() // 1000), tiles)
            self._made_at, self._made_for = now, self.sequence
        return self._made

    def keys_text(self) -> str:
        """Return the message that says what the numbers of keys in walls stand for."""
        if self._keys_made_for != self._live.key_changes:
            self._keys_made_for = self._live.key_changes
            self._keys_text = text_of(op="keys", keys=[self._live.describe(source) for source in self.sources])
        return self._keys_text

    def beside_text(self) -> str:
        """Return the message with rates (Hz) and lines about the modules; empty when nothing is known."""
        live = self._live
        if self._beside_made_for != live.beside_changes:
            self._beside_made_for = live.beside_changes
            modules = self.choice.selection.module_ids
            rates = {live.numbers[s]: round(live.rates_hz[s], 1) for s in self.sources if s in live.rates_hz}
            notes = {called: note._asdict() for called, note in live.describe_notes(modules).items()}
            self._beside_text = text_of(op="beside", rates=rates, modules=notes) if rates or notes else ""
        return self._beside_text

    async def run(self) -> None:
        """Tick at the rate of the choice, until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            self.tick()
            due = max(due + self.interval_s, loop.time())  # ticks that a busy loop missed are not made up for
            await asyncio.sleep(due - loop.time())


class Views:
    """The views that somebody looks at, each with its task.

    Parameters
    ----------
    live
        The frames.
    tasks
        Where the tasks of the views belong.
    """

    def __init__(self, live: LiveWall, tasks: asyncio.TaskGroup) -> None:
        self._live = live
        self._tasks = tasks
        self._open: dict[ViewChoice, tuple[WallView, asyncio.Task[None]]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, choice: ViewChoice, listener: Callable[[], object]) -> WallView:
        """Return the view of a choice; `listener` is called when it has a new wall, or hosts changed.

        Raises
        ------
        ConfigError
            There are too many others.
        """
        # Sockets of one choice share a view: with 2000 pages, encoding once is what makes them cheap.
        if choice not in self._open:
            if len(self._open) >= MAX_VIEWS:
                raise ConfigError(f"{MAX_VIEWS} different views are open; choose one that others look at")
            view = WallView(self._live, choice)
            task = self._tasks.create_task(view.run(), name=f"view {choice}")
            self._open[choice] = view, task
        view, _ = self._open[choice]
        view.listeners[listener] = None
        return view

    def leave(self, view: WallView, listener: Callable[[], object]) -> None:
        """Look no more; a view without anybody ends."""
        view.listeners.pop(listener, None)
        if not view.listeners and (found := self._open.pop(view.choice, None)):
            found[1].cancel()
