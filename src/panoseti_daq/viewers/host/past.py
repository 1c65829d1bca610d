"""Way back of a window: what it keeps, the time that it shows, and films of it. Imports Qt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from PySide6 import QtCore, QtWidgets

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Key
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.host.film import RATE_HZ, Film, film_of
from panoseti_daq.viewers.host.page import Page
from panoseti_daq.viewers.host.picture import image_of
from panoseti_daq.viewers.host.replay import ReplayBar
from panoseti_daq.viewers.host.timeline import Lately, Timeline
from panoseti_daq.viewers.host.times import time_text
from panoseti_daq.viewers.host.written import Written

_LONGEST_NS: Final = 600_000_000_000  # that pulses are counted for when the time is chosen


class Past(QtCore.QObject):
    """The timeline of a window, if it has one, and its film, while one is made.

    `timeline`: frames by time: a `Lately` that is filled here, or those of a run; None for no way back. `clock`:
    counts ages at the time that is shown. `window`: whose past it is.
    """

    moved = QtCore.Signal()
    """Another time is to be shown, or the live stream again."""
    film_ended = QtCore.Signal(str)
    """A film could not be continued; why."""

    def __init__(self, timeline: Timeline | None, clock: Clock, window: QtCore.QObject) -> None:
        super().__init__(window)
        self._timeline = timeline
        self._clock = clock
        self._lately = timeline if isinstance(timeline, Lately) else None
        self.bar = None if timeline is None else ReplayBar(timeline, is_live=self._lately is not None)
        self._before_ns = 0
        self._film: Film | None = None
        self._shots = QtCore.QTimer(self)
        if self.bar is not None:
            self.bar.moved.connect(self._move)
            self._set_clock()

    @property
    def replayed_ns(self) -> int | None:
        """Time that is shown, UTC ns since 1970; None for the live stream."""
        return None if self.bar is None else self.bar.unix_ns

    @property
    def mode(self) -> str:
        """What the status bar says of it."""
        shown = "" if self.replayed_ns is None else f"REPLAY {time_text(self.replayed_ns)} UTC"
        return " ".join([shown, "RECORDING"] if self._film is not None else [shown]).strip()

    @property
    def text(self) -> str:
        """What is replayed and when, for a caption; empty for a live stream."""
        return "" if self._timeline is None or self.replayed_ns is None else f"{self.mode}   {self._timeline.name}"

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last time that can be shown, UTC ns; zeros without any."""
        return (0, 0) if self._timeline is None else self._timeline.span_ns

    def go_to(self, unix_ns: int) -> None:
        """Show a time."""
        if self.bar is not None:
            self.bar.go_to(unix_ns)

    def keep(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames of the live stream."""
        if self._lately is not None:
            self._lately.add(frames)

    def refresh(self) -> None:
        """Let the bar show how far the live stream is."""
        if self._lately is not None and self.bar is not None:
            self.bar.refresh()

    def frames(self) -> dict[Key, ReceivedFrame]:
        """Frames at the time that is shown; of the live stream the newest."""
        if self._timeline is None:
            return {}
        return self._timeline.at(self._timeline.span_ns[1] if self.replayed_ns is None else self.replayed_ns)

    def pulses(self) -> tuple[list[ReceivedBlock], bool]:
        """Pulses since the time that was shown before, and whether it was later: then from the last minutes."""
        if self._timeline is None or self._lately is not None or self.replayed_ns is None:
            return [], False
        before, self._before_ns = self._before_ns, self.replayed_ns
        if went_back := self.replayed_ns < before:
            before = 0
        return self._timeline.pulses(max(before, self.replayed_ns - _LONGEST_NS), self.replayed_ns), went_back

    def _move(self) -> None:
        self._set_clock()
        self.moved.emit()

    def _set_clock(self) -> None:
        self._clock.replay(None if self.replayed_ns is None else self.replayed_ns / 1e9)

    def switch_film(self, page: Page, written: Written) -> str:
        """Begin a film of a page, or end it; return what there is to say, also when there can be no film."""
        if self._film is not None:
            self._shots.stop()
            film, self._film = self._film, None
            film.close()
            written.add(film.file)
            return f"saved {film.file}, {film.n_pictures} pictures; Ctrl+Z undoes it"
        try:
            film = self._film = film_of(page.name)
        except (ViewerError, OSError) as error:
            return f"no film: {error}"
        self._shots = QtCore.QTimer(self)
        self._shots.timeout.connect(lambda: self._shoot(film, page.viewer.widget))
        self._shots.start(round(1000 / RATE_HZ))
        return f"recording {film.file}, R ends it"

    def _shoot(self, film: Film, widget: QtWidgets.QWidget) -> None:
        unix_ns = time.time_ns() if self.replayed_ns is None else self.replayed_ns
        try:
            film.add(image_of(widget, f"{time_text(unix_ns)} UTC"))
        except OSError as error:
            self._shots.stop()
            self._film = None
            film.close()
            why = str(error).splitlines()[0]  # imageio adds the command
            self.film_ended.emit(f"the film {film.file} ends after {film.n_pictures} pictures: {why}")

    def close(self) -> None:
        """End the film, if one is made."""
        if self._film is not None:
            self._shots.stop()
            self._film.close()
