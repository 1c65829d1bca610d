"""A window of ``plot view`` on a display, as somebody sits before it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from support.patience import PATIENCE_S
from support.rig import command
from support.view_window import pixels_of

_T = TypeVar("_T")
_GRAB = """
import sys
from PySide6.QtWidgets import QApplication
QApplication(sys.argv[:1]).primaryScreen().grabWindow(0).save(sys.argv[1])
"""


class Window:
    """The window of a process, as somebody sits before it."""

    def __init__(self, process: subprocess.Popen[bytes], env: dict[str, str], errors: Path) -> None:
        self.process = process
        self.directory = errors.parent
        self._errors = errors
        self._env = env
        self._id = self._until_found()

    def _until_found(self) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = self._xdotool("search", "--onlyvisible", "--name", "^panoseti-daq view").split()
            if found:
                return found[0]
            assert self.process.poll() is None, self.errors
            time.sleep(0.05)
        raise AssertionError("no window appeared")

    def _xdotool(self, *arguments: str) -> str:
        return subprocess.run(
            ["xdotool", *arguments], env=self._env, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        ).stdout

    @property
    def errors(self) -> str:
        """What the process printed to stderr."""
        return self._errors.read_text()

    @property
    def title(self) -> str:
        return self._xdotool("getwindowname", self._id).strip()

    def press(self, key: str) -> None:
        """Press a key in the window."""
        self._xdotool("windowfocus", "--sync", self._id)
        self.type(key)

    def type(self, key: str) -> None:
        """Press a key in what has the focus, which may be a menu."""
        self._xdotool("key", key)

    def click(self, x: int, y: int, *, button: int = 1, times: int = 1) -> None:
        """Click at a place, px; buttons 4 and 5 are the wheel."""
        self.move(x, y)
        self._xdotool("click", "--repeat", str(times), "--delay", "60", str(button))

    def move(self, x: int, y: int) -> None:
        """Move the mouse to a place."""
        self._xdotool("mousemove", "--window", self._id, str(x), str(y))

    def drag(self, x: int, y: int, to_x: int, to_y: int) -> None:
        """Press the button at a place and let it go at another, in some steps, as a hand does."""
        self.move(x, y)
        self._xdotool("mousedown", "1")
        for part in (0.25, 0.5, 0.75, 1.0):
            self.move(round(x + part * (to_x - x)), round(y + part * (to_y - y)))
        self._xdotool("mouseup", "1")

    def saved(self, pattern: str, key: str) -> Path:
        """The file that a key writes, when it is there."""
        self.press(key)
        return self.until(lambda: next((f for f in self.directory.glob(pattern) if f.stat().st_size), None))

    def picture(self) -> npt.NDArray[np.uint32]:
        """What is seen, as the key S saves it: ``0xRRGGBB`` by row and column, px."""
        file = self.saved("view_*.png", "s")
        image = self.until(lambda: None if (one := QImage(str(file))).isNull() else one)
        file.unlink()
        return pixels_of(image)

    def screen(self) -> npt.NDArray[np.uint32]:
        """What is seen of the whole window: ``0xRRGGBB`` by row and column, px."""
        file = self.directory / "screen.png"
        subprocess.run([sys.executable, "-c", _GRAB, file], env=self._env, check=True, timeout=PATIENCE_S)
        return pixels_of(QImage(str(file)))[:800, :1100]

    def until(self, found: Callable[[], _T | None]) -> _T:
        """What is found in the end."""
        deadline = time.monotonic() + PATIENCE_S
        while (one := found()) is None:
            assert time.monotonic() < deadline, (self.title, self.errors)
            time.sleep(0.05)
        return one

    def until_title(self, title: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.title != title:
            assert time.monotonic() < deadline, self.title
            time.sleep(0.05)


@contextmanager
def shown(display: dict[str, str], directory: Path, *arguments: object, first: str = "") -> Iterator[Window]:
    """Window of ``plot view`` with these arguments, started in `directory`; `first`: Python code before it."""
    errors = directory / "errors.txt"
    with errors.open("wb") as file:
        process = subprocess.Popen(
            command("plot", "view", "--config", directory / "windows.ini", *arguments, first=first),
            env=display,
            cwd=directory,
            stderr=file,
        )
    try:
        yield Window(process, display, errors)
    finally:
        process.kill()
        process.wait()
