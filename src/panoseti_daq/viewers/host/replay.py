"""Bar below a window that goes back in time: slider, marks, play, steps. Imports Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.timeline import Timeline
from panoseti_daq.viewers.host.times import time_text

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


class ReplayBar(QtWidgets.QWidget):
    """Chooses a time of a timeline.

    `timeline`: whose times. `is_live`: whether the timeline grows; then nothing is replayed before somebody asks
    for it.
    """

    moved = QtCore.Signal()

    def __init__(self, timeline: Timeline, *, is_live: bool) -> None:
        super().__init__()
        self._timeline = timeline
        self._is_live = is_live
        # Time that is shown, UTC ns since 1970; None while the live stream is
        self.unix_ns: int | None = None if is_live else timeline.span_ns[0]
        self._played_at = 0.0
        self.slider = _Slider()
        self.slider.sliderMoved.connect(self._slide)
        self.label = QtWidgets.QLabel()
        self._unit, self._speed = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        self._unit.addItems(list(_UNITS_NS))
        self._speed.addItems([f"{speed:g}x" for speed in _SPEEDS])
        self._speed.setCurrentIndex(_SPEEDS.index(1.0))
        self._timer = QtCore.QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(6, 2, 6, 2)
        self._play = self._button("Play", "Return", self._toggle)
        for widget in (
            self._button("Back", "Left", lambda: self.step(-1)),
            self._play,
            self._button("Forward", "Right", lambda: self.step(+1)),
            self._unit,
            self._speed,
        ):
            widget.setFocusPolicy(QtCore.Qt.FocusPolicy.NoFocus)
            row.addWidget(widget)
        row.addWidget(self.slider, 1)
        row.addWidget(self.label)
        if self._is_live:
            row.addWidget(self._button("Live", "End", self.go_live))

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

    def refresh(self) -> None:
        """Show where it stands, and the marks that are known by now."""
        begin, end = self._timeline.span_ns
        length = max(1, end - begin)
        self.slider.marks = [(mark - begin) / length for mark in self._timeline.marks_ns]
        at = end if self.unix_ns is None else self.unix_ns
        if not self.slider.isSliderDown():
            self.slider.setValue(round(_N_PLACES * (at - begin) / length))
        self.label.setText("live" if self.unix_ns is None else f"{time_text(self.unix_ns)} UTC")
        self._play.defaultAction().setText("Stop" if self.is_playing else "Play")
        self.slider.update()

    def go_to(self, unix_ns: int) -> None:
        """Show a time; outside of the timeline its end."""
        begin, end = self._timeline.span_ns
        self.unix_ns = max(begin, min(unix_ns, end))
        self.refresh()
        self.moved.emit()

    def go_live(self) -> None:
        """Show the live stream again."""
        self._timer.stop()
        self.unix_ns = None
        self.refresh()
        self.moved.emit()

    def step(self, n: int) -> None:
        """Go a frame, second or minute forward (1) or back (-1)."""
        at = self._timeline.span_ns[1] if self.unix_ns is None else self.unix_ns
        step_ns = _UNITS_NS[self._unit.currentText()]
        self.go_to(at + n * step_ns if step_ns else self._timeline.step(at, n))

    def _slide(self, place: int) -> None:
        begin, end = self._timeline.span_ns
        self.go_to(begin + round(place / _N_PLACES * (end - begin)))

    def _toggle(self) -> None:
        if self.is_playing:
            self._timer.stop()
        else:
            begin, end = self._timeline.span_ns
            if self.unix_ns is None or self.unix_ns >= end:
                self.unix_ns = begin
            self._played_at = time.monotonic()
            self._timer.start(_TICK_MS)
        self.refresh()

    def _tick(self) -> None:
        now = time.monotonic()
        passed_s, self._played_at = now - self._played_at, now
        speed = _SPEEDS[self._speed.currentIndex()]
        assert self.unix_ns is not None  # while it plays
        if self.unix_ns >= self._timeline.span_ns[1]:
            self._timer.stop()
        self.go_to(self.unix_ns + round(1e9 * passed_s * speed))
