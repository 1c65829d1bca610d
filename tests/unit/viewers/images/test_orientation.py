from __future__ import annotations

import numpy as np
import pytest

from panoseti_daq.viewers.images.orientation import Orientation

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
