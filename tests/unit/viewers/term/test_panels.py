from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from rich.color import Color
from rich.segment import Segment

from panoseti_daq.viewers.images.colors import NO_DATA, ColorMap, Levels, color_indices, color_table
from panoseti_daq.viewers.term.panels import RAMP, UPPER_HALF, color_scale, half_blocks, ramp

LEVELS = Levels(0, 100)
DARKEST = tuple(color_table(ColorMap.PLASMA)[0].tolist())
BRIGHTEST = tuple(color_table(ColorMap.PLASMA)[-1].tolist())


def seen_pixels(lines: list[list[Segment]]) -> npt.NDArray[np.int_]:
    """Colors as an array of shape (rows, columns, 3), as a terminal shows half blocks."""
    rows = []
    for line in lines:
        assert all(text == UPPER_HALF for text, _, _ in line)
        styles = [style for _, style, _ in line if style is not None]
        rows.append([rgb(style.color) for style in styles])
        rows.append([rgb(style.bgcolor) for style in styles])
    return np.array(rows)


def rgb(color: Color | None) -> tuple[int, int, int]:
    assert color is not None
    red, green, blue = color.get_truecolor()
    return red, green, blue


@pytest.mark.parametrize("corner", [(0, 0), (0, 31), (31, 0), (31, 31), (5, 8), (6, 8)])
def test_a_bright_pixel_is_seen_where_it_is_in_the_array(corner: tuple[int, int]) -> None:
    image = np.zeros((32, 32), np.uint16)
    image[corner] = 100
    seen = seen_pixels(half_blocks(color_indices(image, LEVELS), ColorMap.PLASMA))
    assert seen.shape == (32, 32, 3)
    assert np.argwhere((seen == BRIGHTEST).all(axis=2)).tolist() == [list(corner)]
    assert (seen == DARKEST).all(axis=2).sum() == 32 * 32 - 1


def test_colors_are_those_of_the_map_but_for_their_quantisation() -> None:
    image = np.linspace(0, 100, 32 * 32).reshape(32, 32)
    indices = color_indices(image, LEVELS)
    seen = seen_pixels(half_blocks(indices, ColorMap.VIRIDIS))
    assert np.abs(seen - color_table(ColorMap.VIRIDIS)[indices].astype(int)).max() < 20


def test_a_pixel_without_data_has_a_color_that_no_value_has() -> None:
    indices = np.zeros((2, 1), np.uint8)
    indices[1] = NO_DATA
    seen = seen_pixels(half_blocks(indices, ColorMap.PLASMA))
    assert tuple(seen[0, 0]) == DARKEST
    for colormap in ColorMap:
        assert not (color_table(colormap) == seen[1, 0]).all(axis=1).any()


@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 31), (30, 31), (31, 31)])
def test_in_ascii_a_bright_pixel_is_the_densest_character_of_its_row(corner: tuple[int, int]) -> None:
    image = np.zeros((32, 32), np.uint16)
    image[corner] = 100
    text = ["".join(text for text, _, _ in line) for line in ramp(color_indices(image, LEVELS))]
    assert len(text) == 16
    assert text[corner[0] // 2][corner[1]] == RAMP[-1]
    assert "".join(text).count(RAMP[-1]) == 1
    assert "".join(text).count(RAMP[0]) == 32 * 16 - 1


def test_in_ascii_no_data_is_blank() -> None:
    assert ramp(np.full((2, 3), NO_DATA, np.uint8)) == [[Segment("   ")]]


def test_the_scale_goes_from_the_first_to_the_last_color() -> None:
    scale = color_scale(20, ColorMap.PLASMA)
    assert len(scale) == 20
    styles = [scale[i].style for i in (0, -1)]
    assert [rgb(style.bgcolor) for style in styles if style is not None] == [DARKEST, BRIGHTEST]
    assert color_scale(len(RAMP), None) == [Segment(RAMP)]
