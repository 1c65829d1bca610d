from __future__ import annotations

import itertools

import pytest

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.board import KINDS
from panoseti_daq.viewers.images.geometry import Box, Metrics, Plan, pixel_at, plan_grid, plan_rows

METRICS = Metrics(16, 7.8)
SIZES = [(1100, 750), (700, 500), (1900, 1000), (500, 900)]
each_size = pytest.mark.parametrize(("width", "height"), SIZES)


def overlap(a: Box, b: Box) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def assert_sound(plan: Plan, n_cells: int, width: int) -> None:
    assert len(plan.cells) == n_cells
    for cell in plan.cells:
        assert not overlap(cell.image, cell.text)
        assert cell.image.width == cell.image.height >= 60
        assert cell.image.x >= 0 and cell.image.x + cell.image.width <= width
        assert cell.image.y >= 0 and cell.image.y + cell.image.height <= plan.height
    for a, b in itertools.combinations(plan.cells, 2):
        assert not overlap(a.image, b.image)
        assert not overlap(a.image, b.text)
        assert not overlap(a.text, b.image)


@each_size
@pytest.mark.parametrize("n_modules", [1, 2, 4, 8])
@pytest.mark.parametrize("kinds", [KINDS, [Kind.MOVIE]])
def test_rows_do_not_overlap(n_modules: int, kinds: list[Kind], width: int, height: int) -> None:
    assert_sound(plan_rows(range(n_modules), kinds, width, height, METRICS), n_modules * len(kinds), width)


@each_size
@pytest.mark.parametrize("n_modules", [1, 5, 16, 45, 64, 256])
@pytest.mark.parametrize("kinds", [KINDS, [Kind.MOVIE]])
def test_grids_do_not_overlap(n_modules: int, kinds: list[Kind], width: int, height: int) -> None:
    plan = plan_grid(range(n_modules), kinds, [DataProduct.IMG16], width, height, METRICS)

    assert_sound(plan, n_modules * len(kinds), width)
    assert not any(overlap(box, cell.text) for _, box in plan.legends for cell in plan.cells)


def test_64_modules_fit_without_scrolling() -> None:
    plan = plan_grid(range(64), KINDS, [DataProduct.PH256, DataProduct.IMG16], 1100, 750, METRICS)

    assert plan.height == 750


def test_a_single_module_gets_the_whole_window() -> None:
    (cell,) = plan_rows([1], [Kind.MOVIE], 1100, 750, METRICS).cells

    assert cell.image.width > 600


def test_a_place_in_the_window_is_a_pixel() -> None:
    box = Box(10, 20, 320, 320)

    assert pixel_at(box, 10, 20) == (0, 0)
    assert pixel_at(box, 329, 25) == (0, 31)
    assert pixel_at(box, 15, 339) == (31, 0)


@pytest.mark.parametrize(("x", "y"), [(9, 30), (330, 30), (30, 19), (30, 340)])
def test_beside_the_image_there_is_no_pixel(x: int, y: int) -> None:
    assert pixel_at(Box(10, 20, 320, 320), x, y) is None
