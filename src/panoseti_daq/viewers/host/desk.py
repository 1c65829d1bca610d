"""Desk of the observer: what windows remember, replay and hold, and how they call somebody. Imports no Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from panoseti_daq.viewers.host.pulses import LargestPulses
from panoseti_daq.viewers.host.qt import dress
from panoseti_daq.viewers.host.theme import ThemeName
from panoseti_daq.viewers.host.timeline import Lately, Recorded, Timeline

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.viewers.host.memory import Memory


@dataclass(frozen=True, slots=True)
class Desk:
    """What a window may do beyond itself."""

    remember: bool = False  # Whether geometry and choices are kept from session to session
    config: Path | None = None  # File for them; None for the user's settings
    sound: bool = False  # Whether a new alarm is heard
    note: bool = False  # Whether a new alarm makes a note on the desktop, where the desktop shows such
    replay: tuple[Path, ...] = ()  # Run directories to replay instead of a stream; none for the stream
    events_ns: tuple[int, ...] = ()  # Marks of the replay, UTC ns since 1970
    hold_pulses_s: float | None = None  # For how long the largest pulse of a key stays, s; None for the newest
    # How it looks; None for as remembered
    theme: ThemeName | None = None
    dashes: bool | None = None

    def dress(self, app: QApplication, memory: Memory | None) -> Memory | None:
        """Choose how windows look, as was asked, or as is remembered; return what was given."""
        looks = memory.state(LOOKS) if memory is not None else {}
        remembered = looks.get("theme")
        name = ThemeName(remembered) if remembered in list(ThemeName) else ThemeName.DARK
        dashes = bool(looks.get("dashes")) if self.dashes is None else self.dashes
        dress(app, self.theme or name, dashes=dashes)
        return memory

    def timeline(self, *, lately: bool) -> Timeline | None:
        """Return the frames of the run that is replayed, or where the last minutes are kept; else None.

        Raises PffError, ConfigError, OSError: there is no run to replay.
        """
        if self.replay:
            return Recorded(*self.replay, events_ns=self.events_ns)
        return Lately() if lately else None

    def pulses(self) -> LargestPulses | None:
        """Return what holds the largest pulses; None when the newest are shown."""
        return None if self.hold_pulses_s is None else LargestPulses(self.hold_pulses_s)

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


LOOKS: Final = "looks"
"""Name under which theme and dashes are remembered."""

DESK: Final = Desk()
"""Remembers nothing and calls nobody."""
