"""Menu and keys of a window, and the help over it; both are made of one list of actions. Imports Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import zip_longest
from typing import Any, Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.viewers.host import theme

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
