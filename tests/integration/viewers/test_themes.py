"""Themes, dashes and the help of the keys: every window, without a display."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.qt import application, process_events
from support.received import DETECTED_NS, by_key, received
from support.rig import serving_process

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.memory import Memory
from panoseti_daq.viewers.host.show import Desk, show
from panoseti_daq.viewers.plugin import Surface, ViewerContext, ViewerSpec, find_viewer

if TYPE_CHECKING:
    import numpy.typing as npt
    from PySide6.QtWidgets import QApplication, QWidget

__all__ = ["application"]

WINDOWS = ("view", "phdist", "rates", "lightcurve", "events")
RAMP = np.arange(1024).reshape(32, 32)
FRAMES = by_key(
    *(
        received(DataProduct.IMG16, np.arange(1024).reshape(32, 32), module_id=m, unix_ns=DETECTED_NS)
        for m in (1, 2)
    ),
    *(received(DataProduct.PH1024, 50 * m, module_id=m, unix_ns=DETECTED_NS) for m in (1, 2)),
)


@pytest.fixture(autouse=True)
def dark_again(application: QApplication) -> Iterator[None]:
    yield
    Desk().dress(application, None)


def spec_of(name: str) -> ViewerSpec:
    viewer = find_viewer(name)
    assert viewer is not None
    assert viewer.spec is not None
    assert viewer.spec.surface is Surface.WINDOW
    return viewer.spec


def seen(widget: QWidget) -> npt.NDArray[np.int64]:
    """Red, green and blue of all pixels: shape (n, 3)."""
    process_events()
    image = widget.grab().toImage()
    image = image.convertToFormat(image.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(-1, 4)[:, 2::-1]
    return pixels.astype(np.int64)


@pytest.mark.parametrize("name", WINDOWS)
def test_in_the_red_theme_nothing_is_blue_or_bright_green(application: QApplication, name: str) -> None:
    viewer = spec_of(name).make(ViewerContext())
    viewer.widget.resize(900, 600)
    viewer.widget.show()
    viewer.update(FRAMES)
    viewer.redraw()
    Desk(theme=theme.ThemeName.NIGHT).dress(application, None)
    viewer.restyle()
    viewer.redraw()
    red, green, blue = seen(viewer.widget).T
    viewer.widget.close()
    other = np.maximum(green, blue)
    assert (other > np.maximum(40, 0.5 * red)).mean() < 0.002  # shadows of lines, which are gray and dark
    assert other.max() < 140
    assert red.max() > 100


@pytest.mark.parametrize("name", WINDOWS)
def test_the_light_theme_is_light_wherever_there_is_nothing(application: QApplication, name: str) -> None:
    Desk(theme=theme.ThemeName.LIGHT).dress(application, None)
    viewer = spec_of(name).make(ViewerContext())
    viewer.widget.resize(900, 600)
    viewer.widget.show()
    viewer.update(FRAMES)
    viewer.redraw()
    pixels = seen(viewer.widget)
    viewer.widget.close()
    assert (pixels.min(axis=1) > 230).mean() > 0.3


def test_the_theme_is_remembered_and_an_option_comes_first(application: QApplication, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "windows.ini")
    Desk(theme=theme.ThemeName.NIGHT, dashes=True).dress(application, memory)
    memory.set_state("looks", theme.state())
    Desk().dress(application, None)
    assert theme.now().name is theme.ThemeName.DARK
    Desk().dress(application, memory)
    assert theme.state() == {"theme": "night", "dashes": True}
    Desk(theme=theme.ThemeName.LIGHT, dashes=False).dress(application, memory)
    assert theme.state() == {"theme": "light", "dashes": False}


def test_with_dashes_neighbors_differ_and_the_legend_shows_how(application: QApplication) -> None:
    from panoseti_daq.viewers.charts.table import Pen, sample

    assert len({Pen.of(module_id).dashes for module_id in range(6)}) == 1
    theme.choose(theme.ThemeName.DARK, dashes=True)
    pens = [Pen.of(module_id, 2) for module_id in range(6)]
    assert len({pen.dashes for pen in pens}) == 6
    pictures = {bytes(sample(pen).toImage().constBits()) for pen in pens}
    assert len(pictures) == 6


def test_curves_follow_a_theme_that_is_chosen_while_they_are_drawn(application: QApplication) -> None:
    viewer = spec_of("lightcurve").make(ViewerContext())
    viewer.update(FRAMES)
    viewer.redraw()
    before = [curve.opts["pen"].color().name() for curve in viewer.panels[0]._curves.values()]
    Desk(theme=theme.ThemeName.LIGHT, dashes=True).dress(application, None)
    viewer.restyle()
    viewer.redraw()
    pens = [curve.opts["pen"] for curve in viewer.panels[0]._curves.values()]
    assert not {pen.color().name() for pen in pens} & set(before)
    assert all(pen.dashPattern() for pen in pens)


def test_keys_show_the_help_and_change_the_theme_of_a_window(application: QApplication, tmp_path: Path) -> None:
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication as App
    from PySide6.QtWidgets import QLabel

    said: list[str] = []

    def act() -> None:
        (window,) = (one for one in App.topLevelWidgets() if one.isVisible() and one.windowTitle())
        window.activateWindow()
        QTest.qWaitForWindowActive(window)
        keys = window.findChild(QLabel, "keys")
        assert isinstance(keys, QLabel)
        QTest.keyClicks(window, "?")
        said.append(keys.text() if keys.isVisible() else "")
        QTest.mouseClick(keys, Qt.MouseButton.LeftButton)
        said.append("hidden" if keys.isHidden() else "seen")
        QTest.keyClick(window, Qt.Key.Key_T)
        said.append(theme.now().name)
        window.close()

    with serving_process("--simulate") as (_, address):
        QTimer.singleShot(3000, act)
        config = Desk(config=tmp_path / "windows.ini")
        show([(spec_of("rates"), {})], lambda: AioDaqDataClient.connect(address), desk=config, duration_s=30)
    help_text, hidden, name = said
    assert all(text in help_text for text in ("Pause", "Space", "Next theme", "Acknowledge", "row"))
    assert (hidden, name) == ("hidden", "night")
    Desk(config=tmp_path / "windows.ini").dress(application, Memory(tmp_path / "windows.ini"))
    assert theme.now().name is theme.ThemeName.NIGHT
