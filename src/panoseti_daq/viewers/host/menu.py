"""Menu, keys, help and status bar of a window. Imports Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import zip_longest
from typing import Any, Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.viewers.clock import age_text
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.feed import HostState, WindowFeed

_GAP: Final = 3 * "&nbsp;"
KeyTable = Iterable[tuple[str, str, Callable[..., object]]]
"""Text, key and what to do, of each action."""


def add_actions(widget: QtWidgets.QWidget, keys: KeyTable) -> list[QtGui.QAction]:
    """Give a widget actions; the menu and the help of its window list them."""
    actions = []
    for text, key, do in keys:
        action = QtGui.QAction(text, widget)
        action.setShortcut(QtGui.QKeySequence(key))
        action.triggered.connect(lambda checked=False, do=do: do())
        widget.addAction(action)
        actions.append(action)
    return actions


class Menu:
    """Lists the actions of a window and of the viewer that is seen; ? shows them over the window."""

    def __init__(
        self, window: QtWidgets.QMainWindow, title: str, keys: KeyTable, more: Sequence[QtGui.QAction]
    ) -> None:
        self.help = KeyHelp(window)
        self._more = more  # only in the help: they have buttons
        self._menu = window.menuBar().addMenu(f"&{title}")
        self._actions = add_actions(window, [*keys, ("Keys", "?", self.help.toggle)])

    def show(self, viewer: Any) -> None:
        """List the actions of a viewer behind those of the window; a key that it has, too, is the viewer's."""
        own = viewer.widget.actions()
        taken = {action.shortcut().toString() for action in own}
        kept = [action for action in self._actions if action.shortcut().toString() not in taken]
        for action in self._actions:
            action.setEnabled(action in kept)
        self._menu.clear()
        self._menu.addActions(kept)
        if own:
            self._menu.addSeparator()
            self._menu.addActions(own)
        self.help.fill([*own, *kept, *self._more], getattr(viewer, "mouse", ()))


class KeyHelp(QtWidgets.QLabel):
    """Table of keys in the middle of a window; a click or the key closes it."""

    def __init__(self, window: QtWidgets.QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setObjectName("keys")
        self.setTextFormat(QtCore.Qt.TextFormat.RichText)
        self.hide()

    def fill(self, actions: Sequence[QtGui.QAction], mouse: Sequence[tuple[str, str]]) -> None:
        """Take the keys, and what the mouse does."""
        rows = [(action.shortcut().toString(), action.text()) for action in actions]
        rows += mouse
        cells = [f"<td><b>{escape(key)}</b>&nbsp;</td><td>{escape(text)}{_GAP}</td>" for key, text in rows]
        half = len(cells) // 2 + len(cells) % 2
        lines = (
            f"<tr>{left}{right}</tr>" for left, right in zip_longest(cells[:half], cells[half:], fillvalue="")
        )
        self.setText(f"<table cellspacing=6>{''.join(lines)}</table>")
        self.restyle()
        if self.isVisible():
            self._place()

    def restyle(self) -> None:
        """Take the colors of the theme."""
        now = theme.now()
        look = f"background: {now.panel}; color: {now.foreground}; border: 1px solid {now.dim}; padding: 12px;"
        self.setStyleSheet(f"#keys {{ {look} }}")

    def toggle(self) -> None:
        """Show it, or no longer."""
        self.setVisible(self.isHidden())
        self._place()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Close it."""
        self.hide()

    def _place(self) -> None:
        window = self._window
        self.resize(self.sizeHint().boundedTo(window.size()))
        self.move((window.width() - self.width()) // 2, (window.height() - self.height()) // 2)
        self.raise_()


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
        # Names of alarms; one that ends is forgotten, so that it is new when it comes again.
        self._alarms: set[str] = set()
        self._acknowledged: set[str] = set()
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
        self._acknowledged = set(self._alarms)

    def show(self, age: str, alarms: Sequence[str], remarks: Sequence[str], *, mode: str) -> None:
        """Show how it stands: alarms of the viewers, what else there is to say, and whether it is live."""
        states = self._feed.states
        missing = {host: _missing_text(host, state) for host, state in states.items() if not state.connected}
        before, self._alarms = self._alarms, {*missing, *alarms}
        self._acknowledged &= self._alarms
        if (new := self._alarms - before) and self._alert is not None:
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
        look = _alert() if self._alarms - self._acknowledged else _seen() if missing or alarms else ""
        if self._state.styleSheet() != look:
            self._state.setStyleSheet(look)
        self._age.setText(age)


def _alert() -> str:
    """Style of an alarm that nobody has seen yet: not white in the red theme."""
    letters = theme.now().strong if theme.now().is_red else "white"
    return f"QLabel {{ color: {letters}; background: {theme.now().alert}; padding: 0 4px }}"


def _seen() -> str:
    return f"QLabel {{ color: {theme.now().alarm}; padding: 0 4px }}"


def _missing_text(host: str, state: HostState) -> str:
    ago_s = time.monotonic() - state.since
    since = datetime.fromtimestamp(time.time() - ago_s, UTC)
    what = "lost" if state.was_connected else "not connected"
    return f"{host} {what} since {since:%H:%M:%S} UTC ({age_text(ago_s)}): {state.reason}"
