"""Pixels on the screen, compared with the arrays: orientation, quadrants, levels, texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.qt import application
from support.received import NOW_S, frame_of
from support.view_window import (
    SIZE_PX,
    cell_of,
    colors_in,
    name_of,
    picture,
    place_of,
    seen_pixels,
    show,
    shown,
    text_of,
)

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.host.feed import HostState
from panoseti_daq.viewers.images.layout import Box
from panoseti_daq.viewers.images.pixels import Orientation

__all__ = ["application"]

pytestmark = pytest.mark.usefixtures("application")
DARK, BRIGHT, NOTHING, BACKGROUND = "#0d0887", "#f0f921", "#2b2b36", "#15151b"  # the first two: of plasma
OLD, WARNING, BAD = "#8a919e", "#ff9f1a", "#ff6b5e"
FILE = frame_of(1, DataProduct.PH256).file
CORNERS = [(0, 0), (0, 31), (31, 31), (31, 0)]


def corner(row: int, column: int, value: int = 200) -> Any:
    """Ones, because zeros are no light, but for a bright pixel."""
    image = np.ones((32, 32))
    image[row, column] = value
    return image


each_corner = pytest.mark.parametrize(("row", "column"), CORNERS)


@each_corner
@pytest.mark.parametrize("product", [DataProduct.IMG8, DataProduct.IMG16, DataProduct.PH1024])
def test_a_corner_of_the_array_is_the_same_corner_on_the_screen(
    row: int, column: int, product: DataProduct
) -> None:
    levels: Any = {"movie_levels": (1, 200), "pulse_height_levels": (1, 200)}
    view = shown(frame_of(corner(row, column, 200), product), **levels)
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
        Orientation.TRANSPOSE: image.T,
        Orientation.ANTI_TRANSPOSE: np.rot90(image, 2).T,
    }[orientation]

    view = shown(frame_of(image), orientation=orientation, movie_levels=(1, 200))
    cell = cell_of(view, 7, Kind.MOVIE)

    seen = seen_pixels(view, cell)
    assert np.array_equal(seen == BRIGHT, expected == 200)
    assert np.array_equal(seen == DARK, expected == 1)


@pytest.mark.parametrize(("quabo", "at"), list(enumerate(CORNERS)))
def test_a_quabo_is_seen_in_its_quadrant_and_nothing_in_the_others(quabo: int, at: tuple[int, int]) -> None:
    view = shown(frame_of(200, DataProduct.PH256, quabo=quabo), pulse_height_levels=(1, 200))
    cell = cell_of(view, 7, Kind.PULSE_HEIGHT)

    seen = seen_pixels(view, cell)
    assert {corner: seen[corner] for corner in CORNERS} == {
        corner: BRIGHT if corner == at else NOTHING for corner in CORNERS
    }


def test_every_pixel_of_an_array_is_where_it_belongs() -> None:
    image = np.random.default_rng(3).choice([1, 200], (32, 32))
    view = shown(frame_of(image), movie_levels=(1, 200))
    cell = cell_of(view, 7, Kind.MOVIE)
    assert np.array_equal(seen_pixels(view, cell) == BRIGHT, image == 200)
    assert np.array_equal(seen_pixels(view, cell) == DARK, image == 1)


def test_quantiles_become_the_first_and_the_last_color() -> None:
    image = np.repeat([[10, 500]], 16, axis=1).repeat(32, axis=0)
    view = shown(frame_of(image))
    cell = cell_of(view, 7, Kind.MOVIE)

    assert tuple(seen_pixels(view, cell)[5, [0, 31]]) == (DARK, BRIGHT)


def test_a_new_frame_replaces_what_is_seen() -> None:
    view = shown(frame_of(1), movie_levels=(1, 200))
    show(view, frame_of(200))

    assert (seen_pixels(view, cell_of(view, 7, Kind.MOVIE)) == BRIGHT).all()


def test_what_is_silent_is_dimmed_and_says_its_age() -> None:
    view = shown(frame_of(200), frame_of(200, module_id=8, unix_s=NOW_S - 6), movie_levels=(1, 200))

    assert (seen_pixels(view, cell_of(view, 7, Kind.MOVIE)) == BRIGHT).all()
    assert BRIGHT not in colors_in(view, cell_of(view, 8, Kind.MOVIE).image)
    assert "6.0 s" in text_of(view, 8, Kind.MOVIE)
    assert OLD in colors_in(view, cell_of(view, 8, Kind.MOVIE).text)
    assert view.alarms == ["1 of 2 modules silent"]


def test_a_quabo_that_died_is_dimmed_by_itself_and_the_worst_age_is_told() -> None:
    quabos = [frame_of(200, DataProduct.PH256, quabo=q, unix_s=NOW_S - 46 * (q == 2)) for q in range(4)]
    view = shown(*quabos, pulse_height_levels=(1, 200))
    image = cell_of(view, 7, Kind.PULSE_HEIGHT).image
    half = image.width // 2

    assert BRIGHT not in colors_in(view, Box(image.x + half + 2, image.y + half + 2, half - 4, half - 4))
    assert colors_in(view, Box(image.x + 2, image.y + 2, half - 4, half - 4)) == {BRIGHT}
    assert "46 s" in text_of(view, 7, Kind.PULSE_HEIGHT)
    assert view.alarms == []


def test_slow_pulses_are_not_silent_before_five_of_their_own_periods() -> None:
    view = shown(frame_of(200, DataProduct.PH1024, unix_s=NOW_S - 30))
    for at_s in (NOW_S - 20, NOW_S - 10):
        show(view, frame_of(200, DataProduct.PH1024, unix_s=at_s))

    assert view.alarms == []


def test_zeros_are_no_light() -> None:
    image = np.full((32, 32), 200)
    image[:16, 16:] = 0
    view = shown(frame_of(image))
    (panel,) = view.board.panels.values()

    assert seen_pixels(view, cell_of(view, 7, Kind.MOVIE))[0, 31] == NOTHING
    assert "Q1 zeros" in text_of(view, 7, Kind.MOVIE)
    assert panel.levels == (200, 200)


def test_modules_of_a_lost_host_are_outlined_and_say_so() -> None:
    view = shown(frame_of(5))
    view.update_hosts({"localhost": HostState(connected=False, reason="refused", since=0.0, was_connected=True)})
    show(view)

    assert "localhost lost" in text_of(view, 7, Kind.MOVIE)
    assert BAD in colors_in(view, cell_of(view, 7, Kind.MOVIE).image)


def test_nothing_of_an_old_run_stays_in_an_image_of_the_new_one() -> None:
    view = shown(*(frame_of(200, DataProduct.PH256, quabo=q) for q in range(4)))
    later = replace(frame_of(9, DataProduct.PH256, quabo=0), file=FILE.replace("seqno_3", "seqno_0"))
    show(view, later)
    (panel,) = view.board.panels.values()

    assert list(panel.stamps) == [0]


def test_a_frame_dated_by_the_host_clock_is_framed_and_told_in_orange() -> None:
    view = shown(frame_of(5, clocks_differ_s=300))
    cell = cell_of(view, 7, Kind.MOVIE)

    assert WARNING in colors_in(view, cell.image)
    assert WARNING in colors_in(view, cell.text)


def test_a_frame_without_time_is_framed_and_told_in_red() -> None:
    view = shown(frame_of(5, unix_s=0))
    cell = cell_of(view, 7, Kind.MOVIE)

    assert BAD in colors_in(view, cell.image)
    assert BAD in colors_in(view, cell.text)


def test_a_kind_that_one_module_lacks_is_told_instead_of_an_empty_box() -> None:
    view = shown(frame_of(5), frame_of(5, module_id=8), frame_of(5, DataProduct.PH256))
    colors = colors_in(view, cell_of(view, 8, Kind.PULSE_HEIGHT).whole)

    assert OLD in colors  # the text
    assert not {DARK, BRIGHT} & colors


@pytest.mark.parametrize("product", [DataProduct.IMG16, DataProduct.PH256])
def test_a_kind_that_nobody_sends_takes_no_space(product: DataProduct) -> None:
    view = shown(frame_of(5, product))
    (cell,) = view.wall.plan.cells

    assert cell.image.height > 0.8 * view.wall.height()


def test_before_the_first_frame_the_window_says_why_it_waits() -> None:
    view = shown()
    view.update_hosts({"daq1": HostState(connected=False, reason="refused", since=0.0, was_connected=False)})

    assert view.widget.waiting.text() == "waiting for the first frame\ndaq1: refused"
    show(view, frame_of(5))
    assert view.widget.waiting.text() == ""


@pytest.mark.parametrize(("n_modules", "least"), [(2, 0.55), (3, 0.55), (4, 0.55)])
def test_images_fill_most_of_a_window(n_modules: int, least: float) -> None:
    frames = [
        frame_of(5, product, m) for m in range(n_modules) for product in (DataProduct.IMG16, DataProduct.PH1024)
    ]
    view = shown(*frames)
    area = sum(cell.image.width**2 for cell in view.wall.plan.cells)

    assert area / (SIZE_PX[0] * SIZE_PX[1]) > least


def test_modules_appear_as_they_arrive_up_to_64() -> None:
    view = shown()
    for n in (1, 2, 5, 17, 64):
        frames = [frame_of(200, p, m) for m in range(1, n + 1) for p in (DataProduct.IMG16, DataProduct.PH1024)]
        show(view, *frames)
        assert len(view.wall.plan.cells) == 2 * n
    seen = picture(view)
    for cell in view.wall.plan.cells:
        x, y = place_of(cell.image, 16, 16)
        assert name_of(seen[y, x]) not in {BACKGROUND, NOTHING}


def test_boundaries_are_lines_between_the_quabos() -> None:
    view = shown(frame_of(1), movie_levels=(1, 200))
    cell = cell_of(view, 7, Kind.MOVIE)
    before = colors_in(view, cell.image)
    view.board.settings.boundaries = True
    show(view)

    assert before == {DARK}
    assert colors_in(view, cell.image) > before


def test_a_time_for_which_there_is_no_room_is_left_out_whole() -> None:
    """Half of a time, as 20:48 of 20:48:52, would be another time."""
    narrow = shown(
        *(
            frame_of(9, product, module)
            for module in range(64)
            for product in (DataProduct.IMG16, DataProduct.PH1024)
        )
    )
    cell = cell_of(narrow, 7, Kind.MOVIE)
    right = Box(
        cell.text.x + cell.text.width // 2,
        cell.text.y + cell.text.height // 2,
        cell.text.width // 2,
        cell.text.height // 2,
    )

    assert "00:00:00" in text_of(narrow, 7, Kind.MOVIE)
    assert colors_in(narrow, right) == {BACKGROUND}
