"""Memory of windows from one session to the next, and of the files that their keys wrote. Imports Qt."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

_log = logging.getLogger(__name__)


class Memory:
    """Settings of windows by name, in a file of the user or one that was named."""

    def __init__(self, file: Path | None = None) -> None:
        if file is None:
            self._settings = QtCore.QSettings("panoseti-daq", "viewers")
        else:
            self._settings = QtCore.QSettings(str(file.absolute()), QtCore.QSettings.Format.IniFormat)

    def restore(self, window: QtWidgets.QWidget, name: str) -> None:
        """Give a window the place that it had, and in any case one on its screen."""
        geometry = self._settings.value(f"{name}/geometry")
        if isinstance(geometry, QtCore.QByteArray):
            window.restoreGeometry(geometry)
        keep_on_screen(window)

    def remember(self, window: QtWidgets.QWidget, name: str) -> None:
        """Keep the place of a window."""
        self._settings.setValue(f"{name}/geometry", window.saveGeometry())

    def state(self, name: str) -> dict[str, Any]:
        """Choices of a viewer; empty when there are none or the file has something else in their place."""
        try:
            found = json.loads(str(self._settings.value(f"{name}/state", "{}")))
        except ValueError:
            _log.warning("the choices of %s in %s cannot be read", name, self._settings.fileName())
            return {}
        return found if isinstance(found, dict) else {}

    def set_state(self, name: str, state: dict[str, Any]) -> None:
        """Keep the choices of a viewer."""
        self._settings.setValue(f"{name}/state", json.dumps(state))

    def close(self) -> None:
        """Write the file."""
        self._settings.sync()


def keep_on_screen(window: QtWidgets.QWidget) -> None:
    """Make a window no larger than its screen, and let it stand on one."""
    screen = QtGui.QGuiApplication.screenAt(window.geometry().center()) or window.screen()
    room = screen.availableGeometry()
    window.resize(window.size().boundedTo(room.size()))
    place = window.geometry()
    place.moveLeft(max(room.left(), min(place.left(), room.right() + 1 - place.width())))
    place.moveTop(max(room.top(), min(place.top(), room.bottom() + 1 - place.height())))
    window.setGeometry(place)


def stamped(name: str, ending: str = "") -> Path:
    """Return a file or directory in the working directory, named after the time of now."""
    return Path(f"{name}_{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{ending}")


class Written:
    """Files and directories in the order in which they were written, by their absolute paths."""

    def __init__(self) -> None:
        self._paths: list[Path] = []

    def add(self, path: Path) -> None:
        """Note what was written."""
        self._paths.append(path.absolute())

    def save(self, what: str, to: Path, write: Callable[[Path], object]) -> str:
        """Write something; return what there is to say, also when it cannot be written."""
        is_new, to = not to.exists(), to.absolute()
        try:
            write(to)
        except OSError as error:
            return f"{what} not saved: {error}"
        if is_new:
            self.add(to)
        return f"{what} saved in {to}; Ctrl+Z undoes it"

    def undo(self) -> str:
        """Delete what was written last; return what there is to say."""
        if not self._paths:
            return "nothing was saved"
        last = self._paths.pop()
        try:
            if last.is_dir():
                shutil.rmtree(last)
            else:
                last.unlink()
        except OSError as error:
            return f"{last} not deleted: {error}"
        return f"{last} deleted"
