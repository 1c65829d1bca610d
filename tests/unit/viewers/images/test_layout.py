from __future__ import annotations

import itertools

import pytest

from panoseti_daq.pff import Kind
from panoseti_daq.viewers.images.board import KINDS
from panoseti_daq.viewers.images.layout import Box, Plan, pixel_at, plan
from panoseti_daq.viewers.modules import Module

SIZES = [(1000, 700), (1920, 1000), (500, 900)]


def modules(n: int) -> list[Module]:
    return [Module("daq1", i) for i in range(n)]


def side(plan: Plan) -> int:
    return plan.cells[0].image.width


def planned(n_modules: int, size: tuple[int, int], kinds: tuple[Kind, ...] = KINDS) -> Plan:
    return plan(modules(n_modules), kinds, *size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kinds", [KINDS, KINDS[:1]])
def test_one_more_module_never_makes_images_larger(size: tuple[int, int], kinds: tuple[Kind, ...]) -> None:
    sides = [side(planned(n, size, kinds)) for n in range(1, 40)]

    assert all(more <= fewer for fewer, more in itertools.pairwise(sides))


@pytest.mark.parametrize("n_modules", [1, 2, 5, 16, 64])
@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps_and_nothing_is_outside(n_modules: int, size: tuple[int, int]) -> None:
    made = planned(n_modules, size)
    boxes = [cell.whole for cell in made.cells]

    assert len(boxes) == 2 * n_modules
    for box in boxes:
        assert box.x >= 0 and box.y >= 0
        assert box.x + box.width <= made.width and box.y + box.height <= made.height
    for a, b in itertools.combinations(boxes, 2):
        apart_x = a.x + a.width <= b.x or b.x + b.width <= a.x
        assert apart_x or a.y + a.height <= b.y or b.y + b.height <= a.y


@pytest.mark.parametrize("n_modules", [2, 3, 4])
def test_a_few_modules_fill_most_of_the_window(n_modules: int) -> None:
    made = planned(n_modules, (1000, 660))

    assert sum(cell.image.width**2 for cell in made.cells) / (1000 * 660) > 0.6


def test_a_window_that_is_too_small_is_planned_larger() -> None:
    made = planned(64, (100, 100))

    assert made.width > 100
    assert side(made) >= 24


def test_larger_letters_leave_smaller_images() -> None:
    assert side(plan(modules(4), KINDS, 1000, 700, 3.0)) < side(planned(4, (1000, 700)))


def test_a_place_leads_to_its_pixel() -> None:
    box = Box(10, 20, 320, 320)

    assert pixel_at(box, 10, 20) == (0, 0)
    assert pixel_at(box, 329.9, 25) == (0, 31)
    assert pixel_at(box, 9, 25) is None
