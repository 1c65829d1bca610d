"""Window around a viewer: feed, redraw timer, menu, status bar.

For those who draw: importing this imports Qt. A viewer makes a widget and nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.errors import ViewerError
from panoseti_daq.plugins import describe
from panoseti_daq.viewers.host.feed import HostState, WindowFeed
from panoseti_daq.viewers.host.times import age_text
from panoseti_daq.viewers.plugin import Viewer

_log = logging.getLogger(__name__)

SHORTEST_REFRESH_S: Final = 0.02
_SIZE_PX: Final = (1100, 800)
_STATE_PERIOD_MS: Final = 250  # of the status bar: ages are shown in tenths of a second, but nobody reads faster
_MESSAGE_MS: Final = 5000
_ALERT: Final = "QLabel { color: white; background: #b00020; padding: 0 4px }"


class _Signals(QtCore.QObject):
    arrived = QtCore.Signal()


class HostWindow(QtWidgets.QMainWindow):
    """Holds one viewer and feeds it.

    Frames are handed to the viewer as they come while it keeps up, and the newest of each key when it does not;
    it draws on the timer, and at once when a key is new.

    Parameters
    ----------
    name
        Of the viewer.
    viewer
        What to show.
    feed
        Where its frames come from; a `Feed` is already entered.
    refresh_period_s
        Time between two redraws, s; at least `SHORTEST_REFRESH_S`.

    Attributes
    ----------
    error
        Why the window closed by itself: what the viewer raised, or the feed; None as long as nothing did.
    is_closed
        Whether it was closed, by whomever.
    n_frames
        How many the viewer was given.
    """

    closed = QtCore.Signal()

    def __init__(self, name: str, viewer: Viewer, feed: WindowFeed, refresh_period_s: float) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.is_closed = False
        self.n_frames = 0
        self._name = name
        self._viewer = viewer
        self._feed = feed
        self._paused = False
        self._newest_unix_ns = 0
        self._keys: set[object] = set()
        self._said: dict[str, object] = {}
        self._timers: list[QtCore.QTimer] = []
        self.resize(*_SIZE_PX)
        self.setCentralWidget(viewer.widget)
        self._connection, self._age = QtWidgets.QLabel(), QtWidgets.QLabel()
        self._lay_out_status_bar()
        self._pause = self._add_menu(viewer.widget)
        self._show_state()
        self._signals = _Signals(self)
        self._signals.arrived.connect(self._take, QtCore.Qt.ConnectionType.QueuedConnection)
        feed.frames.on_arrival(self._signals.arrived.emit)
        self._start_timer(max(SHORTEST_REFRESH_S, refresh_period_s) * 1000, self._redraw)
        self._start_timer(_STATE_PERIOD_MS, self._show_state)
        self._take()

    def _start_timer(self, period_ms: float, do: Callable[[], None]) -> None:
        timer = QtCore.QTimer(self)
        timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        timer.timeout.connect(do)
        timer.start(round(period_ms))
        self._timers.append(timer)

    def _lay_out_status_bar(self) -> None:
        # However long the reason why a host is lost, it must not widen the window; the tip has it in full.
        self._connection.setSizePolicy(
            QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred
        )
        self.statusBar().addWidget(self._connection, 1)
        self.statusBar().addPermanentWidget(self._age)

    def _add_menu(self, widget: QtWidgets.QWidget) -> QtGui.QAction:
        menu = self.menuBar().addMenu(f"&{self._name.capitalize()}")
        pause = QtGui.QAction("Pause", self, checkable=True)
        pause.toggled.connect(self._set_paused)
        save = QtGui.QAction("Save as PNG", self)
        save.triggered.connect(self._save_png)
        close = QtGui.QAction("Close", self)
        close.triggered.connect(self.close)
        for action, key in ((pause, "Space"), (save, "S"), (close, "Q")):
            action.setShortcut(QtGui.QKeySequence(key))
            menu.addAction(action)
        if widget.actions():
            menu.addSeparator()
            menu.addActions(widget.actions())
        return pause

    def _guarded(self, do: Callable[..., object], *arguments: Any) -> None:
        """Call the viewer; the door for whatever a plugin raises."""
        if self.is_closed:
            return
        try:
            do(*arguments)
        except Exception as error:
            _log.exception("viewer %s failed", self._name)
            self.fail(ViewerError(f"viewer {self._name} failed: {describe(error)}"))

    def fail(self, error: BaseException) -> None:
        """Close because of an error; the first one counts."""
        self.error = self.error or error
        self.close()

    def _take(self) -> None:
        if self._paused or self.is_closed or not (frames := self._feed.frames.take()):
            return
        self.n_frames += len(frames)
        self._newest_unix_ns = max(frame.time.unix_ns or frame.detected_unix_ns for frame in frames.values())
        self._guarded(self._viewer.update, frames)
        if not frames.keys() <= self._keys:
            self._keys |= frames.keys()
            self._redraw()  # who waits for the first image does not wait for the timer

    def _redraw(self) -> None:
        if not self._paused:
            for host, status in list(self._feed.statuses.items()):
                if self._said.get(host) is not status and hasattr(self._viewer, "update_status"):
                    self._said[host] = status
                    self._guarded(self._viewer.update_status, host, status)
        self._guarded(self._viewer.redraw)

    def _show_state(self) -> None:
        states = self._feed.states
        missing = [_missing_text(host, state) for host, state in states.items() if not state.connected]
        connected = [host for host, state in states.items() if state.connected]
        texts = (["PAUSED"] if self._paused else []) + missing
        if connected:
            texts.append(f"connected to {', '.join(connected)}")
        self._connection.setText("; ".join(texts) or "connecting")
        self._connection.setToolTip("\n".join(texts))
        self._connection.setStyleSheet(_ALERT if missing else "")
        age_s = time.time() - self._newest_unix_ns / 1e9
        self._age.setText(f"newest frame {age_text(age_s)} old" if self._newest_unix_ns else "no frame yet")
        self.setWindowTitle(f"panoseti-daq {self._name}{' (paused)' if self._paused else ''}")
        if self._feed.error is not None and not self.is_closed:
            self.fail(self._feed.error)

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        if not paused:
            self._take()
            self._redraw()
        self._show_state()

    def _save_png(self) -> None:
        file = Path(f"{self._name}_{datetime.now(UTC):%Y%m%dT%H%M%SZ}.png")
        try:
            file = file.absolute()
            self.save(file)
        except OSError as error:
            self.statusBar().showMessage(f"cannot save {file}: {error.strerror}", _MESSAGE_MS)
        else:
            self.statusBar().showMessage(f"saved {file}", _MESSAGE_MS)

    def save(self, file: Path) -> None:
        """Write what the viewer shows as PNG.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        self._redraw()
        data = QtCore.QBuffer()
        data.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
        self._viewer.widget.grab().save(data, "PNG")
        file.write_bytes(data.data().data())

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Stop drawing."""
        for timer in self._timers:
            timer.stop()
        self._feed.frames.on_arrival(None)
        event.accept()
        if not self.is_closed:
            self.is_closed = True
            self.closed.emit()


def _missing_text(host: str, state: HostState) -> str:
    ago_s = time.monotonic() - state.since
    since = datetime.fromtimestamp(time.time() - ago_s, UTC)
    what = "lost" if state.was_connected else "not connected"
    return f"{host} {what} since {since:%H:%M:%S} UTC ({age_text(ago_s)}): {state.reason}"
