"""`plot view` with mouse and keys on a virtual display: zoom, pan, one module large, region, levels, masks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import QSettings
from support.patience import PATIENCE_S
from support.replays import run_of_seconds
from support.x11 import Window, shown

IMAGE = (300, 400)  # a place of the window in the first image
FILMS = (".mp4", ".gif")
INNER = slice(250, 550), slice(150, 450)  # rows and columns of the window within that image


@pytest.fixture
def window(display: dict[str, str], tmp_path: Path) -> Iterator[Window]:
    """Window of a replay, whose pictures stand still."""
    with shown(
        display, tmp_path, "--no-tabs", "--replay", run_of_seconds(tmp_path, 5, np.arange(1024).reshape(32, 32))
    ) as made:
        made.press("End")
        yield made


def part(window: Window) -> npt.NDArray[np.uint32]:
    """What is seen of the first image."""
    window.move(5, 5)  # the pixel under the mouse is said
    return window.picture()[INNER]


def test_the_wheel_zooms_dragging_pans_and_escape_shows_all(window: Window) -> None:
    whole = part(window)
    window.click(*IMAGE, button=4, times=5)
    zoomed = part(window)
    window.drag(*IMAGE, IMAGE[0] + 90, IMAGE[1] + 60)
    panned = part(window)
    window.press("Escape")

    assert (zoomed != whole).any()
    assert (panned != zoomed).any()
    assert (panned[60:, 90:] == zoomed[:-60, :-90]).mean() > 0.9  # the same image, elsewhere
    assert (part(window) == whole).all()


def test_a_double_click_makes_a_module_large_and_escape_shows_all(window: Window) -> None:
    whole = part(window)
    window.click(*IMAGE, times=2)
    large = part(window)
    window.press("Escape")

    assert (large != whole).any()
    assert (part(window) == whole).all()


def test_a_region_is_put_moved_and_its_curve_and_that_of_a_pixel_saved(window: Window) -> None:
    window.click(*IMAGE)
    window.press("i")
    before = part(window)
    window.drag(470, 310, 400, 260)
    moved = part(window)
    window.press("i")
    lines = window.saved("curves_*.csv", "e").read_text().splitlines()

    assert (moved != before).any()
    names = {line.split(",")[0] for line in lines[1:]}
    assert "mean of the circle" in str(names)
    assert len(names) == 2


def test_a_replay_is_stepped_recorded_and_what_keys_wrote_is_taken_back(window: Window) -> None:
    for _ in range(2):
        window.press("Right")
    picture = window.saved("view_*.png", "s")
    window.press("r")
    film = window.until(lambda: next((f for f in window.directory.glob("view_*.*") if f.suffix in FILMS), None))
    window.press("r")
    for file in (film, picture):
        window.press("ctrl+z")
        window.until(lambda gone=file: None if gone.exists() else True)  # type: ignore[misc]
    assert window.errors == ""


def test_levels_are_dragged_a_pixel_is_masked_and_both_are_remembered(window: Window, tmp_path: Path) -> None:
    window.move(*IMAGE)
    window.press("k")
    histogram = window.picture().shape[1] - 70, 400  # left of the axis, as wide as its letters
    window.drag(*histogram, histogram[0], histogram[1] - 90)
    window.press("q")
    assert window.process.wait(PATIENCE_S) == 0
    state = json.loads(
        str(QSettings(str(tmp_path / "windows.ini"), QSettings.Format.IniFormat).value("view/state"))
    )

    assert state["mode"] == "fixed"
    assert state["levels"]["movie"][0] > 50  # the pattern begins at 0
    assert sum(map(len, state["masked"].values())) == 1
