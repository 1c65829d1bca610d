"""Desk of the observer: what windows remember between sessions, and how they call somebody. Imports no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.viewers.host.memory import Memory


@dataclass(frozen=True, slots=True)
class Desk:
    """What a window may do beyond itself.

    Attributes
    ----------
    remember
        Whether geometry and choices are kept from session to session.
    config
        File for them; None for the user's settings.
    sound
        Whether a new alarm is heard.
    note
        Whether a new alarm makes a note on the desktop, where the desktop shows such.
    """

    remember: bool = False
    config: Path | None = None
    sound: bool = False
    note: bool = False

    def memory(self) -> Memory | None:
        """Return where windows remember; None when they do not."""
        if not (self.remember or self.config):
            return None
        from panoseti_daq.viewers.host.memory import Memory

        return Memory(self.config)

    def alert(self, app: QApplication) -> Callable[[list[str]], None] | None:
        """Return what calls somebody with the texts of new alarms; None when nothing was asked for."""
        if not (self.sound or self.note):
            return None
        from PySide6.QtWidgets import QStyle, QSystemTrayIcon

        tray = None
        if self.note and QSystemTrayIcon.isSystemTrayAvailable():
            icon = app.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
            tray = QSystemTrayIcon(icon, app)
            tray.show()

        def call(texts: list[str]) -> None:
            if self.sound:
                app.beep()
            if tray is not None:
                tray.showMessage("panoseti-daq", "\n".join(texts))

        return call


DESK: Final = Desk()
"""Remembers nothing and calls nobody."""
