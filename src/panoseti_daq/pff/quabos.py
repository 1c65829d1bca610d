"""Quadrants: the places of the four quabos in the image of a module.

Seen as stored (row 0 on top, SPEC 1.8): quabo 0 upper left, 1 upper right, 2 lower right, 3 lower left, clockwise.
Source: the writer's ``util/image.cpp`` (github.com/panoseti/panoseti_daq), which makes img8, img16 and ph1024.
The boards are mounted rotated by 90 degrees each; the writer undoes that also in ph256, in the function
``quabo16_to_quabo16_copy``, so a ph256 image goes into its quadrant as it is.
"""

from __future__ import annotations

from typing import Final

MODULE_SIZE: Final = 32  # pixels along a side
QUABO_SIZE: Final = 16
N_QUABOS: Final = 4
CORNERS: Final = ((0, 0), (0, QUABO_SIZE), (QUABO_SIZE, QUABO_SIZE), (QUABO_SIZE, 0))
"""Row and column of the first pixel of each quabo."""


def quadrant(quabo: int) -> tuple[slice, slice]:
    """Rows and columns of a quabo in the image of its module."""
    row, column = CORNERS[quabo]
    return slice(row, row + QUABO_SIZE), slice(column, column + QUABO_SIZE)


def quabo_at(row: int, column: int) -> int:
    """Return which quabo a pixel of the image of a module belongs to."""
    return CORNERS.index((row // QUABO_SIZE * QUABO_SIZE, column // QUABO_SIZE * QUABO_SIZE))
