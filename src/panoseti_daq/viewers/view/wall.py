"""Widget that shows the images of a `Board`.

It paints with QPainter rather than with a plot per image: a redraw of 128 images takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from panoseti_daq.pff import Kind
from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.images import geometry
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.colors import rgb_table
from panoseti_daq.viewers.images.geometry import Cell, Plan
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.titles import Line
from panoseti_daq.viewers.view.paint import Brush

Place = tuple[int, Kind]
WallPixel = tuple[Place, int, int]
"""A place, and row and column as stored."""
ImageAndPixels = tuple[QImage, npt.NDArray[np.uint32]]
"""An image and its pixels, which it does not keep alive."""


class Wall(QWidget):
    """Paints all images; only what changed is painted again.

    Parameters
    ----------
    board
        What to paint.
    refresh_period_s
        Frames older than five of these are marked, s.

    Attributes
    ----------
    plan
        Where everything is.
    now_unix_s
        The time of the ages, UTC s since 1970.
    waiting_text
        What is said before there is an image.
    chosen
        The pixel that is marked; None for none.
    hovered
        Signal: the pixel under the mouse, or None.
    clicked
        Signal: the pixel.
    """

    hovered = Signal(object)
    clicked = Signal(object)

    def __init__(self, board: Board, refresh_period_s: float) -> None:
        super().__init__()
        self.now_unix_s = 0.0
        self.waiting_text = "waiting for the first frame"
        self.chosen: WallPixel | None = None
        self.plan = Plan(0, ())
        self._board = board
        self._refresh_period_s = refresh_period_s
        self._view_size = QSize(0, 0)
        self._pictures: dict[Place, ImageAndPixels] = {}
        self._texts: dict[Place, list[Line]] = {}
        self._cells: dict[Place, Cell] = {}
        self._brush = Brush(is_grid=False)
        self._planned: object = None
        self.setMouseTracking(True)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def set_view_size(self, size: QSize) -> None:
        """How much of it can be seen at once; the rest scrolls."""
        self._view_size = size
        self.arrange()

    def arrange(self) -> None:
        """Make room for what there is, if that is not what it was."""
        board, size = self._board, self._view_size
        grid, modules, kinds = board.is_grid, board.modules, board.kinds
        products = list(board.common_levels()) if grid else []
        planned = (grid, modules, kinds, products, size)
        if planned == self._planned:
            return
        self._planned = planned
        self._brush = Brush(is_grid=grid)
        metrics = self._brush.metrics
        if grid:
            self.plan = geometry.plan_grid(modules, kinds, products, size.width(), size.height(), metrics)
        else:
            self.plan = geometry.plan_rows(modules, kinds, size.width(), size.height(), metrics)
        self._cells = {(cell.module_id, cell.kind): cell for cell in self.plan.cells}
        self._texts.clear()
        self.setMinimumHeight(self.plan.height if self.plan.height > size.height() else 0)
        self.update()
        self._take_texts()

    def show_changes(self, changed: Iterable[Panel]) -> None:
        """Take over panels that look different, and texts that read different."""
        dirty: set[Place] = set()
        for panel in changed:
            place = panel.module_id, panel.kind
            self._pictures[place] = self._picture(panel)
            dirty.add(place)
        dirty |= self._take_texts()
        if 2 * len(dirty) > len(self._cells):
            self.update()  # one large region is cheaper than many small ones
            return
        for box in (*(self._cells[place].whole for place in dirty), *(box for _, box in self.plan.legends)):
            self.update(QRect(*box))

    def _take_texts(self) -> set[Place]:
        changed = set()
        for place, panel in self._board.panels.items():
            if place in self._cells:
                lines = self._lines(panel, self._cells[place])
                if lines != self._texts.get(place):
                    self._texts[place] = lines
                    changed.add(place)
        return changed

    def _lines(self, panel: Panel, cell: Cell) -> list[Line]:
        if cell.has_bar:
            return panel.lines(self.now_unix_s, self._refresh_period_s)
        captions = panel.captions(self.now_unix_s, self._refresh_period_s, with_module=cell.is_first)
        fitting = (caption for caption in captions if self._brush.width_of(caption) <= cell.text.width)
        return [next(fitting, captions[-1])]

    def _picture(self, panel: Panel) -> ImageAndPixels:
        settings = self._board.settings
        pixels = rgb_table(settings.colormap).take(settings.orientation.shown(panel.indices))
        image = QImage(pixels.data, MODULE_SIZE, MODULE_SIZE, 4 * MODULE_SIZE, QImage.Format.Format_RGB32)
        return image, pixels

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paint what is asked for."""
        region, painter = event.region(), QPainter(self)
        self._brush.clear(painter, event.rect())
        if not self._cells:
            self._brush.message(painter, self.rect(), self.waiting_text)
        for place, cell in self._cells.items():
            if region.intersects(QRect(*cell.whole)):
                self._paint_cell(painter, place, cell)
        settings, levels = self._board.settings, self._board.common_levels()
        for product, box in self.plan.legends:
            if product in levels and region.intersects(QRect(*box)):
                self._brush.legend(painter, box, product, levels[product], settings.colormap)
        painter.end()

    def _paint_cell(self, painter: QPainter, place: Place, cell: Cell) -> None:
        panel, settings = self._board.panels.get(place), self._board.settings
        if panel is None or place not in self._pictures:
            self._brush.nothing_yet(painter, cell)
            return
        self._brush.image(painter, cell.image, self._pictures[place][0], panel.status)
        if settings.boundaries:
            self._brush.boundaries(painter, cell, settings.orientation)
        if self.chosen is not None and self.chosen[0] == place:
            self._brush.mark(painter, cell.image, settings.orientation.seen(*self.chosen[1:]))
        self._brush.title(painter, cell, self._texts.get(place, []))
        if cell.has_bar:
            self._brush.bar(painter, cell.image, panel.levels, settings.colormap)

    def cell_at(self, x: float, y: float) -> Cell | None:
        """The cell at a place of the widget, if there is something to be seen in it."""
        for place, cell in self._cells.items():
            if place in self._board.panels and QRect(*cell.whole).contains(int(x), int(y)):
                return cell
        return None

    def pixel_at(self, x: float, y: float) -> WallPixel | None:
        """The pixel at a place of the widget."""
        cell = self.cell_at(x, y)
        seen = None if cell is None else geometry.pixel_at(cell.image, x, y)
        if cell is None or seen is None:
            return None
        return ((cell.module_id, cell.kind), *self._board.settings.orientation.stored(*seen))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which pixel is under the mouse."""
        self.hovered.emit(self.pixel_at(event.position().x(), event.position().y()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Tell that none is."""
        self.hovered.emit(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which pixel was clicked."""
        pixel = self.pixel_at(event.position().x(), event.position().y())
        if event.button() is Qt.MouseButton.LeftButton and pixel is not None:
            self.clicked.emit(pixel)

    def event(self, event: QEvent) -> bool:
        """Show everything about an image in a tool tip."""
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            cell = self.cell_at(event.pos().x(), event.pos().y())
            QToolTip.showText(event.globalPos(), self.tip(cell) if cell else "", self)
            return True
        return super().event(event)

    def tip(self, cell: Cell) -> str:
        """What the tool tip of a cell says: all lines, and the whole name of each file."""
        panel = self._board.panels[cell.module_id, cell.kind]
        lines = panel.lines(self.now_unix_s, self._refresh_period_s)
        text = [" ".join(span.text for span in line) for line in lines]
        return "\n".join([*text, *file_names(panel)])


def file_names(panel: Panel) -> list[str]:
    """Names of the files that the frames of a panel stand in, each once."""
    return list(dict.fromkeys(stamp.frame.file for stamp in panel.stamps.values()))
