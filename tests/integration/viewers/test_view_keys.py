"""Mouse and keys of `view`."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.qt import application, process_events
from support.received import NOW_S, by_key, frame_of, local
from support.view_window import cell_of, place_of, show, shown

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.colors import ColorMap, LevelsMode
from panoseti_daq.viewers.images.pedestal import PedestalMode
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.modules import Module

if TYPE_CHECKING:
    from panoseti_daq.viewers.view.probes import Curve
    from panoseti_daq.viewers.view.widget import View

__all__ = ["application"]

pytestmark = pytest.mark.usefixtures("application")


def one(row: int, column: int, value: int = 1000, size: int = 32) -> Any:
    """Ones, because zeros are no light, but for one pixel."""
    image = np.ones((size, size))
    image[row, column] = value
    return image


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

    QTest.mouseClick(view.wall.viewport(), Qt.MouseButton.LeftButton, pos=point(view, kind, row, column))
    process_events()


def curve_of(view: View) -> Curve:
    (curve,) = view.probes.curves.values()
    return curve


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
    QApplication.sendEvent(view.wall.viewport(), move)
    return view.widget.info.text()


def test_the_pixel_under_the_mouse_is_told() -> None:
    view = shown(frame_of(one(3, 20, 777)))

    assert hover(view, Kind.MOVIE, 3, 20) == "module 7 img16  row 3 column 20 (Q1): 777 ADC"


def test_the_pixel_under_the_mouse_follows_the_frames() -> None:
    view = shown(frame_of(one(3, 20, 777)))
    hover(view, Kind.MOVIE, 3, 20)
    show(view, frame_of(one(3, 20, 5)))

    assert view.widget.info.text().endswith(": 5 ADC")


def test_of_a_rotated_image_the_stored_row_and_column_are_told() -> None:
    view = shown(frame_of(one(0, 31, 777)), orientation=Orientation.ROTATE_90)

    assert hover(view, Kind.MOVIE, 31, 31) == "module 7 img16  row 0 column 31 (Q1): 777 ADC"


def test_where_a_quabo_sent_nothing_that_is_told() -> None:
    view = shown(frame_of(1, DataProduct.PH256, quabo=0))

    assert hover(view, Kind.PULSE_HEIGHT, 31, 31).endswith("(Q2): nothing yet")


def test_of_a_time_before_the_first_image_under_the_mouse_that_is_told() -> None:
    view = shown(frame_of(1))
    hover(view, Kind.MOVIE, 3, 20)
    view.board.clock.replay(NOW_S - 60)
    show(view, frame_of(1, module_id=8, unix_s=NOW_S - 60))

    assert view.widget.info.text().endswith("(Q1): nothing yet")


def test_less_the_pedestal_both_values_are_told() -> None:
    view = shown(frame_of(50), pedestal=PedestalMode.MEDIAN)

    assert hover(view, Kind.MOVIE, 0, 0).endswith(": 50 ADC, 0.0 less the pedestal")


def test_a_click_shows_the_light_curve_since_before() -> None:
    view = shown(frame_of(one(3, 20, 10), unix_s=NOW_S - 1))
    click(view, Kind.MOVIE, 3, 20)
    show(view, frame_of(one(3, 20, 30), unix_s=NOW_S))

    assert view.probes.curves
    assert [value for _, value in curve_of(view).points] == [10, 30]
    assert view.probes.plot is not None and view.probes.plot.widget.isVisible()


def test_a_light_curve_of_a_quabo_takes_only_its_frames() -> None:
    view = shown(frame_of(one(-1, -1, 40, 16), DataProduct.PH256, quabo=2, unix_s=NOW_S - 1))
    click(view, Kind.PULSE_HEIGHT, 31, 31)
    show(view, frame_of(9, DataProduct.PH256, quabo=0, unix_s=NOW_S))

    assert view.probes.curves
    assert [value for _, value in curve_of(view).points] == [40]


def test_a_light_curve_forgets_after_five_minutes() -> None:
    view = shown(frame_of(1, unix_s=1_767_225_600))
    click(view, Kind.MOVIE, 0, 0)
    show(view, frame_of(2, unix_s=1_767_225_600 + 301))

    assert view.probes.curves
    assert [value for _, value in curve_of(view).points] == [2]


@pytest.mark.parametrize("close", [lambda view: click(view, Kind.MOVIE, 3, 20), lambda view: press(view, "Esc")])
def test_a_light_curve_closes_with_a_second_click_and_with_escape(close: Callable[[View], None]) -> None:
    view = shown(frame_of(5))
    click(view, Kind.MOVIE, 3, 20)
    close(view)

    assert not view.probes.curves
    assert not view.wall.chosen


def test_n_saves_the_arrays_as_they_came(here: Path) -> None:
    view = shown(frame_of(one(0, 31)), frame_of(-4, DataProduct.PH256, quabo=3), orientation=Orientation.ROTATE_90)
    press(view, "N")

    (directory,) = here.iterdir()
    saved = {file.name: np.load(file) for file in directory.iterdir()}
    assert sorted(name.split(".2026")[0] for name in saved) == ["module_7.img16", "module_7.ph256.Q3"]
    assert saved["module_7.img16.2026-01-01T00-00-00.000.npy"][0, 31] == 1000
    assert view.widget.info.text() == f"2 images saved in {directory}; Ctrl+Z undoes it"


def test_where_nothing_can_be_written_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", "view")

    monkeypatch.setattr(Path, "mkdir", refuse)
    view = shown(frame_of(5))
    press(view, "N")

    assert re.search("1 images not saved: .*Permission denied", view.widget.info.text())


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
    view = shown(frame_of(one(0, 0, 70)))
    (panel,) = view.board.panels.values()
    press(view, "L")
    per_frame = panel.levels
    press(view, "L")
    show(view, frame_of(4000))

    assert per_frame == (1, 70)
    assert view.board.settings.levels is LevelsMode.FIXED
    assert panel.levels == per_frame


def test_p_without_a_dark_goes_back_to_none() -> None:
    view = shown(frame_of(5))
    modes = []
    for _ in range(2):
        press(view, "P")
        modes.append(view.board.pedestals.mode)

    assert modes == [PedestalMode.MEDIAN, PedestalMode.NONE]
    assert view.widget.info.text() == "there is no dark yet: D saves one"


def test_d_saves_a_dark_that_another_session_can_load(here: Path) -> None:
    view = shown(frame_of(50), frame_of(-3, DataProduct.PH256))
    press(view, "D")
    (directory,) = here.iterdir()
    other = shown(frame_of(60), dark=directory)

    assert [file.name for file in directory.iterdir()] == ["module_7.img16.npy"]  # none of pulse heights
    assert not view.board.panels[local(7), Kind.MOVIE].image.any()
    (panel,) = other.board.panels.values()
    assert (panel.image == 10).all()


def test_keys_before_the_first_frame_do_no_harm() -> None:
    view = shown()
    for action in view.widget.actions():
        action.trigger()
    show(view)
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


def test_the_value_under_the_mouse_is_that_of_the_picture_and_not_of_the_newest_frame(here: Path) -> None:
    view = shown(frame_of(179))
    view.update(by_key(frame_of(202, unix_s=NOW_S + 1)))

    assert hover(view, Kind.MOVIE, 0, 0).endswith(": 179 ADC")
    press(view, "C")  # does not draw what came since
    assert hover(view, Kind.MOVIE, 0, 0).endswith(": 179 ADC")
    click(view, Kind.MOVIE, 0, 0)
    assert [value for _, value in curve_of(view).points] == [179]
    press(view, "N")
    (file,) = here.rglob("*.npy")
    assert np.load(file)[0, 0] == 179


def test_what_a_key_saved_is_deleted(here: Path) -> None:
    view = shown(frame_of(5))
    press(view, "N")
    assert "deleted" in view.written.undo()

    assert not list(here.iterdir())


def test_a_click_with_shift_shows_one_more_pixel_and_e_saves_all(here: Path) -> None:
    view = shown(frame_of(5))
    click(view, Kind.MOVIE, 3, 20)
    view.click(((local(7), Kind.MOVIE), 4, 4), more=True)
    press(view, "E")

    assert len(view.probes.curves) == 2
    (file,) = here.iterdir()
    assert len(file.read_text().splitlines()) == 3


def test_a_double_click_makes_a_module_large_and_escape_shows_all() -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    view = shown(frame_of(5), frame_of(5, module_id=8))
    at, left = point(view, Kind.MOVIE, 3, 20), Qt.MouseButton.LeftButton
    for event in (QTest.mouseClick, QTest.mouseDClick, QTest.mouseRelease):  # as a window system sends them
        event(view.wall.viewport(), left, pos=at)
    process_events()
    assert not view.wall.is_whole
    assert not view.probes.curves
    press(view, "Esc")
    assert view.wall.is_whole


def test_the_ends_of_the_levels_are_dragged() -> None:
    view = shown(frame_of(one(0, 0, 70)), frame_of(9, DataProduct.PH1024))
    view.bars.bar(DataProduct.IMG16).setLevels(10, 60)  # as the mouse does
    show(view, frame_of(one(0, 0, 4000), unix_s=NOW_S + 1))

    assert view.board.panels[local(7), Kind.MOVIE].levels == (10, 60)
    assert view.board.panels[local(7), Kind.PULSE_HEIGHT].levels != (10, 60)


def test_numbers_and_title_of_a_histogram_of_large_values_are_inside_the_window() -> None:
    view = shown(frame_of(one(0, 0, 12_000)))
    bar = view.bars.bar(DataProduct.IMG16)
    title, width = bar.axis.label, view.bars.viewport().width()

    assert title.isVisible() and "img16" in title.toPlainText()
    assert title.sceneBoundingRect().right() - title.document().documentMargin() <= width
    assert bar.axis.sceneBoundingRect().right() <= width


def test_histograms_follow_the_stream_again_after_a_replay() -> None:
    view = shown(frame_of(one(0, 0)))
    clock, histogram = view.board.clock, view.bars.bar(DataProduct.IMG16).plot
    clock.replay(NOW_S - 60)
    show(view, frame_of(one(0, 0), unix_s=NOW_S - 60))
    replayed = histogram.getData()[1]
    clock.replay(None)
    show(view, frame_of(np.arange(1024).reshape(32, 32)))

    assert not np.array_equal(histogram.getData()[1], replayed)


def test_a_region_says_mean_sum_and_width_and_gets_a_light_curve() -> None:
    view = shown(frame_of(10))
    press(view, "I")

    assert view.probes.region_text.startswith("64 px  mean 10.0  sum 640  std 0.0")
    show(view, frame_of(20, unix_s=NOW_S + 1))
    assert [value for _, value in curve_of(view).points][-1] == 20
    press(view, "I")
    assert view.probes.region_text.startswith("52 px")
    press(view, "I")
    assert view.probes.region_text == ""


def test_a_region_that_is_closed_leaves_nothing_of_qt_to_a_collection_in_another_thread() -> None:
    view = shown(frame_of(10))
    for _ in range(6):  # all shapes twice
        press(view, "I")
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for _ in range(6):
            press(view, "I")
        gc.collect()
        left = {
            type(one).__name__ for one in gc.garbage if type(one).__module__.startswith(("PySide6", "pyqtgraph"))
        }
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    assert left == set()


def test_a_new_region_has_the_light_curve_of_the_last_minutes() -> None:
    view = shown()
    for i in range(3):
        show(view, frame_of(10 + i, unix_s=NOW_S + i))
    press(view, "I")

    (curve,) = view.probes.curves.values()
    assert [value for _, value in curve.points] == [10, 11, 12]


def test_a_light_curve_goes_on_while_the_picture_stands() -> None:
    view = shown(frame_of(10))
    view.click(((local(7), Kind.MOVIE), 3, 20))
    for i in (1, 2):
        view.keep(by_key(frame_of(10 + i, unix_s=NOW_S + i)))
        view.redraw()
    (panel,) = view.board.panels.values()
    assert panel.raw.max() == 10
    assert [value for _, value in curve_of(view).points] == [10]

    show(view, frame_of(13, unix_s=NOW_S + 3))
    assert [value for _, value in curve_of(view).points] == [10, 11, 12, 13]


def test_a_masked_pixel_counts_in_no_level_and_is_remembered() -> None:
    view = shown(frame_of(one(3, 20, 9000)), levels=LevelsMode.FRAME)
    hover(view, Kind.MOVIE, 3, 20)
    press(view, "K")
    (panel,) = view.board.panels.values()

    assert panel.levels == (1, 1)
    assert view.widget.info.text().endswith(": 9000 ADC, masked")
    other = shown(frame_of(one(3, 20, 9000)))
    other.restore(view.state())
    assert other.board.masks.n_pixels == 1


def test_choices_are_remembered_and_those_of_the_command_line_win() -> None:
    view = shown(frame_of(5))
    for key in "CXO":
        press(view, key)
    hover(view, Kind.MOVIE, 3, 20)
    press(view, "O")
    again, asked, default = shown(), shown(colormap=ColorMap.GRAY), shown(colormap=ColorMap.PLASMA)
    for other in (again, asked, default):
        other.restore(view.state())

    assert again.board.settings.colormap is ColorMap.VIRIDIS
    assert again.board.settings.orientation_of(local(7)) is Orientation.ROTATE_180
    assert again.board.settings.orientation_of(local(8)) is Orientation.ROTATE_90
    assert asked.board.settings.colormap is ColorMap.GRAY
    assert default.board.settings.colormap is ColorMap.PLASMA


def test_levels_that_were_dragged_are_remembered_but_for_those_of_the_command_line() -> None:
    view = shown(frame_of(5))
    view.bars.bar(DataProduct.IMG16).setLevels(3, 77)
    again, asked, rolling = shown(), shown(movie_levels=(1.0, 2.0)), shown(levels=LevelsMode.ROLLING)
    for other in (again, asked, rolling):
        other.restore(view.state())
        show(other, frame_of(5))

    assert again.board.levels[DataProduct.IMG16] == (3, 77)
    assert asked.board.levels[DataProduct.IMG16] == (1, 2)
    assert rolling.board.settings.levels is LevelsMode.ROLLING


@pytest.mark.parametrize("levels", [{"movie": [9, 1]}, {"movie": "x"}, {"nothing": [1, 2]}, [1], None])
def test_levels_that_somebody_edited_are_skipped(levels: object) -> None:
    view = shown(frame_of(5))
    view.restore({"mode": "fixed", "levels": levels, "names": {"7": "roof"}})

    assert not view.board.settings.fixed
    assert view.board.settings.names == {Module("", 7): "roof"}


def test_larger_letters_leave_smaller_images() -> None:
    view = shown(frame_of(5), frame_of(5, module_id=8), frame_of(5, DataProduct.PH1024))
    before = view.wall.plan.cells[0].image.width
    for _ in range(4):
        press(view, "+")

    assert view.wall.plan.cells[0].image.width < before


def test_two_hundred_modules_are_all_seen() -> None:
    view = shown(*(frame_of(1, module_id=i) for i in range(200)))

    assert len(view.wall.plan.cells) == 200
    assert view.wall.is_whole
