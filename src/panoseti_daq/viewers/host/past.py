"""Way back of a window: a bar with slider, marks, play and steps; and films of what is seen. Imports Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.client import ReceivedBlock
from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.clock import Clock, time_text
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.film import RATE_HZ, Film, has_ffmpeg, image_of
from panoseti_daq.viewers.host.memory import Written, stamped
from panoseti_daq.viewers.host.pages import Page
from panoseti_daq.viewers.host.timeline import Lately, Timeline
from panoseti_daq.viewers.modules import BySource

_LONGEST_NS: Final = 600_000_000_000  # that pulses are counted for when the time is chosen
_N_PLACES: Final = 10_000  # of the slider
_TICK_MS: Final = 50
_UNITS_NS: Final = {"frame": 0, "second": 1_000_000_000, "minute": 60_000_000_000}
_SPEEDS: Final = (0.1, 1.0, 10.0, 60.0)


class _Slider(QtWidgets.QSlider):
    """A slider with marks."""

    def __init__(self) -> None:
        super().__init__(QtCore.Qt.Orientation.Horizontal)
        self.setRange(0, _N_PLACES)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)  # keys are for the window
        self.marks: list[float] = []

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter = QtGui.QPainter(self)
        painter.setPen(QtGui.QPen(QtGui.QColor(theme.now().alarm), 2))
        for mark in self.marks:
            x = round(mark * (self.width() - 1))
            painter.drawLine(x, self.height() - 5, x, self.height())
        painter.end()


class Past(QtWidgets.QWidget):
    """Chooses a time of a timeline; and makes a film of what is seen, when it is asked to.

    `timeline`: a `Lately` that is filled here, and then nothing is replayed before somebody asks for it; or frames
    of a run; None for no way back, and no bar. `clock`: counts ages at the time that is shown.
    """

    moved = QtCore.Signal()
    """Another time is to be shown, or the live stream again."""
    film_ended = QtCore.Signal(str)
    """A film could not be continued; why."""

    def __init__(self, timeline: Timeline | None, clock: Clock) -> None:
        super().__init__()
        self._timeline = Lately() if timeline is None else timeline
        self._clock = clock
        self._lately = timeline if isinstance(timeline, Lately) else None
        self._is_live = isinstance(self._timeline, Lately)
        # Time that is shown, UTC ns since 1970; None while the live stream is
        self.replayed_ns: int | None = None if self._is_live else self._timeline.span_ns[0]
        self._before_ns, self._played_at = 0, 0.0
        self._film: Film | None = None
        self._shots, self._timer = QtCore.QTimer(self), QtCore.QTimer(self)
        self._timer.timeout.connect(self._tick)
        self.slider, self.label = _Slider(), QtWidgets.QLabel()
        self._unit, self._speed = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        if timeline is None:
            self.hide()
        else:
            self._lay_out()
            self._move(self.replayed_ns)

    def _lay_out(self) -> None:
        self.slider.sliderMoved.connect(self._slide)
        self._unit.addItems(list(_UNITS_NS))
        self._speed.addItems([f"{speed:g}x" for speed in _SPEEDS])
        self._speed.setCurrentIndex(_SPEEDS.index(1.0))
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        self._play = self._button("Play", "Return", self._toggle)
        back = self._button("Back", "Left", lambda: self._step(-1))
        forward = self._button("Forward", "Right", lambda: self._step(+1))
        for widget in (back, self._play, forward, self._unit, self._speed):
            widget.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            row.addWidget(widget)
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        if self._is_live:
            row.addWidget(self._button("Live", "End", self._go_live))

    def _button(self, text: str, key: str, do: Callable[[], None]) -> QtWidgets.QToolButton:
        action = QtGui.QAction(text, self)
        action.setShortcut(QtGui.QKeySequence(key))
        action.setToolTip(f"{text} (key: {key})")
        action.triggered.connect(lambda: do())
        self.addAction(action)  # of the window, wherever the focus is
        button = QtWidgets.QToolButton()
        button.setDefaultAction(action)
        return button

    @property
    def is_playing(self) -> bool:
        """Whether time passes."""
        return self._timer.isActive()

    @property
    def mode(self) -> str:
        """What the status bar says of it."""
        shown = "" if self.replayed_ns is None else f"REPLAY {time_text(self.replayed_ns)} UTC"
        return " ".join([shown, "RECORDING"] if self._film is not None else [shown]).strip()

    @property
    def text(self) -> str:
        """What is replayed and when, for a caption; empty for a live stream."""
        return "" if self.replayed_ns is None else f"{self.mode}   {self._timeline.name}"

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last time that can be shown, UTC ns; zeros without any."""
        return self._timeline.span_ns

    def keep(self, frames: BySource) -> None:
        """Take frames of the live stream."""
        if self._lately is not None:
            self._lately.add(frames)

    def follow(self) -> None:
        """Show how far the live stream is."""
        if self._lately is not None:
            self._show()

    def frames(self) -> BySource:
        """Frames at the time that is shown; of the live stream the newest."""
        return self._timeline.at(self.span_ns[1] if self.replayed_ns is None else self.replayed_ns)

    def pulses(self) -> tuple[list[ReceivedBlock], bool]:
        """Pulses since the time that was shown before, and whether it was later: then from the last minutes."""
        if self._is_live or self.replayed_ns is None:
            return [], False
        before, self._before_ns = self._before_ns, self.replayed_ns
        if went_back := self.replayed_ns < before:
            before = 0
        return self._timeline.pulses(max(before, self.replayed_ns - _LONGEST_NS), self.replayed_ns), went_back

    def _show(self) -> None:
        """Show where it stands, and the marks that are known by now."""
        begin, end = self.span_ns
        length = max(1, end - begin)
        self.slider.marks = [(mark - begin) / length for mark in self._timeline.marks_ns]
        at = end if self.replayed_ns is None else self.replayed_ns
        if not self.slider.isSliderDown():
            self.slider.setValue(round(_N_PLACES * (at - begin) / length))
        self.label.setText("live" if self.replayed_ns is None else f"{time_text(self.replayed_ns)} UTC")
        self._play.defaultAction().setText("Stop" if self.is_playing else "Play")
        self.slider.update()

    def go_to(self, unix_ns: int) -> None:
        """Show a time; outside of the timeline its end."""
        begin, end = self.span_ns
        self._move(max(begin, min(unix_ns, end)))

    def _go_live(self) -> None:
        self._timer.stop()
        self._move(None)

    def _move(self, unix_ns: int | None) -> None:
        self.replayed_ns = unix_ns
        self._clock.replay(None if unix_ns is None else unix_ns / 1e9)
        self._show()
        self.moved.emit()

    def _step(self, n: int) -> None:
        at = self.span_ns[1] if self.replayed_ns is None else self.replayed_ns
        step_ns = _UNITS_NS[self._unit.currentText()]
        self.go_to(at + n * step_ns if step_ns else self._timeline.step(at, n))

    def _slide(self, place: int) -> None:
        begin, end = self.span_ns
        self.go_to(begin + round(place / _N_PLACES * (end - begin)))

    def _toggle(self) -> None:
        if self.is_playing:
            self._timer.stop()
        else:
            begin, end = self.span_ns
            if self.replayed_ns is None or self.replayed_ns >= end:
                self.replayed_ns = begin
            self._played_at = time.monotonic()
            self._timer.start(_TICK_MS)
        self._show()

    def _tick(self) -> None:
        now = time.monotonic()
        passed_s, self._played_at = now - self._played_at, now
        speed = _SPEEDS[self._speed.currentIndex()]
        assert self.replayed_ns is not None  # while it plays
        if self.replayed_ns >= self.span_ns[1]:
            self._timer.stop()
        self.go_to(self.replayed_ns + round(1e9 * passed_s * speed))

    def switch_film(self, page: Page, written: Written, ending: str = "") -> str:
        """Begin a film of a page, or end it; return what there is to say, also when there can be no film."""
        if (film := self.end_film()) is not None:
            written.add(film.file)
            return f"saved {film.file}, {film.n_pictures} pictures; Ctrl+Z undoes it"
        try:
            film = self._film = Film(stamped(page.name, ending or (".mp4" if has_ffmpeg() else ".gif")))
        except (ViewerError, OSError) as error:
            return f"no film: {error}"
        self._shots = QtCore.QTimer(self)
        self._shots.timeout.connect(lambda: self._shoot(film, page.viewer.widget))
        self._shots.start(round(1000 / RATE_HZ))
        return f"recording {film.file}, the same key ends it"

    def _shoot(self, film: Film, widget: QtWidgets.QWidget) -> None:
        unix_ns = time.time_ns() if self.replayed_ns is None else self.replayed_ns
        try:
            film.add(image_of(widget, f"{time_text(unix_ns)} UTC"))
        except OSError as error:
            self.end_film()
            self.film_ended.emit(f"the film {film.file} ends after {film.n_pictures} pictures: {error}")

    def end_film(self) -> Film | None:
        """End the film, if one is made, and return it."""
        self._shots.stop()
        film, self._film = self._film, None
        if film is not None:
            film.close()
        return film
