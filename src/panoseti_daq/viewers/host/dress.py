"""Theme of all open windows, changed by keys. Imports Qt."""

from __future__ import annotations

from PySide6 import QtWidgets

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.qt import dress


def next_theme() -> str:
    """Draw all windows in the next theme; return its name."""
    names = list(theme.ThemeName)
    name = names[(names.index(theme.now().name) + 1) % len(names)]
    _dress(name, dashes=theme.has_dashes())
    return f"theme: {name}"


def switch_dashes() -> str:
    """Let curves differ by dashes, or no longer; return what is done."""
    _dress(theme.now().name, dashes=not theme.has_dashes())
    return "curves differ by dashes, too" if theme.has_dashes() else "no dashes"


def _dress(name: theme.ThemeName, *, dashes: bool) -> None:
    app = QtWidgets.QApplication.instance()
    assert isinstance(app, QtWidgets.QApplication)
    dress(app, name, dashes=dashes)
    for window in app.topLevelWidgets():
        if restyle := getattr(window, "restyle", None):
            restyle()
