from __future__ import annotations

import numpy as np
import pytest

from panoseti_daq.viewers.images.colors import (
    N_COLORS,
    N_ROLLING,
    NO_DATA,
    ColorMap,
    Levels,
    RollingLevels,
    color_indices,
    color_table,
    common_levels,
    frame_levels,
    quantile_levels,
    rgba_table,
)


def test_the_smallest_pixel_gets_the_first_color_and_the_largest_the_last() -> None:
    image = np.array([[-20, 0], [80, 180]])

    assert color_indices(image, frame_levels(image)).tolist() == [[0, 25], [127, N_COLORS - 1]]


def test_pixels_beyond_the_levels_get_the_first_and_the_last_color() -> None:
    assert color_indices(np.array([-500, 65535]), Levels(0, 10)).tolist() == [0, N_COLORS - 1]


def test_pixels_without_data_get_a_color_of_their_own() -> None:
    indices = color_indices(np.array([1, 2]), Levels(0, 2), np.array([False, True]))

    assert indices.tolist() == [NO_DATA, N_COLORS - 1]


def test_an_image_of_one_value_is_dark() -> None:
    image = np.full((32, 32), 7, "<u2")

    assert not color_indices(image, frame_levels(image)).any()


def test_two_hot_pixels_do_not_move_quantiles() -> None:
    image = np.linspace(100, 200, 1024)
    image[:2] = 65535

    assert quantile_levels(image).high < 201


def test_rolling_levels_follow_a_brightening_sky() -> None:
    rolling = RollingLevels()
    for _ in range(N_ROLLING):
        rolling.add(np.linspace(0, 10, 1024))
    for _ in range(N_ROLLING):
        rolling.add(np.linspace(500, 600, 1024))

    assert 500 <= rolling.levels.low < 505
    assert 595 < rolling.levels.high <= 600


def test_rolling_levels_stay_through_one_flash() -> None:
    rolling = RollingLevels()
    for _ in range(10):
        rolling.add(np.linspace(0, 10, 1024))
    before = rolling.levels
    rolling.add(np.full(1024, 4000))

    assert rolling.levels == before


def test_levels_without_an_image_are_zero_and_one() -> None:
    assert RollingLevels().levels == common_levels([]) == (0, 1)


def test_one_odd_module_does_not_change_the_common_levels() -> None:
    assert common_levels([(10, 20)] * 9 + [(-500, 9000)]) == (10, 20)


@pytest.mark.parametrize("colormap", ColorMap)
def test_a_color_map_has_as_many_colors_as_there_are_indices(colormap: ColorMap) -> None:
    assert color_table(colormap).shape == (N_COLORS, 3)
    assert len(rgba_table(colormap)) == NO_DATA + 1


def test_plasma_goes_from_blue_to_yellow() -> None:
    table = rgba_table(ColorMap.PLASMA)

    assert table[[0, N_COLORS - 1]].tolist() == [[0x0D, 0x08, 0x87, 255], [0xF0, 0xF9, 0x21, 255]]


@pytest.mark.parametrize("colormap", ColorMap)
def test_color_maps_get_brighter_all_along(colormap: ColorMap) -> None:
    luma = color_table(colormap).astype(float) @ (0.2126, 0.7152, 0.0722)

    assert (np.diff(luma) > -2).all()
    assert luma[-1] > luma[0] + 150
