"""Mouse and keys of `view`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.qt import application, process_events
from support.received import by_key, corner, frame_of
from support.view_window import SIZE_PX, cell_of, now_s, place_of, show, shown

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.images.levels import LevelsMode
from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.pedestal import PedestalMode

if TYPE_CHECKING:
    from panoseti_daq.viewers.view.widget import View

__all__ = ["application"]

pytestmark = pytest.mark.usefixtures("application")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def point(view: View, kind: Kind, row: int, column: int) -> Any:
    from PySide6.QtCore import QPoint

    return QPoint(*place_of(cell_of(view, 7, kind).image, row, column))


def click(view: View, kind: Kind, row: int, column: int) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(view.wall, Qt.MouseButton.LeftButton, pos=point(view, kind, row, column))
    process_events()


def press(view: View, key: str) -> None:
    (action,) = (action for action in view.widget.actions() if action.shortcut().toString() == key)
    action.trigger()
    process_events()


def hover(view: View, kind: Kind, row: int, column: int) -> str:
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    at, none = QPointF(point(view, kind, row, column)), Qt.MouseButton.NoButton
    move = QMouseEvent(QEvent.Type.MouseMove, at, at, none, none, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(view.wall, move)
    return view.info_text


def test_the_pixel_under_the_mouse_is_told() -> None:
    view = shown(frame_of(corner(3, 20, 777)))

    assert hover(view, Kind.MOVIE, 3, 20) == "module 7 img16  row 3 column 20 (Q1): 777 ADC"


def test_the_pixel_under_the_mouse_follows_the_frames() -> None:
    view = shown(frame_of(corner(3, 20, 777)))
    hover(view, Kind.MOVIE, 3, 20)
    show(view, frame_of(corner(3, 20, 5)))

    assert view.info_text.endswith(": 5 ADC")


def test_of_a_rotated_image_the_stored_row_and_column_are_told() -> None:
    view = shown(frame_of(corner(0, 31, 777)), orientation=Orientation.ROTATE_90)

    assert hover(view, Kind.MOVIE, 31, 31) == "module 7 img16  row 0 column 31 (Q1): 777 ADC"


def test_where_a_quabo_sent_nothing_that_is_told() -> None:
    view = shown(frame_of(1, DataProduct.PH256, quabo=0))

    assert hover(view, Kind.PULSE_HEIGHT, 31, 31).endswith("(Q2): nothing yet")


def test_less_the_pedestal_both_values_are_told() -> None:
    view = shown(frame_of(50), pedestal=PedestalMode.MEDIAN)

    assert hover(view, Kind.MOVIE, 0, 0).endswith(": 50 ADC, 0.0 less the pedestal")


def test_a_click_shows_the_light_curve_since_before() -> None:
    view = shown(frame_of(corner(3, 20, 10), unix_s=now_s() - 1))
    click(view, Kind.MOVIE, 3, 20)
    show(view, frame_of(corner(3, 20, 30), unix_s=now_s()))

    assert view.curve is not None
    assert [value for _, value in view.curve.points] == [10, 30]
    assert view.curve.widget.isVisible()


def test_a_light_curve_of_a_quabo_takes_only_its_frames() -> None:
    view = shown(frame_of(corner(-1, -1, 40, 16), DataProduct.PH256, quabo=2, unix_s=now_s() - 1))
    click(view, Kind.PULSE_HEIGHT, 31, 31)
    show(view, frame_of(9, DataProduct.PH256, quabo=0, unix_s=now_s()))

    assert view.curve is not None
    assert [value for _, value in view.curve.points] == [40]


def test_a_light_curve_forgets_after_five_minutes() -> None:
    view = shown(frame_of(1, unix_s=1_767_225_600))
    click(view, Kind.MOVIE, 0, 0)
    show(view, frame_of(2, unix_s=1_767_225_600 + 301))

    assert view.curve is not None
    assert [value for _, value in view.curve.points] == [2]


@pytest.mark.parametrize("close", [lambda view: click(view, Kind.MOVIE, 3, 20), lambda view: press(view, "Esc")])
def test_a_light_curve_closes_with_a_second_click_and_with_escape(close: Callable[[View], None]) -> None:
    view = shown(frame_of(5))
    click(view, Kind.MOVIE, 3, 20)
    close(view)

    assert view.curve is None
    assert view.wall.chosen is None


def test_n_saves_the_arrays_as_they_came(here: Path) -> None:
    view = shown(
        frame_of(corner(0, 31)), frame_of(-4, DataProduct.PH256, quabo=3), orientation=Orientation.ROTATE_90
    )
    press(view, "N")

    (directory,) = here.iterdir()
    saved = {file.name: np.load(file) for file in directory.iterdir()}
    assert sorted(name.split(".2026")[0] for name in saved) == ["module_7.img16", "module_7.ph256.Q3"]
    assert saved["module_7.img16.2026-01-01T00-00-00.000.npy"][0, 31] == 1000
    assert view.info_text == f"2 images saved in {directory}"


def test_where_nothing_can_be_written_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", "view")

    monkeypatch.setattr(Path, "mkdir", refuse)
    view = shown(frame_of(5))
    press(view, "N")

    assert re.search("1 images not saved: .*Permission denied", view.info_text)


def test_c_and_o_and_b_change_only_how_it_looks() -> None:
    view = shown(frame_of(np.linspace(0, 90, 1024).reshape(32, 32)))
    (panel,) = view.board.panels.values()
    before = panel.levels
    for key in "COB":
        press(view, key)

    settings = view.board.settings
    assert (settings.colormap, settings.orientation, settings.boundaries) == (
        ColorMap.VIRIDIS,
        Orientation.ROTATE_90,
        True,
    )
    assert panel.levels == before


def test_l_goes_from_rolling_over_per_frame_to_fixed() -> None:
    view = shown(frame_of(corner(0, 0, 70)))
    (panel,) = view.board.panels.values()
    press(view, "L")
    per_frame = panel.levels
    press(view, "L")
    show(view, frame_of(4000))

    assert per_frame == (0, 70)
    assert view.board.settings.levels is LevelsMode.FIXED
    assert panel.levels == per_frame


def test_p_without_a_dark_goes_back_to_none() -> None:
    view = shown(frame_of(5))
    modes = []
    for _ in range(2):
        press(view, "P")
        modes.append(view.board.pedestals.mode)

    assert modes == [PedestalMode.MEDIAN, PedestalMode.NONE]
    assert view.info_text == "there is no dark yet: D saves one"


def test_d_saves_a_dark_that_another_session_can_load(here: Path) -> None:
    view = shown(frame_of(50), frame_of(-3, DataProduct.PH256))
    press(view, "D")
    (directory,) = here.iterdir()
    other = shown(frame_of(60), dark=directory)

    assert not any(panel.image.any() for panel in view.board.panels.values())
    (panel,) = other.board.panels.values()
    assert (panel.image == 10).all()


def test_keys_before_the_first_frame_do_no_harm() -> None:
    view = shown()
    for action in view.widget.actions():
        action.trigger()
    process_events()


def test_a_key_between_a_frame_and_its_drawing_does_no_harm() -> None:
    view = shown(frame_of(1))
    view.update(by_key(frame_of(1, module_id=8)))
    press(view, "C")

    assert len(view.wall.plan.cells) == 2


def test_the_tool_tip_has_the_whole_file_name() -> None:
    frame = frame_of(1)
    view = shown(frame)

    assert view.wall.tip(cell_of(view, 7, Kind.MOVIE)).endswith(frame.file)


def test_a_small_window_scrolls() -> None:
    view = shown(*(frame_of(1, module_id=i) for i in range(200)))

    assert view.wall.height() > SIZE_PX[1]
