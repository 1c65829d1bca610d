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


class _Way(NamedTuple):
    """A way to place images."""

    side: float  # Of an image, px
    letters: float  # Height, px
    slot: tuple[float, float]  # Width and height of the place of an image with its caption, px
    n_columns: int  # Modules side by side
    across: int  # Kinds of a module side by side: all of them, or one
    is_beside: bool  # Whether captions stand beside the images


def _ways(n: int, n_kinds: int, width: int, height: int, enlarge: float) -> Iterator[_Way]:
    for n_columns, across, is_beside in product(range(1, n + 1), (n_kinds, 1), (False, True)):
        slot = width / (n_columns * across), height / (-(-n // n_columns) * (n_kinds // across))
        inner = slot[0] - GAP_PX, slot[1] - GAP_PX
        letters = enlarge * min(max(min(inner) / _IMAGE_LETTERS, LETTERS_PX[0]), LETTERS_PX[1])
        if is_beside:
            side = min(inner[0] - _BESIDE_LETTERS * letters, inner[1])
        else:
            side = min(inner[0], inner[1] - LINES * LINE * letters)
        yield _Way(side, letters, slot, n_columns, across, is_beside)


def plan(modules: Sequence[Module], kinds: Sequence[Kind], width: int, height: int, enlarge: float = 1.0) -> Plan:
    """Place the images of modules, so that they become as large as can be.

    One more module never makes images larger, because its layout would have been there for the fewer as well.

    `modules`, `kinds`: what there is, in order. `width`, `height`: of the window, px. `enlarge`: factor for the
    size of letters.
    """
    width, height = max(1, width), max(1, height)
    ways = _ways(max(1, len(modules)), max(1, len(kinds)), width, height, enlarge)
    best = max(ways, key=lambda way: way.side)
    if best.side < _LEAST_SIDE_PX:
        larger = 1.25
        return plan(modules, kinds, round(width * larger) + 1, round(height * larger) + 1, enlarge)
    return Plan(width, height, best.letters, tuple(_cells(modules, kinds, best)))


def _cells(modules: Sequence[Module], kinds: Sequence[Kind], way: _Way) -> Iterator[Cell]:
    side, (slot_width, slot_height) = int(way.side), way.slot
    caption = round((_BESIDE_LETTERS if way.is_beside else LINES * LINE) * way.letters)
    width, height = (side + caption, side) if way.is_beside else (side, side + caption)
    for (i, module), (j, kind) in product(enumerate(modules), enumerate(kinds)):
        row, column = divmod(i, way.n_columns)
        left = (column * way.across + j % way.across) * slot_width
        top = (row * (len(kinds) // way.across) + j // way.across) * slot_height
        x, y = int(left + (slot_width - width) / 2), int(top + (slot_height - height) / 2)
        if way.is_beside:
            image, text = Box(x, y, side, side), Box(x + side + 4, y, caption - 4, side)
        else:
            image, text = Box(x, y + caption, side, side), Box(x, y, side, caption)
        yield Cell(module, kind, image, text, Box(x, y, width, height))


def pixel_at(image: Box, x: float, y: float) -> tuple[int, int] | None:
    """Row and column of the pixel that is seen at a place of the window; None beside the image."""
    column, row = (x - image.x) * MODULE_SIZE / image.width, (y - image.y) * MODULE_SIZE / image.height
    if not (0 <= row < MODULE_SIZE and 0 <= column < MODULE_SIZE):
        return None
    return int(row), int(column)
