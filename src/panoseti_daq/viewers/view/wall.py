"""Wall of images: a mosaic in one view box.

The view box is a map of the whole wall: the wheel zooms, dragging pans, a double click makes one module large.
"""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QResizeEvent

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.pff import TimeStatus
from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant
from panoseti_daq.viewers.clock import age_text
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.colors import rgb_table
from panoseti_daq.viewers.images.layout import LETTERS_PX, Cell, Plan, pixel_at, plan
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.images.titles import KIND_NAMES, Line, Span, Tone
from panoseti_daq.viewers.modules import ByHost, Module
from panoseti_daq.viewers.view.items import Mosaic, Note, Place, Sheet

WallPixel = tuple[Place, int, int]
"""A place, and row and column as stored."""
_DOUBTS: Final = {TimeStatus.HOST_CLOCK: Tone.WARNING, TimeStatus.NO_TIME: Tone.BAD}
_HEAD_LETTERS: Final = 11  # width, in heights of letters, that "module 224 ph1024" needs
_LETTER_WIDTH: Final = 0.62  # of a letter on average, in heights of letters
_LARGE: Final = 0.04  # room around a module that is made large, part of its size


class Wall(pg.GraphicsView):  # type: ignore[misc]  # pyqtgraph has no types
    """Shows all images of a board; only what changed is drawn again."""

    hovered = Signal(object)  # the pixel under the mouse, or None
    clicked = Signal(object, bool)  # the pixel, and whether it is one more
    opened = Signal(object)  # the pixel that was clicked twice

    def __init__(self, board: Board) -> None:
        super().__init__(background=theme.now().background)
        self.chosen: set[WallPixel] = set()
        self.lost: dict[str, str] = {}  # Hosts that are lost, and what is said of them
        self.beside: ByHost[Module, Span] = ByHost()  # What stands beside the images of a module, by module
        self.enlarge = 1.0  # Factor for the letters
        self.plan = Plan(1, 1, 1.0, ())  # Where everything is, while the whole wall is seen
        self._board = board
        self._cells: dict[Place, Cell] = {}
        self._planned: object = None
        self.large: Module | None = None  # The module that was made large; None while all are seen
        self._clicked: WallPixel | None = None
        self.mosaic, self._over = Mosaic(), pg.ItemGroup()
        self._over_place: Any = None
        self.box = pg.ViewBox(lockAspect=True, enableMenu=False, invertY=True, defaultPadding=0)
        self.setCentralItem(self.box)
        self.setViewportUpdateMode(self.ViewportUpdateMode.FullViewportUpdate)  # all changes at once, or nothing
        self.box.addItem(self.mosaic, ignoreBounds=True)
        self.box.sigRangeChanged.connect(self.set_notes)
        self.scene().sigMouseMoved.connect(
            lambda at: self.hovered.emit(self.pixel_at(self.box.mapSceneToView(at)))
        )
        self.scene().sigMouseClicked.connect(self._click)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Make use of the room there is."""
        super().resizeEvent(event)
        if hasattr(self, "box"):
            self.arrange()

    def restyle(self) -> None:
        """Take the colors of the theme."""
        self.setBackground(theme.now().background)
        self._planned = None
        self.arrange()

    def arrange(self) -> None:
        """Make room for what there is, if that is not what it was."""
        board, size = self._board, self.viewport().size()
        planned = (board.modules, board.kinds, size, self.enlarge)
        if planned == self._planned:
            return
        self._planned = planned
        self.plan = plan(board.modules, board.kinds, size.width(), size.height(), self.enlarge)
        self._cells = {(cell.module, cell.kind): cell for cell in self.plan.cells}
        self.mosaic.place(self._cells, self.plan.letters_px, self.enlarge * LETTERS_PX[1])
        self._place_over()
        self.show_changes(self._board.panels.values())
        self.fit(self.large)

    def fit(self, module: Module | None = None) -> None:
        """Show a module as large as it can be, or the whole wall."""
        boxes = [QRectF(*cell.whole) for cell in self.plan.cells if cell.module == module]
        self.large = module if boxes else None
        rect = QRectF(0, 0, self.plan.width, self.plan.height)
        if boxes:
            rect = functools.reduce(QRectF.united, boxes)
            pad = _LARGE * rect.width()
            rect.adjust(-pad, -pad, pad, pad)
        self.box.setRange(rect, padding=0, disableAutoRange=True)

    @property
    def is_whole(self) -> bool:
        """Whether all of it is seen at the size it was made for."""
        return bool(self.large is None and self.box.viewRect().width() >= 0.98 * self.plan.width)

    def show_changes(self, changed: Iterable[Panel]) -> None:
        """Take over panels that look different, and captions and covers that differ."""
        settings = self._board.settings
        table = rgb_table(settings.colormap, red=theme.now().is_red)
        for panel in changed:
            if (place := (panel.module, panel.kind)) in self._cells:
                seen = settings.orientation_of(panel.module).shown(panel.indices)
                self.mosaic.show_image(place, table.take(seen))
        self.mosaic.update()
        self.set_notes()

    def set_notes(self) -> None:
        """Set the texts and covers that differ from what is drawn."""
        now_s, scale = self._board.clock.now_s(), self.scale_of_view
        for place in self._cells:
            self.mosaic.show_note(place, self._note(place, now_s, scale))

    def _note(self, place: Place, now_s: float, scale: float) -> Note:
        panel = self._board.panels.get(place)
        if panel is None or not panel.stamps:
            name = Span(f"module {self._board.called(place[0])}", Tone.HEAD)
            return Note(((name,), (Span(f"no {KIND_NAMES[place[1]]} yet", Tone.OLD),)))
        return Note(self._lines(place, panel, now_s, scale), self._sheet(place, panel, now_s))

    def _lines(self, place: Place, panel: Panel, now_s: float, scale: float) -> tuple[Line, ...]:
        module, kind = place
        cell, host = self._cells[place], self._board.called(module).host
        letters = cell.text.width * scale / self.mosaic.letters_px(scale)
        is_narrow = not cell.is_beside and letters < _HEAD_LETTERS + _LETTER_WIDTH * len(host)
        name = self._board.settings.names.of(module) or ""
        head, state = panel.caption(now_s, host, name, short=is_narrow).lines
        if lost := self.lost.get(module.host):
            state = Span(lost, Tone.BAD), *state
        is_first = kind is self.plan.cells[0].kind  # of the images of its module
        around = self.beside.of(module) if is_first else None
        if not cell.is_beside:
            return ((*head, around) if around and not is_narrow else head), state
        pieces = textwrap.wrap(around.text, max(int(letters / _LETTER_WIDTH), 8)) if around else []
        spans = [*head, *state, *(Span(text, around.tone) for text in pieces if around)]
        return tuple((span,) for span in spans)

    def _sheet(self, place: Place, panel: Panel, now_s: float) -> Sheet:
        settings = self._board.settings
        orientation = settings.orientation_of(place[0])
        silent = panel.silent(now_s)
        if len(silent) == len(panel.stamps):
            silent = {None: max(silent.values())}  # said once
        veils = tuple((_seen_box(orientation, quabo), age_text(age_s)) for quabo, age_s in silent.items())
        marks = tuple(orientation.seen(row, column) for at, row, column in self.chosen if at == place)
        mask = self._board.masks.of(place[0])
        seen = [] if mask is None else np.argwhere(orientation.shown(mask)).tolist()
        masked = tuple((row, column) for row, column in seen)
        frame = Tone.BAD if place[0].host in self.lost else _DOUBTS.get(panel.status)
        return Sheet(veils, marks, masked, frame, settings.boundaries)

    def cell_at(self, point: Any) -> Cell | None:
        """The cell at a place of the wall, if there is something to be seen in it."""
        for place, cell in self._cells.items():
            panel = self._board.panels.get(place)
            if panel is not None and panel.stamps and QRectF(*cell.whole).contains(point):
                return cell
        return None

    def pixel_at(self, point: Any) -> WallPixel | None:
        """The pixel at a place of the wall."""
        cell = self.cell_at(point)
        seen = None if cell is None else pixel_at(cell.image, point.x(), point.y())
        if cell is None or seen is None:
            return None
        stored = self._board.settings.orientation_of(cell.module).stored(*seen)
        return ((cell.module, cell.kind), *stored)

    @property
    def scale_of_view(self) -> float:
        """How many times as large as it was planned the wall is seen."""
        return float(self.box.width() / max(self.box.viewRect().width(), 1e-9))

    def over(self, place: Place) -> Any:
        """Return an item whose children lie over an image; their unit is a pixel, and they move with the image."""
        self._over.setParentItem(self.mosaic)
        self._over_place = place
        self._place_over()
        return self._over

    def _place_over(self) -> None:
        if (cell := self._cells.get(self._over_place)) is not None:
            self._over.setPos(cell.image.x, cell.image.y)
            self._over.setScale(cell.image.width / MODULE_SIZE)

    def _click(self, event: Any) -> None:
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        if not event.double():  # else the first of the two clicks may have moved the images
            self._clicked = self.pixel_at(self.box.mapSceneToView(event.scenePos()))
        pixel = self._clicked
        if pixel is None:
            return
        if event.double():
            self.opened.emit(pixel)
        else:
            more = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
            self.clicked.emit(pixel, bool(event.modifiers() & more))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Say that no pixel is under the mouse."""
        super().leaveEvent(event)
        self.hovered.emit(None)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Show everything about an image in a tool tip."""
        if event.type() is QEvent.Type.ToolTip:
            point = self.box.mapSceneToView(self.mapToScene(event.pos()))  # type: ignore[attr-defined]
            cell = self.cell_at(point)
            self.setToolTip(self.tip(cell) if cell else "")
        return bool(super().viewportEvent(event))

    def tip(self, cell: Cell) -> str:
        """What the tool tip of a cell says."""
        lines = self._board.panels[cell.module, cell.kind].details(self._board.clock.now_s())
        around = self.beside.of(cell.module)
        return "\n".join([*lines, *([around.text] if around else [])])


@functools.cache
def _seen_box(orientation: Orientation, quabo: int | None) -> tuple[int, int, int, int]:
    """Column, row, width and height of a quabo as seen; of the whole image for None."""
    if quabo is None:
        return 0, 0, MODULE_SIZE, MODULE_SIZE
    stored = np.zeros((MODULE_SIZE, MODULE_SIZE), np.bool_)
    stored[quadrant(quabo)] = True
    rows, columns = np.nonzero(orientation.shown(stored))
    return int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
