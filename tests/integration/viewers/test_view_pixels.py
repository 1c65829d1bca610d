"""What is on the screen, compared with the arrays: orientation, quadrants, levels, texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.qt import application
from support.received import corner, frame_of
from support.view_window import cell_of, colors_in, name_of, now_s, picture, place_of, seen_pixels, show, shown

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.board import Arrangement
from panoseti_daq.viewers.images.geometry import Box
from panoseti_daq.viewers.images.orientation import Orientation

__all__ = ["application"]

pytestmark = pytest.mark.usefixtures("application")
DARK, BRIGHT, NOTHING, BACKGROUND = "#0d0887", "#f0f921", "#2b2b36", "#14161a"  # the first two: of plasma
OLD, WARNING, BAD, NORMAL = "#757b87", "#ff9f1a", "#ff6b5e", "#d8dce3"
CORNERS = [(0, 0), (0, 31), (31, 31), (31, 0)]
each_corner = pytest.mark.parametrize(("row", "column"), CORNERS)


@each_corner
@pytest.mark.parametrize("product", [DataProduct.IMG8, DataProduct.IMG16, DataProduct.PH1024])
@pytest.mark.parametrize("layout", [Arrangement.ROWS, Arrangement.GRID])
def test_a_corner_of_the_array_is_the_same_corner_on_the_screen(
    row: int, column: int, product: DataProduct, layout: Arrangement
) -> None:
    levels: Any = {"movie_levels": (0, 200), "pulse_height_levels": (0, 200)}
    view = shown(frame_of(corner(row, column, 200), product), layout=layout, **levels)
    cell = cell_of(view, 7, product.kind)

    seen = seen_pixels(view, cell)
    assert {at: seen[at] for at in CORNERS} == {at: BRIGHT if at == (row, column) else DARK for at in CORNERS}


@each_corner
@pytest.mark.parametrize("orientation", Orientation)
def test_orientations_move_the_corners_as_numpy_does(orientation: Orientation, row: int, column: int) -> None:
    image = corner(row, column, 200)
    expected = {
        Orientation.AS_STORED: image,
        Orientation.ROTATE_90: np.rot90(image, -1),
        Orientation.ROTATE_180: np.rot90(image, 2),
        Orientation.ROTATE_270: np.rot90(image),
        Orientation.FLIP_LEFT_RIGHT: np.fliplr(image),
        Orientation.FLIP_UP_DOWN: np.flipud(image),
    }[orientation]

    view = shown(frame_of(image), orientation=orientation, movie_levels=(0, 200))
    cell = cell_of(view, 7, Kind.MOVIE)

    seen = seen_pixels(view, cell)
    assert np.array_equal(seen == BRIGHT, expected == 200)
    assert np.array_equal(seen == DARK, expected == 0)


@pytest.mark.parametrize(("quabo", "at"), list(enumerate(CORNERS)))
def test_a_quabo_is_seen_in_its_quadrant_and_nothing_in_the_others(quabo: int, at: tuple[int, int]) -> None:
    view = shown(frame_of(200, DataProduct.PH256, quabo=quabo), pulse_height_levels=(0, 200))
    cell = cell_of(view, 7, Kind.PULSE_HEIGHT)

    seen = seen_pixels(view, cell)
    assert {corner: seen[corner] for corner in CORNERS} == {
        corner: BRIGHT if corner == at else NOTHING for corner in CORNERS
    }


def test_every_pixel_of_an_array_is_where_it_belongs() -> None:
    image = np.random.default_rng(3).choice([0, 200], (32, 32))
    view = shown(frame_of(image), movie_levels=(0, 200))
    cell = cell_of(view, 7, Kind.MOVIE)
    assert np.array_equal(seen_pixels(view, cell) == BRIGHT, image == 200)
    assert np.array_equal(seen_pixels(view, cell) == DARK, image == 0)


def test_quantiles_become_the_first_and_the_last_color() -> None:
    image = np.repeat([[10, 500]], 16, axis=1).repeat(32, axis=0)
    view = shown(frame_of(image))
    cell = cell_of(view, 7, Kind.MOVIE)

    assert tuple(seen_pixels(view, cell)[5, [0, 31]]) == (DARK, BRIGHT)


def test_a_new_frame_replaces_what_is_seen() -> None:
    view = shown(frame_of(0), movie_levels=(0, 200))
    show(view, frame_of(200))

    assert (seen_pixels(view, cell_of(view, 7, Kind.MOVIE)) == BRIGHT).all()


def test_a_fresh_frame_has_bright_text_and_an_old_one_grey() -> None:
    view = shown(
        frame_of(5, unix_s=now_s()), frame_of(5, module_id=8, unix_s=now_s() - 6, detected_ns=round(now_s() * 1e9))
    )

    assert OLD not in colors_in(view, cell_of(view, 7, Kind.MOVIE).text)
    old = colors_in(view, cell_of(view, 8, Kind.MOVIE).text)
    assert OLD in old and NORMAL in old  # the product is not old


def test_text_turns_grey_while_nothing_comes() -> None:
    view = shown(frame_of(5, unix_s=now_s() - 0.1, detected_ns=round(now_s() * 1e9)), refresh_period_s=0.02)

    assert OLD in colors_in(view, cell_of(view, 7, Kind.MOVIE).text)


@pytest.mark.parametrize("layout", [Arrangement.ROWS, Arrangement.GRID])
def test_a_frame_dated_by_the_host_clock_is_framed_and_told_in_orange(layout: Arrangement) -> None:
    view = shown(frame_of(5, unix_s=now_s(), clocks_differ_s=300), layout=layout)
    cell = cell_of(view, 7, Kind.MOVIE)

    assert WARNING in colors_in(view, cell.image)
    assert WARNING in colors_in(view, cell.text)


@pytest.mark.parametrize("layout", [Arrangement.ROWS, Arrangement.GRID])
def test_a_frame_without_time_is_framed_and_told_in_red(layout: Arrangement) -> None:
    view = shown(frame_of(5, unix_s=0), layout=layout)
    cell = cell_of(view, 7, Kind.MOVIE)

    assert BAD in colors_in(view, cell.image)
    assert BAD in colors_in(view, cell.text)


def test_a_kind_that_one_module_lacks_is_told_instead_of_an_empty_box() -> None:
    view = shown(frame_of(5), frame_of(5, module_id=8), frame_of(5, DataProduct.PH256))
    colors = colors_in(view, cell_of(view, 8, Kind.PULSE_HEIGHT).whole)

    assert OLD in colors  # the text
    assert not {DARK, BRIGHT, NOTHING, NORMAL} & colors


@pytest.mark.parametrize("product", [DataProduct.IMG16, DataProduct.PH256])
def test_a_kind_that_nobody_sends_takes_no_space(product: DataProduct) -> None:
    view = shown(frame_of(5, product))
    (cell,) = view.wall.plan.cells

    assert cell.whole.width == view.wall.width()


def test_before_the_first_frame_the_window_says_that_it_waits() -> None:
    view = shown()

    assert OLD in colors_in(view, Box(0, 0, view.wall.width(), view.wall.height()))


def test_modules_appear_as_they_arrive_up_to_64() -> None:
    view = shown()
    for n in range(1, 65):
        show(view, frame_of(200, module_id=n), frame_of(200, DataProduct.PH1024, module_id=n))
        assert len(view.wall.plan.cells) == 2 * n
    seen = picture(view)
    for cell in view.wall.plan.cells:
        x, y = place_of(cell.image, 16, 16)
        assert name_of(seen[y, x]) not in {BACKGROUND, NOTHING}


def test_boundaries_are_lines_between_the_quabos() -> None:
    view = shown(frame_of(0), movie_levels=(0, 200))
    cell = cell_of(view, 7, Kind.MOVIE)
    before = colors_in(view, cell.image)
    view.toggle_boundaries()

    assert before == {DARK}
    assert colors_in(view, cell.image) > before
