from __future__ import annotations

import math

import numpy as np
import pytest

from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.regions import ellipse, numbers, rectangle


def test_a_rectangle_holds_the_pixels_whose_middle_it_holds() -> None:
    seen = rectangle(2.4, 5.6, 3, 2)

    assert np.argwhere(seen).tolist() == [[row, column] for row in (6, 7) for column in (2, 3, 4)]


def test_a_circle_is_round() -> None:
    assert ellipse(4, 4, 8, 8).sum() == 52


def test_numbers_are_those_of_numpy() -> None:
    image = np.random.default_rng(1).normal(100, 5, (32, 32))
    region = rectangle(3, 4, 10, 12)
    found = numbers(image, region)

    assert found is not None
    values = image[4:16, 3:13]
    assert found[:4] == pytest.approx((120, values.mean(), values.sum(), values.std()))


def test_the_width_of_a_star_is_its_fwhm() -> None:
    rows, columns = np.mgrid[:32, :32]
    star = 100 + 500 * np.exp(-((rows - 16) ** 2 + (columns - 15) ** 2) / 2 / 1.7**2)
    found = numbers(star, ellipse(5, 6, 20, 20))

    assert found is not None
    assert found.fwhm_px == pytest.approx(2.3548 * 1.7, rel=0.1)


def test_a_flat_region_has_no_width_and_an_empty_one_no_numbers() -> None:
    found = numbers(np.full((32, 32), 7), rectangle(0, 0, 4, 4))

    assert found is not None
    assert math.isnan(found.fwhm_px)
    assert numbers(np.ones((32, 32)), rectangle(0, 0, 0.1, 0.1)) is None


@pytest.mark.parametrize("orientation", Orientation)
def test_a_region_as_seen_holds_the_same_pixels_as_stored(orientation: Orientation) -> None:
    image = np.random.default_rng(1).integers(0, 1000, (32, 32))
    seen = rectangle(3, 4, 10, 12)

    stored = orientation.stored_mask(seen)
    assert sorted(image[stored]) == sorted(orientation.shown(image)[seen])
