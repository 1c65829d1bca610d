"""Screen of a terminal viewer: alternate screen, keys, refresh, status line, and leaving it as it was."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.errors import ViewerError
from panoseti_daq.plugins import describe
from panoseti_daq.viewers.clock import age_text
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.feed import Feed, HostState
from panoseti_daq.viewers.host.keys import KeyReader, Signals, cbreak, log_held_back, noted_signals
from panoseti_daq.viewers.host.paint import Painter, terminal_size
from panoseti_daq.viewers.modules import by_key
from panoseti_daq.viewers.plugin import TerminalViewer

_log = logging.getLogger(__name__)

_DUMB_PERIOD_S: Final = 2.0
"""Least refresh period of a terminal that cannot move its cursor, s: it scrolls by a screen each time."""
_LOST: Final = Style(color="bright_white", bgcolor="red")

_KEYS: Final = (("space", "Pause"), ("Ctrl-L", "Draw all again"), ("?", "Keys, or images"), ("q", "Quit"))

_T = TypeVar("_T")


def run(viewer: TerminalViewer, feed: Feed, refresh_period_s: float, duration_s: float | None = None) -> None:
    """Show a viewer on the terminal until q, SIGTERM or Ctrl-C; leaves the terminal as it was.

    `viewer`: what to show. `feed`: where its frames come from; already entered. `refresh_period_s`: time between
    two refreshes, s. `duration_s`: end after this time, s; None for never.

    Raises ViewerError: stdout is no terminal, the viewer failed, or the feed ended for good; KeyboardInterrupt:
    Ctrl-C.
    """
    if not sys.stdout.isatty():
        raise ViewerError(
            "stdout is not a terminal; `panoseti-daq stream` prints lines, `plot view --snapshot FILE.png`"
            " writes a picture"
        )
    deadline = None if duration_s is None else time.monotonic() + duration_s
    with noted_signals(signal.SIGINT, signal.SIGTERM, signal.SIGTSTP, signal.SIGWINCH) as signals:
        while not _Session(viewer, feed, refresh_period_s, deadline, signals).run():
            os.kill(os.getpid(), signal.SIGSTOP)  # Ctrl-Z, with the terminal restored
    if signal.SIGINT in signals.received:
        raise KeyboardInterrupt


class _Session:
    """One stay on the alternate screen."""

    def __init__(
        self, viewer: TerminalViewer, feed: Feed, refresh_period_s: float, deadline: float | None, signals: Signals
    ) -> None:
        self._viewer = viewer
        self._feed = feed
        self._deadline = deadline
        self._signals = signals
        self._console = Console(file=sys.stdout, highlight=False)
        self._period_s = max(refresh_period_s, _DUMB_PERIOD_S if self._console.is_dumb_terminal else 0)
        self._painter = Painter(self._console)
        self._keys = KeyReader(sys.stdin.fileno()) if sys.stdin.isatty() else None
        self._is_paused = False
        self._is_over = False
        self._is_helped = False
        self._hint = terminal_hint(self._console)

    def run(self) -> bool:
        """Stay until there is a reason to leave; False when the process shall be stopped and come back."""
        screen = self._console.screen()
        with (
            log_held_back(),
            cbreak(self._keys.descriptor if self._keys is not None else None),
            selectors.DefaultSelector() as ready,
        ):
            ready.register(self._signals.wakeup, selectors.EVENT_READ, self._see_signals)
            if self._keys is not None:
                ready.register(self._keys.descriptor, selectors.EVENT_READ, lambda: self._press(ready))
            if self._console.is_dumb_terminal:
                return self._loop(ready)
            with screen:
                try:
                    return self._loop(ready)
                finally:
                    self._painter.end()

    def _loop(self, ready: selectors.BaseSelector) -> bool:
        next_draw = time.monotonic()
        while not self._is_over:
            now = time.monotonic()
            if now >= next_draw:
                self._draw()
                next_draw = max(next_draw + self._period_s, now)
            wake = next_draw if self._deadline is None else min(next_draw, self._deadline)
            events = ready.select(max(0.0, wake - time.monotonic()))
            for key, _ in events:
                key.data()
            if signal.SIGTSTP in self._signals.received:
                self._signals.received.discard(signal.SIGTSTP)
                return False
            if events:
                next_draw = min(next_draw, time.monotonic())
            self._is_over |= self._deadline is not None and time.monotonic() >= self._deadline
        return True

    def _see_signals(self) -> None:
        self._signals.clear_wakeup()
        received = self._signals.received
        self._is_over |= not received.isdisjoint((signal.SIGINT, signal.SIGTERM))

    def _press(self, ready: selectors.BaseSelector) -> None:
        assert self._keys is not None
        for key in self._keys.read():
            match key:
                case "q":
                    self._is_over = True
                case " ":
                    self._is_paused = not self._is_paused
                case "?":
                    self._is_helped = not self._is_helped
                case "\x0c":  # Ctrl-L, as everywhere
                    self._painter.forget()
                case _:
                    self._guarded(self._viewer.key, key)
        if self._keys.is_at_end:
            ready.unregister(self._keys.descriptor)

    def _draw(self) -> None:
        if self._feed.error is not None:
            raise ViewerError(f"no more images: {describe(_cause(self._feed.error))}") from self._feed.error
        frames = {} if self._is_paused else self._feed.frames.take()
        for part in by_key(frames):
            self._guarded(self._viewer.update, part)
        columns, rows = terminal_size(sys.stdout.fileno())
        n_status = 1 if rows > 1 else 0
        lines = self._guarded(self._lines, columns, rows - n_status)
        self._painter.paint([*lines, *[self._status(columns)] * n_status])

    def _lines(self, columns: int, rows: int) -> list[list[Segment]]:
        if self._is_helped:
            keys = [*getattr(self._viewer, "keys", ()), *_KEYS]
            lines = [[Segment(f" {key:8}{text}", _status())] for key, text in keys[:rows]]
            return [Segment.adjust_line_length(line, columns) for line in lines + [[]] * (rows - len(lines))]
        options = self._console.options.update_dimensions(columns, rows)
        return self._console.render_lines(self._viewer.render(columns, rows), options)

    def _status(self, columns: int) -> list[Segment]:
        text, is_lost = _connection(self._feed.states)
        keys = "  ? keys  q quit" if self._keys is not None else ""
        text = ("PAUSED  " if self._is_paused else "") + text + self._hint
        room = max(0, columns - len(keys))
        line = [Segment(text[:room].ljust(room) + keys, _LOST if is_lost else _status())]
        return Segment.adjust_line_length(line, columns)

    def _guarded(self, do: Callable[..., _T], *arguments: Any) -> _T:
        """Call the viewer; the door for whatever a plugin raises."""
        try:
            return do(*arguments)
        except Exception as error:
            _log.exception("the viewer failed")
            raise ViewerError(f"the viewer failed: {describe(error)}") from error


def _status() -> Style:
    """Style of the last line: a bright one is all that one sees in a dark dome."""
    return Style(color=theme.now().foreground) if theme.now().is_red else Style(dim=True)


def terminal_hint(console: Console) -> str:
    """Return what would show more; empty when the terminal says that it has many colors."""
    if console.is_dumb_terminal:
        return "  (TERM=xterm-256color shows images in place)"
    if console.color_system in ("256", "truecolor") or console.no_color:
        return ""
    return "  (few colors: TERM=xterm-256color or COLORTERM=truecolor shows more)"


def _connection(states: Mapping[str, HostState]) -> tuple[str, bool]:
    """State of the hosts, and whether one is lost; lost ones come first."""
    now = time.monotonic()
    lost = [
        f"{host} lost {age_text(now - s.since)} ago: {s.reason}" for host, s in states.items() if not s.connected
    ]
    connected = [host for host, state in states.items() if state.connected]
    text = "; ".join([*lost, *([f"connected to {', '.join(connected)}"] if connected else [])])
    return " ".join(text.split()) or "connecting", bool(lost)


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
