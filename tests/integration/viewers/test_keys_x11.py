"""Help, themes, time slider, films and alarms of `plot view`, with mouse and keys on a virtual display."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtGui import QImage, QImageReader
from support.replays import run_of_seconds
from support.rig import serving_process
from support.x11 import Window, shown

BOX = slice(300, 500), slice(200, 900)  # rows and columns of the window where the help lies
SLIDER = (341, 887, 763)  # its ends and its row
BAR = slice(778, 800), slice(0, 800)  # the status bar
ALERT, PANEL = 0xB00020, 0x1D1D25  # behind an alarm, and behind the help
N_SECONDS = 9


@pytest.fixture
def window(display: dict[str, str], tmp_path: Path) -> Iterator[Window]:
    """Window of a replay, whose pictures stand still."""
    run_dir = run_of_seconds(tmp_path, N_SECONDS, np.arange(1024).reshape(32, 32))
    with shown(display, tmp_path, "--no-tabs", "--replay", run_dir) as made:
        yield made
        assert made.errors == ""


def part(screen: npt.NDArray[np.uint32], color: int) -> float:
    return float((screen == color).mean())


def replayed_s(window: Window) -> float:
    """Time that is shown, as the caption of a saved picture says it: s of the minute."""
    file = window.saved("view_*.png", "s")
    caption = window.until(lambda: QImage(str(file)).text("Description") or None)
    file.unlink()
    found = re.match(r"REPLAY 2026-01-01 00:00:(\d\d\.\d{3}) UTC", caption)
    assert found, caption
    return float(found[1])


def test_a_question_mark_shows_the_keys_and_a_click_takes_them_away(window: Window) -> None:
    before = part(window.screen()[BOX], PANEL)
    for is_clicked in (False, True):
        window.press("question")
        window.until(lambda: part(window.screen()[BOX], PANEL) > 0.5 or None)
        if is_clicked:
            window.click(500, 400)
        else:
            window.press("question")
        window.until(lambda: part(window.screen()[BOX], PANEL) == before or None)


def test_t_goes_through_the_themes_and_all_of_the_red_one_is_red(window: Window) -> None:
    dark = window.picture()
    window.press("t")
    night = window.picture()
    window.press("t")
    light = window.picture()
    red, green, blue = night >> 16, night >> 8 & 0xFF, night & 0xFF
    assert (red >= np.maximum(green, blue)).all()
    assert red.max() > 200
    assert np.maximum(green, blue).max() < 100
    assert part(light, 0xFFFFFF) > 0.2 > part(dark, 0xFFFFFF)


def test_the_time_slider_is_dragged(window: Window) -> None:
    assert replayed_s(window) == 0
    left, right, row = SLIDER
    window.drag(left, row, (left + right) // 2, row)
    half_s = replayed_s(window)
    assert half_s == pytest.approx((N_SECONDS - 1) / 2, abs=0.5)
    window.press("Right")
    assert replayed_s(window) == int(half_s) + 1  # the next frame


def test_a_span_of_a_replay_becomes_a_gif(window: Window) -> None:
    left, right, row = SLIDER
    window.drag(left, row, (left + right) // 2, row)
    begin_s = replayed_s(window)
    window.press("Return")
    window.press("shift+r")
    window.until(lambda: (begin_s + 1 < replayed_s(window)) or None)
    window.press("shift+r")
    film = window.until(lambda: next(iter(window.directory.glob("view_*.gif")), None))
    window.until(lambda: film.read_bytes().endswith(b";") or None)
    assert film.read_bytes().startswith(b"GIF89a")
    assert QImageReader(str(film)).imageCount() >= 2


def test_a_lost_host_is_red_until_it_is_acknowledged(display: dict[str, str], tmp_path: Path) -> None:
    with (
        serving_process("--simulate") as (server, address),
        shown(display, tmp_path, "--no-tabs", "--host", address) as window,
    ):
        assert part(window.screen()[BAR], ALERT) == 0
        server.kill()
        window.until(lambda: part(window.screen()[BAR], ALERT) > 0.2 or None)
        window.press("a")
        window.until(lambda: part(window.screen()[BAR], ALERT) == 0 or None)
        window.press("q")
        assert window.process.wait() == 0


CALLS = """
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
calls = open("calls.txt", "a", buffering=1)
QApplication.beep = staticmethod(lambda: print("beep", file=calls))
QSystemTrayIcon.isSystemTrayAvailable = staticmethod(lambda: True)
QSystemTrayIcon.showMessage = lambda self, title, text: print(title, text, file=calls)
"""


@pytest.mark.parametrize("options", [(), ("--sound",), ("--note",), ("--sound", "--note")])
def test_a_new_alarm_is_heard_and_noted_on_the_desktop_if_that_was_asked_for(
    display: dict[str, str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    calls = tmp_path / "calls.txt"
    with (
        serving_process("--simulate") as (server, address),
        shown(display, tmp_path, "--no-tabs", "--host", address, *options, first=CALLS) as window,
    ):
        window.until(lambda: part(window.screen()[BAR], ALERT) == 0 or None)
        assert calls.read_text() == ""
        server.kill()
        window.until(lambda: part(window.screen()[BAR], ALERT) > 0.2 or None)
        window.press("a")  # what was heard once is not heard again
        window.until(lambda: part(window.screen()[BAR], ALERT) == 0 or None)
        window.press("q")
        assert window.process.wait() == 0
    said = calls.read_text().splitlines()
    lost = [line for line in said if line.startswith(f"panoseti-daq {address} lost since ")]
    assert len(lost) == ("--note" in options)
    assert ("beep" in said) == ("--sound" in options)
    assert said.count("beep") == len([line for line in said if line != "beep"]) or len(options) < 2
