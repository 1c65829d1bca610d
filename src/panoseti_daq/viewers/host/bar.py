"""Status bar of a window: alarms, hosts, what was saved, age of the newest frame. Imports Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6 import QtCore, QtWidgets

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.alarms import Alarms, missing_hosts
from panoseti_daq.viewers.host.feed import WindowFeed

_MESSAGE_MS: Final = 5000


class StateBar:
    """Fills the status bar of a window.

    `bar`: of the window. `feed`: whose hosts are named. `alert`: called with the texts of new alarms: for a sound,
    or a note on the desktop.
    """

    def __init__(
        self, bar: QtWidgets.QStatusBar, feed: WindowFeed, alert: Callable[[list[str]], None] | None
    ) -> None:
        self._feed = feed
        self._alert = alert
        self._alarms = Alarms()
        self._state, self._note, self._age = QtWidgets.QLabel(), QtWidgets.QLabel(), QtWidgets.QLabel()
        # However long the reason why a host is lost, it must not widen the window; the tip has it in full.
        self._state.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        bar.addWidget(self._state, 2)
        bar.addWidget(self._note, 1)  # beside what is wrong, not over it
        self._note.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        self._note.hide()
        bar.addPermanentWidget(self._age)
        self._forget = QtCore.QTimer(bar, singleShot=True)
        self._forget.timeout.connect(self._note.hide)

    def say(self, text: str) -> None:
        """Show a text for some seconds."""
        self._note.setText(text)
        self._note.setToolTip(text)
        self._note.show()
        self._forget.start(_MESSAGE_MS)

    def acknowledge(self) -> None:
        """Let the alarms of now be seen: they stay, but are not red any more."""
        self._alarms.acknowledge()

    def show(self, age: str, alarms: Sequence[str], remarks: Sequence[str], *, mode: str) -> None:
        """Show how it stands: alarms of the viewers, what else there is to say, and whether it is live."""
        states = self._feed.states
        missing = missing_hosts(states)
        new = self._alarms.update([*missing, *alarms])
        if new and self._alert is not None:
            self._alert([missing.get(name, name) for name in sorted(new)])
        connected = [host for host, state in states.items() if state.connected]
        texts = [*([mode] if mode else []), *missing.values(), *alarms]
        if connected:
            texts.append(f"connected to {', '.join(connected)}")
        texts += remarks
        if self._feed.frames.n_lost:
            texts.append(f"{self._feed.frames.n_lost} frames left out: this computer is too slow")
        self._state.setText("; ".join(texts) or "connecting")
        self._state.setToolTip("\n".join(texts))
        look = _alert() if self._alarms.is_open else _seen() if missing or alarms else ""
        if self._state.styleSheet() != look:
            self._state.setStyleSheet(look)
        self._age.setText(age)


def _alert() -> str:
    """Style of an alarm that nobody has seen yet: not white in the red theme."""
    letters = theme.now().strong if theme.now().is_red else "white"
    return f"QLabel {{ color: {letters}; background: {theme.now().alert}; padding: 0 4px }}"


def _seen() -> str:
    return f"QLabel {{ color: {theme.now().alarm}; padding: 0 4px }}"
