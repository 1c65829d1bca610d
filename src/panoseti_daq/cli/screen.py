"""Page of a command on a terminal: drawn in place, scrolled with keys, and gone when the command ends."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.cli.tables import PlainConsole
from panoseti_daq.viewers.host.keys import KeyReader, cbreak, log_held_back

_PERIOD_S: Final = 0.2
_FOOT: Final = Style(dim=True)
_WARNING: Final = Style(color="red", bold=True)
LOST: Final = "red"
"""Style of what a host said before it was lost."""

ScreenLine = list[Segment]


@dataclass(frozen=True, slots=True)
class Content:
    """What there is to be seen, whether it fits or not.

    Attributes
    ----------
    body
        Rows from top to bottom.
    n_pinned
        Lines of the body that stay on top.
    warnings
        Lines below it that are always seen.
    """

    body: RenderableType
    n_pinned: int = 0
    warnings: tuple[str, ...] = ()


class Pager:
    """As many lines as the terminal has, of a content that may have more.

    Parameters
    ----------
    make
        Makes the content, given the columns of the terminal.
    """

    def __init__(self, make: Callable[[int], Content]) -> None:
        self._make = make
        self._first = 0
        self._n_seen = 1
        self._is_helped = False

    def press(self, key: str) -> None:
        """Scroll, or show the keys."""
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, " ": self._n_seen, "b": -self._n_seen}
        self._first = max(0, self._first + steps.get(key, 0))
        self._is_helped ^= key == "?"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        rows = options.height or console.height
        lines = self.lines(console, options.max_width, rows)
        for i, line in enumerate(lines):
            yield from line
            if i < len(lines) - 1:
                yield Segment.line()

    def lines(self, console: Console, columns: int, rows: int) -> list[ScreenLine]:
        """Return what is seen: `rows` lines at most."""
        content = self._make(columns)
        options = console.options.update(width=columns, height=None)
        body = console.render_lines(content.body, options, pad=False)
        warned: list[ScreenLine] = []
        for text in content.warnings:
            warned += console.render_lines(text, options, style=_WARNING, pad=False)
        # Warnings stay readable, and leave room for what they are about.
        warned = warned[: max(1, rows // 3)]
        pinned, scrolled = body[: content.n_pinned], body[content.n_pinned :]
        room = max(1, rows - len(pinned) - len(warned) - 1)
        self._n_seen = room
        self._first = max(0, min(self._first, len(scrolled) - room))
        seen = scrolled[self._first : self._first + room]
        foot = next((text for text in self._feet(len(seen), len(scrolled)) if len(text) <= columns), "")
        lines = [*pinned, *seen, *warned, [Segment(foot, _FOOT)]]
        return lines[-rows:]

    def _feet(self, n_seen: int, n_lines: int) -> Iterator[str]:
        """Last lines, the widest first."""
        if self._is_helped:
            yield "q quit  up/down scroll  space/b page  ? less"
            yield "q up/down space/b ?"
        place = f"lines {self._first + 1}-{self._first + n_seen} of {n_lines}"
        if n_seen < n_lines:
            yield f"{place}, up/down  ? keys  q quit"
            yield f"{place}  ? keys  q quit"
        yield "? keys  q quit"


@asynccontextmanager
async def on_screen(page: Pager, console: PlainConsole) -> AsyncIterator[None]:
    """Show a page as long as the block; q ends the block."""
    loop = asyncio.get_running_loop()
    keys = KeyReader(sys.stdin.fileno()) if sys.stdin.isatty() else None
    with (
        log_held_back(),
        cbreak(None if keys is None else keys.descriptor),
        Live(page, console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
        contextlib.suppress(TimeoutError),
    ):
        async with asyncio.timeout(None) as scope:
            timer: asyncio.Handle = loop.call_soon(lambda: draw())

            def press() -> None:
                assert keys is not None
                for key in keys.read():
                    if key == "q":
                        scope.reschedule(loop.time())
                    page.press(key)
                if keys.is_at_end:
                    loop.remove_reader(keys.descriptor)
                live.refresh()

            def draw() -> None:
                nonlocal timer
                live.refresh()
                timer = loop.call_later(_PERIOD_S, draw)

            if keys is not None:
                loop.add_reader(keys.descriptor, press)
            try:
                yield
            finally:
                timer.cancel()
                if keys is not None:
                    loop.remove_reader(keys.descriptor)
