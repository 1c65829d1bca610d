"""Geometry of images, titles and color bars in a window of a given size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.pff.quabos import MODULE_SIZE

GAP_PX: Final = 8
BAR_PX: Final = 12  # width of the colors of a color bar
TITLE_LINES: Final = 6  # head, four quabos, file
TITLE_CHARS: Final = 34  # the longest of them that all is well with
LABEL_CHARS: Final = 6  # of a color bar
LEAST_SIDE_PX: Final = {False: 128, True: 60}  # rows, grid; the grid's is nine letters wide


class Box(NamedTuple):
    """A rectangle, px."""

    x: int
    y: int
    width: int
    height: int


class Cell(NamedTuple):
    """Room for one kind of one module.

    The color bar, when there is one, stands right of the image.
    """

    module_id: int
    kind: Kind
    whole: Box
    image: Box
    text: Box
    has_bar: bool
    is_first: bool
    """Whether it is the leftmost of its module."""


class Metrics(NamedTuple):
    """Size of the letters, px."""

    line: int
    char: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes where.

    Attributes
    ----------
    height
        What all needs, px; more than the window has when it must scroll.
    cells
        Row by row; in a row from left to right.
    legends
        Room for the common color bar of each product; none in rows.
    """

    height: int
    cells: tuple[Cell, ...]
    legends: tuple[tuple[DataProduct, Box], ...] = ()


def plan_rows(modules: Sequence[int], kinds: Sequence[Kind], width: int, height: int, metrics: Metrics) -> Plan:
    """A row for each module, with titles above the images or right of them, whichever makes larger images."""
    text_height = TITLE_LINES * metrics.line
    bar = round(LABEL_CHARS * metrics.char) + BAR_PX + GAP_PX
    cell_width = width // max(1, len(kinds))
    least = LEAST_SIDE_PX[False] + 2 * GAP_PX
    cell_height = max(height // max(1, len(modules)), least)
    inner_width, inner_height = cell_width - 2 * GAP_PX, cell_height - 2 * GAP_PX
    text_width = round(TITLE_CHARS * metrics.char) + 2 * GAP_PX
    above = min(inner_width - bar, inner_height - text_height)
    beside = min(inner_width - bar - text_width, inner_height)
    side = max(above, beside)
    if side < LEAST_SIDE_PX[False]:  # too narrow: scroll
        above = side = max(1, min(LEAST_SIDE_PX[False], inner_width - bar))
        cell_height = side + text_height + 2 * GAP_PX
        inner_height = cell_height - 2 * GAP_PX
    cells = []
    for row, column in _places(len(modules), len(kinds)):
        whole = Box(column * cell_width, row * cell_height, cell_width, cell_height)
        if above >= beside:
            x = whole.x + GAP_PX + (inner_width - side - bar) // 2
            y = whole.y + GAP_PX + (inner_height - side - text_height) // 2
            text = Box(x, y, whole.x + whole.width - x, text_height)
            image = Box(x, y + text_height, side, side)
        else:
            x = whole.x + GAP_PX + (inner_width - side - bar - text_width) // 2
            image = Box(x, whole.y + (cell_height - side) // 2, side, side)
            x += side + bar + GAP_PX
            text = Box(x, image.y, whole.x + whole.width - x, inner_height)
        cells.append(Cell(modules[row], kinds[column], whole, image, text, has_bar=True, is_first=column == 0))
    return Plan(max(height, cell_height * len(modules)), tuple(cells))


def plan_grid(
    modules: Sequence[int],
    kinds: Sequence[Kind],
    products: Sequence[DataProduct],
    width: int,
    height: int,
    metrics: Metrics,
) -> Plan:
    """The modules side by side, in as many columns as make the images largest; common color bars on top."""
    n, n_kinds = max(1, len(modules)), max(1, len(kinds))
    top = metrics.line + 2 * GAP_PX if products else 0

    def side_with(n_columns: int) -> int:
        by_width = (width // n_columns - GAP_PX) // n_kinds - GAP_PX // 2
        by_height = (height - top) // -(-n // n_columns) - metrics.line - GAP_PX
        return min(by_width, by_height)

    n_columns = max(range(1, n + 1), key=side_with)
    side = side_with(n_columns)
    if side < LEAST_SIDE_PX[True]:
        side = LEAST_SIDE_PX[True]
        n_columns = min(n, max(1, width // (n_kinds * (side + GAP_PX // 2) + GAP_PX)))
    cell_width, cell_height = width // n_columns, side + metrics.line + GAP_PX
    cells = []
    for i, module_id in enumerate(modules):
        left = i % n_columns * cell_width + (cell_width - n_kinds * (side + GAP_PX // 2)) // 2
        y = top + i // n_columns * cell_height
        for column, kind in enumerate(kinds):
            x = left + column * (side + GAP_PX // 2)
            text, image = Box(x, y, side + 2, metrics.line), Box(x, y + metrics.line, side, side)
            whole = Box(x - 2, y, side + 4, cell_height)
            cells.append(Cell(module_id, kind, whole, image, text, has_bar=False, is_first=column == 0))
    step = width // max(1, len(products))
    legends = tuple(
        (product, Box(i * step + GAP_PX, GAP_PX, step - 2 * GAP_PX, metrics.line))
        for i, product in enumerate(products)
    )
    return Plan(max(height, top + -(-n // n_columns) * cell_height), tuple(cells), legends)


def _places(n_rows: int, n_columns: int) -> Iterator[tuple[int, int]]:
    return ((row, column) for row in range(n_rows) for column in range(n_columns))


def pixel_at(image: Box, x: float, y: float) -> tuple[int, int] | None:
    """Row and column of the pixel that is seen at a place of the window; None beside the image."""
    column, row = (x - image.x) * MODULE_SIZE / image.width, (y - image.y) * MODULE_SIZE / image.height
    if not (0 <= row < MODULE_SIZE and 0 <= column < MODULE_SIZE):
        return None
    return int(row), int(column)
