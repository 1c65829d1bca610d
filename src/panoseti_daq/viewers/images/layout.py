"""Layout of images in a window: one rule, which takes the largest images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, NamedTuple

from panoseti_daq.pff import Kind
from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.modules import Module

GAP_PX: Final = 6
LETTERS_PX: Final = (8.0, 14.0)  # height of the smallest and of the largest letters
LINES: Final = 2  # of a caption
LINE: Final = 1.35  # height of a line, in heights of its letters
_IMAGE_LETTERS: Final = 15  # letters become smaller when fewer than this stand on each other in an image
_BESIDE_LETTERS: Final = 9  # width of a caption beside its image, in heights of letters
_LEAST_SIDE_PX: Final = 24  # the plan becomes larger than the window before images become smaller


class Box(NamedTuple):
    """A rectangle, px."""

    x: int
    y: int
    width: int
    height: int


class Cell(NamedTuple):
    """Room for one kind of one module: its image, its caption, and both."""

    module: Module
    kind: Kind
    image: Box
    text: Box
    whole: Box

    @property
    def is_beside(self) -> bool:
        """Whether the caption stands beside the image, not above it."""
        return self.text.x > self.image.x


@dataclass(frozen=True, slots=True)
class Plan:
    """Place of every image."""

    # What all needs, px: the size of the window, or more when it is too small for all images
    width: int
    height: int
    letters_px: float  # Height of the letters of captions
    cells: tuple[Cell, ...]  # By module, and in a module by kind


class _Choice(NamedTuple):
    """A way to place images: a number of modules side by side, kinds above each other, captions at the side."""

    n_columns: int
    is_stacked: bool
    is_beside: bool


def plan(modules: Sequence[Module], kinds: Sequence[Kind], width: int, height: int, enlarge: float = 1.0) -> Plan:
    """Place the images of modules, so that they become as large as can be.

    One more module never makes images larger, because its layout would have been there for the fewer as well.

    `modules`, `kinds`: what there is, in order. `width`, `height`: of the window, px. `enlarge`: factor for the
    size of letters.
    """
    n, n_kinds = max(1, len(modules)), max(1, len(kinds))
    width, height = max(1, width), max(1, height)

    def room(choice: _Choice) -> tuple[float, float, float, float]:
        """Width and height of the slot of an image, its letters and its side, px."""
        across, down = (1, n_kinds) if choice.is_stacked else (n_kinds, 1)
        slot_width = width / (choice.n_columns * across)
        slot_height = height / (-(-n // choice.n_columns) * down)
        inner = slot_width - GAP_PX, slot_height - GAP_PX
        letters = enlarge * min(max(min(inner) / _IMAGE_LETTERS, LETTERS_PX[0]), LETTERS_PX[1])
        if choice.is_beside:
            side = min(inner[0] - _BESIDE_LETTERS * letters, inner[1])
        else:
            side = min(inner[0], inner[1] - LINES * LINE * letters)
        return slot_width, slot_height, letters, side

    choices = [_Choice(*one) for one in product(range(1, n + 1), (False, True), (False, True))]
    best = max(choices, key=lambda choice: room(choice)[3])
    slot_width, slot_height, letters, side = room(best)
    if side < _LEAST_SIDE_PX:
        larger = 1.25
        return plan(modules, kinds, round(width * larger) + 1, round(height * larger) + 1, enlarge)
    cells = tuple(_cells(modules, kinds, best, (slot_width, slot_height, letters, int(side))))
    return Plan(width, height, letters, cells)


def _cells(
    modules: Sequence[Module], kinds: Sequence[Kind], choice: _Choice, room: tuple[float, float, float, int]
) -> Iterator[Cell]:
    slot_width, slot_height, letters, side = room
    caption = round(_BESIDE_LETTERS * letters) if choice.is_beside else round(LINES * LINE * letters)
    across, down = (1, len(kinds)) if choice.is_stacked else (len(kinds), 1)
    for i, module in enumerate(modules):
        row, column = divmod(i, choice.n_columns)
        for j, kind in enumerate(kinds):
            left = (column * across + (0 if choice.is_stacked else j)) * slot_width
            top = (row * down + (j if choice.is_stacked else 0)) * slot_height
            if choice.is_beside:
                x, y = int(left + (slot_width - side - caption) / 2), int(top + (slot_height - side) / 2)
                image, text = Box(x, y, side, side), Box(x + side + 4, y, caption - 4, side)
                whole = Box(x, y, side + caption, side)
            else:
                x, y = int(left + (slot_width - side) / 2), int(top + (slot_height - side - caption) / 2)
                image, text = Box(x, y + caption, side, side), Box(x, y, side, caption)
                whole = Box(x, y, side, side + caption)
            yield Cell(module, kind, image, text, whole)


def pixel_at(image: Box, x: float, y: float) -> tuple[int, int] | None:
    """Row and column of the pixel that is seen at a place of the window; None beside the image."""
    column, row = (x - image.x) * MODULE_SIZE / image.width, (y - image.y) * MODULE_SIZE / image.height
    if not (0 <= row < MODULE_SIZE and 0 <= column < MODULE_SIZE):
        return None
    return int(row), int(column)
