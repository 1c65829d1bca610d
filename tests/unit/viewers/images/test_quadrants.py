from __future__ import annotations

import numpy as np
import pytest

from panoseti_daq.pff.quabos import quabo_at, quadrant
from panoseti_daq.viewers.images.quadrants import assemble


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
