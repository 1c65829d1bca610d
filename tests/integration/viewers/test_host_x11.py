"""A real window on a real (if virtual) X display, driven with mouse and keys."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.replays import run_of_seconds
from support.rig import command, serving_process

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which("Xvfb") and shutil.which("xdotool")), reason="Xvfb and xdotool are not installed"
    ),
]

LOADS_XCB = "from PySide6.QtWidgets import QApplication; QApplication([])"


@pytest.fixture(scope="module")
def display() -> Iterator[dict[str, str]]:
    """Environment of a display of its own."""
    readable, writable = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writable), "-screen", "0", "1400x1000x24", "-nolisten", "tcp"],
        pass_fds=[writable],
        stderr=subprocess.DEVNULL,
    )
    os.close(writable)
    try:
        with os.fdopen(readable) as number:
            env = {**os.environ, "DISPLAY": f":{number.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        loads = subprocess.run([sys.executable, "-c", LOADS_XCB], env=env, capture_output=True, check=False)
        if loads.returncode != 0:
            pytest.skip("the X platform plugin of Qt cannot be loaded")
        yield env
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


class Window:
    """The window of a process, as somebody sits before it."""

    def __init__(self, process: subprocess.Popen[bytes], env: dict[str, str], errors: Path) -> None:
        self.process = process
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

    def click(self, x: int, y: int) -> None:
        self._xdotool("mousemove", "--window", self._id, str(x), str(y), "click", "1")

    def until_title(self, title: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.title != title:
            assert time.monotonic() < deadline, self.title
            time.sleep(0.05)


@contextmanager
def shown(display: dict[str, str], directory: Path, *arguments: object) -> Iterator[Window]:
    """Window of ``plot view`` with these arguments, started in `directory`."""
    errors = directory / "errors.txt"
    with errors.open("wb") as file:
        process = subprocess.Popen(
            command("plot", "view", "--config", directory / "windows.ini", *arguments),
            env=display,
            cwd=directory,
            stderr=file,
        )
    try:
        yield Window(process, display, errors)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def window(display: dict[str, str], tmp_path: Path) -> Iterator[Window]:
    with (
        serving_process("--simulate") as (_, address),
        shown(display, tmp_path, "--host", address, "--refresh-period", 0.1) as made,
    ):
        yield made


def test_an_observer_pauses_goes_on_clicks_saves_and_closes(window: Window, tmp_path: Path) -> None:
    window.until_title("panoseti-daq view")
    window.press("space")
    window.until_title("panoseti-daq view (paused)")
    window.press("space")
    window.until_title("panoseti-daq view")
    for x, y in ((300, 400), (800, 400), (5, 5), (300, 400)):  # images, the menu, and away from it
        window.click(x, y)
    window.press("s")
    deadline = time.monotonic() + PATIENCE_S
    while not (saved := list(tmp_path.glob("view_*.png"))) or not saved[0].stat().st_size:
        assert time.monotonic() < deadline, "no picture was saved"
        time.sleep(0.05)
    assert saved[0].read_bytes().startswith(b"\x89PNG")
    window.press("q")
    assert (window.process.wait(PATIENCE_S), window.errors) == (0, "")


def test_close_in_the_menu_ends_the_process(window: Window) -> None:
    window.until_title("panoseti-daq view")
    window.click(20, 10)
    for key in (*["Down"] * 5, "Return"):  # Close is the last of the window's own
        window.type(key)
    assert window.process.wait(PATIENCE_S) == 0


def test_a_run_is_replayed_with_keys_and_mouse(display: dict[str, str], tmp_path: Path) -> None:
    with shown(display, tmp_path, "--replay", run_of_seconds(tmp_path, 10)) as window:
        window.press("Right")
        window.click(300, 45)  # tabs and images, then the run again
        window.click(300, 400)
        window.press("s")
        deadline = time.monotonic() + PATIENCE_S
        while not list(tmp_path.glob("*.png")):
            assert time.monotonic() < deadline, "no picture was saved"
            time.sleep(0.05)
        window.press("q")
        assert (window.process.wait(PATIENCE_S), window.errors) == (0, "")
