from __future__ import annotations

import numpy as np
import pytest
from support.received import NOW_S, by_key, corner, frame_of

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Kind, TimeStatus
from panoseti_daq.viewers.images.board import Arrangement, Board, Settings
from panoseti_daq.viewers.images.levels import N_COLORS, NO_DATA, Levels, LevelsMode
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals
from panoseti_daq.viewers.images.titles import Line

PH256, PH1024, IMG8, IMG16 = DataProduct.PH256, DataProduct.PH1024, DataProduct.IMG8, DataProduct.IMG16


def board_with(*frames: ReceivedFrame, settings: Settings | None = None) -> Board:
    board = Board(settings or Settings(), Pedestals())
    put(board, *frames)
    return board


def put(board: Board, *frames: ReceivedFrame, now_s: float = 0.0) -> list[Panel]:
    board.update(by_key(*frames), now_s, NOW_S)
    return board.refresh()


def only(board: Board) -> Panel:
    (panel,) = board.panels.values()
    return panel


def text(lines: list[Line]) -> str:
    return "\n".join(" ".join(span.text for span in line) for line in lines)


@pytest.mark.parametrize(("quabo", "row", "column"), [(0, 0, 0), (1, 0, 31), (2, 31, 31), (3, 31, 0)])
def test_a_ph256_frame_stands_in_its_quadrant(quabo: int, row: int, column: int) -> None:
    panel = only(board_with(frame_of(9, PH256, quabo=quabo)))

    assert panel.image[row, column] == 9
    assert (panel.indices == NO_DATA).sum() == 3 * 256


def test_quabos_stay_until_their_next_frame() -> None:
    board = board_with(frame_of(1, PH256, quabo=0))
    put(board, frame_of(2, PH256, quabo=2))

    assert {only(board).image[0, 0], only(board).image[31, 31]} == {1, 2}


def test_each_quabo_has_its_own_age() -> None:
    board = board_with(
        frame_of(1, PH256, quabo=0, unix_s=NOW_S - 1), frame_of(1, PH256, quabo=3, unix_s=NOW_S - 30)
    )

    lines = text(only(board).lines(NOW_S, 1.0))

    assert "Q0 23:59:59.000 #1 1.0 s\nQ1 nothing yet\nQ2 nothing yet\nQ3 23:59:30.000 #1 30 s" in lines


def test_a_ph1024_frame_fills_the_whole_image() -> None:
    panel = only(board_with(frame_of(corner(-1, -1), PH1024)))

    assert panel.valid is None
    assert panel.image[31, 31] == 1000


def test_a_frame_of_another_product_takes_the_place() -> None:
    board = board_with(frame_of(1, PH256, quabo=0))
    put(board, frame_of(5, PH1024))

    assert (only(board).image == 5).all()


def test_of_two_products_the_newer_is_shown() -> None:
    board = board_with(frame_of(1, IMG8, unix_s=NOW_S), frame_of(2, IMG16, unix_s=NOW_S - 1))

    assert only(board).product is IMG8


def test_a_silent_quabo_is_no_data_and_told() -> None:
    image = np.full((32, 32), 200)
    image[16:, :16] = 0

    panel = only(board_with(frame_of(image, silent=[3])))

    assert (panel.indices[16:, :16] == NO_DATA).all()
    assert panel.levels.low == 200
    assert "Q3 missing" in text(panel.lines(NOW_S, 1.0))


def test_the_worst_clock_of_the_quabos_counts() -> None:
    board = board_with(frame_of(1, PH256, quabo=0), frame_of(1, PH256, quabo=1, clocks_differ_s=300))

    assert only(board).status is TimeStatus.HOST_CLOCK


def test_modules_appear_as_they_arrive_in_order() -> None:
    board = board_with(frame_of(1, module_id=9))
    put(board, frame_of(1, module_id=3))

    assert board.modules == [3, 9]


def test_pulse_height_stands_left_of_the_movie() -> None:
    board = board_with(frame_of(1, IMG16), frame_of(1, PH256))

    assert board.kinds == [Kind.PULSE_HEIGHT, Kind.MOVIE]


@pytest.mark.parametrize(("n_modules", "is_grid"), [(1, False), (4, False), (5, True), (64, True)])
def test_many_modules_stand_in_a_grid(n_modules: int, is_grid: bool) -> None:
    assert board_with(*(frame_of(1, module_id=i) for i in range(n_modules))).is_grid is is_grid


@pytest.mark.parametrize(("layout", "is_grid"), [(Arrangement.ROWS, False), (Arrangement.GRID, True)])
def test_a_layout_that_was_chosen_stays(layout: Arrangement, is_grid: bool) -> None:
    frames = [frame_of(1, module_id=i) for i in range(5 if layout is Arrangement.ROWS else 1)]

    assert board_with(*frames, settings=Settings(layout=layout)).is_grid is is_grid


def test_in_rows_each_module_has_its_own_levels() -> None:
    board = board_with(frame_of(np.linspace(0, 10, 1024).reshape(32, 32), module_id=1), frame_of(500, module_id=2))

    assert board.panels[1, Kind.MOVIE].levels.high < 11
    assert board.panels[2, Kind.MOVIE].levels.low == 500


def test_in_the_grid_modules_share_their_levels() -> None:
    images = [np.linspace(0, 100 + i, 1024).reshape(32, 32) for i in range(5)]
    board = board_with(*(frame_of(image, module_id=i) for i, image in enumerate(images)))

    assert len({panel.levels for panel in board.panels.values()}) == 1
    assert list(board.common_levels()) == [IMG16]


def test_rows_that_become_a_grid_share_their_levels() -> None:
    board = board_with(*(frame_of(i * 100, module_id=i) for i in range(4)))
    changed = put(board, frame_of(50, module_id=4))

    assert len(changed) == 5
    assert len({panel.levels for panel in board.panels.values()}) == 1


def test_only_what_is_new_changes() -> None:
    board = board_with(frame_of(1, module_id=1), frame_of(1, module_id=2))

    assert [panel.module_id for panel in put(board, frame_of(1, module_id=2))] == [2]
    assert board.refresh() == []


def test_fixed_levels_are_those_given() -> None:
    settings = Settings(levels=LevelsMode.FIXED, fixed={Kind.MOVIE: Levels(0, 100)})
    panel = only(board_with(frame_of(100), settings=settings))

    assert panel.levels == (0, 100)
    assert (panel.indices == N_COLORS - 1).all()


def test_without_given_levels_fixed_means_those_of_now() -> None:
    board = board_with(frame_of(np.linspace(0, 100, 1024).reshape(32, 32)))
    before = only(board).levels
    board.hold_levels()
    board.settings.levels = LevelsMode.FIXED
    put(board, frame_of(4000))

    assert only(board).levels == before


def test_levels_per_frame_span_this_frame() -> None:
    board = board_with(frame_of(4000), settings=Settings(levels=LevelsMode.FRAME))
    put(board, frame_of(corner(0, 0, 70)))

    assert only(board).levels == (0, 70)


def test_the_dark_of_now_makes_everything_zero() -> None:
    board = board_with(frame_of(300), frame_of(-5, PH256))
    board.pedestals.darks.update(board.darks())
    board.pedestals.mode = PedestalMode.DARK
    board.recompose()

    assert not any(panel.image.any() for panel in board.panels.values())


def test_captions_get_shorter_and_always_say_what_is_wrong() -> None:
    panel = only(board_with(frame_of(1, clocks_differ_s=300, module_id=224)))

    captions = text(panel.captions(NOW_S, 1.0, with_module=True))

    assert captions == "224 img16 0.0 s host clock!\n224 host clock!\n224 clock"


def test_the_clock_of_one_quabo_is_told_for_its_panel() -> None:
    board = board_with(frame_of(1, PH256, quabo=0), frame_of(1, PH256, quabo=1, clocks_differ_s=300))

    assert text(only(board).lines(NOW_S, 1.0)).endswith("host clock!")


def test_a_pixel_leads_to_the_frame_it_comes_from() -> None:
    panel = only(board_with(frame_of(1, PH256, quabo=2)))
    found = panel.stamp_at(20, 31)

    assert found is not None
    assert (found[0].frame.key.quabo, found[1:]) == (2, (4, 15))
    assert panel.stamp_at(0, 0) is None
