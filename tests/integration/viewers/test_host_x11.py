"""A real window on a real (if virtual) X display, driven with mouse and keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.replays import run_of_seconds
from support.rig import serving_process
from support.x11 import Window, shown


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
    for key in (*["Down"] * 9, "Return"):  # Close is the last of the window's own
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
