from __future__ import annotations

import math

import numpy as np
import pytest

from panoseti_daq.pff.quabos import quabo_at, quadrant
from panoseti_daq.viewers.images.pixels import Orientation, assemble, ellipse, numbers, rectangle

each_orientation = pytest.mark.parametrize("orientation", Orientation)


@pytest.mark.parametrize(
    ("orientation", "row", "column"),
    [
        (Orientation.AS_STORED, 0, 0),
        (Orientation.ROTATE_90, 0, 31),
        (Orientation.ROTATE_180, 31, 31),
        (Orientation.ROTATE_270, 31, 0),
        (Orientation.FLIP_LEFT_RIGHT, 0, 31),
        (Orientation.FLIP_UP_DOWN, 31, 0),
        (Orientation.TRANSPOSE, 0, 0),
        (Orientation.ANTI_TRANSPOSE, 31, 31),
    ],
)
def test_the_first_pixel_goes_clockwise(orientation: Orientation, row: int, column: int) -> None:
    assert orientation.seen(0, 0) == (row, column)


def test_flips_and_rotations_differ_in_the_other_corners() -> None:
    corners = [(0, 0), (0, 31), (31, 31), (31, 0)]
    seen = {orientation: tuple(orientation.seen(*corner) for corner in corners) for orientation in Orientation}

    assert len(set(seen.values())) == len(Orientation)


@each_orientation
def test_what_is_seen_is_what_is_stored(orientation: Orientation) -> None:
    image = np.random.default_rng(1).integers(0, 1000, (32, 32))
    shown = orientation.shown(image)

    for row, column in ((0, 0), (3, 20), (31, 5)):
        assert shown[row, column] == image[orientation.stored(row, column)]
        assert shown[orientation.seen(row, column)] == image[row, column]


def test_orientations_go_round() -> None:
    orientation = Orientation.AS_STORED
    for _ in Orientation:
        orientation = orientation.next

    assert orientation is Orientation.AS_STORED


@pytest.mark.parametrize(("quabo", "row", "column"), [(0, 0, 0), (1, 0, 31), (2, 31, 31), (3, 31, 0)])
def test_quabos_go_round_clockwise_from_the_upper_left(quabo: int, row: int, column: int) -> None:
    image, valid = assemble({quabo: np.full((16, 16), 5)})

    assert image[row, column] == 5
    assert valid[row, column]
    assert valid.sum() == 256
    assert quabo_at(row, column) == quabo


def test_a_quabo_goes_into_its_quadrant_unrotated() -> None:
    pixels = np.arange(256).reshape(16, 16)

    image, _ = assemble({2: pixels})

    assert np.array_equal(image[16:, 16:], pixels)


def test_every_pixel_belongs_to_the_quabo_whose_quadrant_it_is_in() -> None:
    owner = np.array([[quabo_at(row, column) for column in range(32)] for row in range(32)])

    for quabo in range(4):
        assert (owner[quadrant(quabo)] == quabo).all()


def test_negative_pulse_heights_stay_negative() -> None:
    image, _ = assemble({1: np.full((16, 16), -3, "<i2")})

    assert image.min() == -3


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
