"""A virtual X display for the tests that drive real windows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from support.patience import PATIENCE_S

LOADS_XCB = "from PySide6.QtWidgets import QApplication; QApplication([])"


@pytest.fixture(scope="session")
def display() -> Iterator[dict[str, str]]:
    """Environment of a display of its own."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("Xvfb and xdotool are not installed")
    readable, writable = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writable), "-screen", "0", "1400x1000x24", "-nolisten", "tcp", "-noreset"],
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
