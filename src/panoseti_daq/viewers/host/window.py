"""Window around viewers: feed, redraw timer, tabs, menu, status bar.

For those who draw: importing this imports Qt. A viewer makes a widget and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.feed import WindowFeed
from panoseti_daq.viewers.host.film import png_of
from panoseti_daq.viewers.host.intake import Intake, LargestPulses
from panoseti_daq.viewers.host.memory import Memory, stamped
from panoseti_daq.viewers.host.menu import KeyTable, Menu, StateBar
from panoseti_daq.viewers.host.pages import Page, Pages
from panoseti_daq.viewers.host.past import Past
from panoseti_daq.viewers.host.qt import next_theme, switch_dashes
from panoseti_daq.viewers.host.theme import LOOKS
from panoseti_daq.viewers.host.timeline import Timeline

SHORTEST_REFRESH_S: Final = 0.02
SOON_S: Final = 0.03  # from the first new frame to drawing, so that the frames of one batch are drawn together
_LEAST_REST: Final = 4  # times as long as it took to draw, until it is drawn again because of an arrival
_SIZE_PX: Final = (1100, 800)
_STATE_PERIOD_MS: Final = 250  # of the status bar: ages are shown in tenths of a second, but nobody reads faster


class HostWindow(QtWidgets.QMainWindow):
    """Holds viewers on one stream, several as tabs, and feeds them.

    Frames are handed to every viewer as they come while it keeps up, and the newest of each key when it does
    not. Only the one that is seen is drawn: on the timer, at once when a key is new, and when its page says so
    soon after each arrival. A stream of the refresh period and a timer of the same would keep one distance for
    ever, and pictures would be up to a period old.
    """

    closed = QtCore.Signal()
    _arrived = QtCore.Signal()

    def __init__(
        self,
        pages: Sequence[Page],  # At least one; of the first the window has its name and its way back in time
        feed: WindowFeed,  # Where its frames come from; a `Feed` is already entered
        refresh_period_s: float,  # Time between two redraws, s; at least `SHORTEST_REFRESH_S`
        *,
        clock: Clock | None = None,  # Where ages are counted
        memory: Memory | None = None,  # What was remembered, and will be; None for a window that remembers nothing
        # Called with the texts of new alarms: for a sound, or a note on the desktop
        alert: Callable[[list[str]], None] | None = None,
        timeline: Timeline | None = None,  # Frames by time, as for `Past`; of a run, the feed brings nothing
        pulses: LargestPulses | None = None,  # What holds the largest pulses; None for the newest
    ) -> None:
        super().__init__()
        # Why the window closed by itself: what the viewer raised, or the feed; None as long as nothing did
        self.error: BaseException | None = None
        self.is_closed = False  # Whether it was closed, by whomever
        self._name = pages[0].name
        self._feed = feed
        self._clock = clock or Clock()
        self._memory = memory
        self._paused, self._rests_until = False, 0.0
        self._timers: list[QtCore.QTimer] = []
        self._intake = Intake(feed, self._clock, pulses)
        self.past = Past(timeline, self._clock)  # Its way back in time
        self.past.moved.connect(self._show_past)
        self._pages = Pages(pages)
        self._pages.broke.connect(self._lose)
        self._fill()
        self._bar = StateBar(self.statusBar(), feed, alert)
        self.past.film_ended.connect(self._bar.say)
        self._menu = Menu(self, self._name.capitalize(), self._keys(), self.past.actions())
        self._menu.show(self.page.viewer)
        self._pages.currentChanged.connect(self._turn_page)
        if memory is not None:
            memory.restore(self, self._name)
            self._pages.restore(memory)
        self._begin(max(SHORTEST_REFRESH_S, refresh_period_s))

    def _begin(self, refresh_period_s: float) -> None:
        self._arrived.connect(self._take, QtCore.Qt.ConnectionType.QueuedConnection)
        self._feed.frames.on_arrival(self._arrived.emit)
        self._soon = QtCore.QTimer(self, singleShot=True)
        self._soon.timeout.connect(self._redraw)
        self._timers.append(self._soon)
        self._start_timer(refresh_period_s * 1000, self._redraw)
        self._start_timer(_STATE_PERIOD_MS, self._show_state)
        self._take()
        if self.past.replayed_ns is not None:
            self._show_past()
        self._show_state()

    def _fill(self) -> None:
        self.resize(*_SIZE_PX)
        holder = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._pages, 1)
        column.addWidget(self.past)
        self.setCentralWidget(holder)

    @property
    def page(self) -> Page:
        """The viewer that is seen."""
        return self._pages.seen

    @property
    def n_frames(self) -> int:
        """How many the viewers were given."""
        return self._intake.n_frames

    def _start_timer(self, period_ms: float, do: Callable[[], None]) -> None:
        timer = QtCore.QTimer(self)
        timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        timer.timeout.connect(do)
        timer.start(round(period_ms))
        self._timers.append(timer)

    def _keys(self) -> KeyTable:
        say = self._bar.say
        return (
            ("Pause", "Space", lambda: self._set_paused(not self._paused)),
            ("Save as PNG", "S", self._save_png),
            ("Undo what was saved last", "Ctrl+Z", lambda: say(self._pages.written.undo())),
            ("Acknowledge alarms", "A", self._acknowledge),
            ("Record a film, or end it", "R", lambda: say(self._film())),
            ("Record a GIF, or end it", "Shift+R", lambda: say(self._film(".gif"))),
            ("Next theme: dark, red, light", "T", lambda: say(next_theme())),
            ("Dashes beside the colors of curves", "Shift+T", lambda: say(switch_dashes())),
            ("Close", "Q", self.close),
        )

    def _turn_page(self) -> None:
        if self.is_closed:
            return
        self._menu.show(self.page.viewer)
        self._pages.redraw()

    def restyle(self) -> None:
        """Draw in the theme that was chosen."""
        self._pages.call("restyle")
        self._menu.help.restyle()
        self._redraw()
        self._show_state()

    def _lose(self, error: ViewerError, others: bool) -> None:
        self.error = self.error or error
        self._bar.say(str(error))
        if not others:
            self.close()

    def fail(self, error: BaseException) -> None:
        """Close because of an error; the first one counts."""
        self.error = self.error or error
        self.close()

    def _take(self) -> None:
        if self.is_closed:
            return
        came, blocks = self._feed.frames.take(), self._intake.blocks()
        self.past.keep(came)  # the history continues while the picture stands
        if blocks:
            self._pages.call("update_blocks", blocks)
        if stands := self._paused or self.past.replayed_ns is not None:
            self._pages.give("keep", came)
        frames = self._intake.frames(came, stands=stands)
        if not frames:
            return
        self._pages.give("update", frames)
        if self._intake.has_new_keys(frames):
            self._redraw()  # who waits for the first image does not wait for the timer
        elif self.page.on_arrival and not self._soon.isActive():
            self._soon.start(round(1000 * max(SOON_S, self._rests_until - time.monotonic())))

    def _show_past(self) -> None:
        """Show a time of the timeline, or the live stream again."""
        self._take()
        blocks, went_back = self.past.pulses()
        if went_back:
            self._intake.forget_pulses()
            self._pages.call("clear")
        if self._intake.count_blocks(blocks):
            self._pages.call("update_blocks", blocks)
        if frames := self.past.frames():
            self._pages.give("update", self._intake.of_past(frames))
            self._redraw()
        self._show_state()

    def _redraw(self) -> None:
        if not self._paused:
            for host, status in self._intake.statuses().items():
                self._pages.call("update_status", host, status)
        begin = time.monotonic()
        self._pages.redraw()
        self._rests_until = (end := time.monotonic()) + _LEAST_REST * (end - begin)

    def _show_state(self) -> None:
        self.past.follow()
        self._pages.call("update_hosts", self._feed.states)
        mode = self.past.mode or ("PAUSED" if self._paused else "")
        self._bar.show(self._intake.age_text, self._pages.alarms, self._intake.clock_texts, mode=mode)
        self.setWindowTitle(f"panoseti-daq {self._name}{' (paused)' if self._paused else ''}")
        if self._feed.error is not None and not self.is_closed:
            self.fail(self._feed.error)

    def _acknowledge(self) -> None:
        self._bar.acknowledge()
        self._show_state()

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        if not paused:
            self._take()
            self._redraw()
        self._show_state()

    def _film(self, ending: str = "") -> str:
        return self.past.switch_film(self.page, self._pages.written, ending)

    def _save_png(self) -> None:
        file, caption = stamped(self.page.name, ".png"), self.past.text
        self._bar.say(self._pages.written.save("picture", file, lambda file: self.save(file, caption)))

    def save(self, file: Path, caption: str = "", size: tuple[int, int] | None = None) -> None:
        """Write what the viewer shows to a PNG file, as `png_of` makes it; raises OSError."""
        self._redraw()
        file.write_bytes(png_of(self.page.viewer.widget, caption, size))

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop drawing."""
        for timer in self._timers:
            timer.stop()
        self._feed.frames.on_arrival(None)
        event.accept()
        if not self.is_closed:
            self.past.end_film()
            self.is_closed = True
            self._pages.is_open = False
            if self._memory is not None:
                self._memory.remember(self, self._name)
                self._pages.remember(self._memory)
                self._memory.set_state(LOOKS, theme.state())
                self._memory.close()
            self.closed.emit()
