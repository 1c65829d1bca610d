"""`view` on a screen that nobody sees: shown, fed, and its pixels read back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.images.layout import Box, Cell
from panoseti_daq.viewers.plugin import ViewerContext
from panoseti_daq.viewers.view import SPEC
from support.qt import process_events
from support.received import by_key, local

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from panoseti_daq.viewers.view.widget import View

SIZE_PX = (1000, 700)
_shown_before: list[View] = []


def shown(*frames: ReceivedFrame, refresh_period_s: float = 1.0, **options: Any) -> View:
    """The viewer in a window of `SIZE_PX`, after these frames."""
    while _shown_before:
        _shown_before.pop().widget.close()
    view: View = SPEC.make(ViewerContext(refresh_period_s), **options)
    _shown_before.append(view)
    view.widget.resize(*SIZE_PX)
    view.widget.show()
    show(view, *frames)
    return view


def show(view: View, *frames: ReceivedFrame) -> None:
    """Let it take frames and draw."""
    if frames:
        view.update(by_key(*frames))
    view.redraw()
    process_events()


def text_of(view: View, module_id: int, kind: Kind) -> str:
    """What the caption of an image says."""
    text: str = view.wall.mosaic.notes[local(module_id), kind].text
    return text


def picture(view: View) -> npt.NDArray[np.uint32]:
    """What is seen of the wall: ``0xRRGGBB`` by row and column of the screen."""
    return pixels_of(view.wall.grab().toImage())


def pixels_of(image: QImage) -> npt.NDArray[np.uint32]:
    """A picture as ``0xRRGGBB`` by row and column."""
    image = image.convertToFormat(image.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.bytesPerLine() // 4)
    return pixels[:, : image.width()] & np.uint32(0xFFFFFF)


def name_of(color: int) -> str:
    """A color as ``#rrggbb``."""
    return f"#{color:06x}"


def cell_of(view: View, module_id: int, kind: Kind) -> Cell:
    """The place of a kind of a module."""
    (cell,) = (cell for cell in view.wall.plan.cells if (cell.module, cell.kind) == (local(module_id), kind))
    return cell


def place_of(image: Box, row: int, column: int) -> tuple[int, int]:
    """Middle of the pixel that is seen at a row and column, px."""
    step = image.width / 32
    return int(image.x + (column + 0.5) * step), int(image.y + (row + 0.5) * step)


def colors_in(view: View, box: Box) -> set[str]:
    """All colors of a part of the wall, as ``#rrggbb``."""
    part = picture(view)[box.y : box.y + box.height, box.x : box.x + box.width]
    return {name_of(color) for color in np.unique(part)}


def seen_pixels(view: View, cell: Cell) -> npt.NDArray[np.str_]:
    """Color in the middle of each pixel of an image, as ``#rrggbb``: shape (32, 32), as it lies on the screen."""
    seen = picture(view)
    names = [[name_of(seen[place_of(cell.image, row, column)[::-1]]) for column in range(32)] for row in range(32)]
    return np.array(names)
