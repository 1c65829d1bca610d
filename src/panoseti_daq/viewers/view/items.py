"""Mosaic of a wall: one scene item that paints all images, their captions, and what is drawn over them.

An item for each image, caption and cover would be 400 items for 64 modules, and Qt asks Python for the bounds and
the paint of each; docs/decisions/0014 has the numbers.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QImage, QPainter, QPen, QTransform

import pyqtgraph as pg  # isort: skip  # after the binding that it shall use

from panoseti_daq.pff import Kind
from panoseti_daq.pff.quabos import MODULE_SIZE, QUABO_SIZE
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.layout import LETTERS_PX, LINE, LINES, Cell
from panoseti_daq.viewers.images.titles import Line, Tone
from panoseti_daq.viewers.modules import Module

Place = tuple[Module, Kind]
_TONES: Final = {
    Tone.HEAD: "strong",
    Tone.NORMAL: "foreground",
    Tone.OLD: "dim",
    Tone.WARNING: "warning",
    Tone.BAD: "alarm",
}
_PLAIN: Final = (Tone.NORMAL, Tone.OLD)
_AGE_PART: Final = 5.5  # letters of an age that fit on each other in its veil
_BASELINE: Final = 0.78  # of a line, from its top


class Sheet(NamedTuple):
    """What is drawn over an image, in pixels as seen."""

    # Column, row, width and height of what is silent, and the age that is said
    veils: tuple[tuple[tuple[int, int, int, int], str], ...] = ()
    # Row and column of pixels that were chosen, and of those that are left out
    marks: tuple[tuple[int, int], ...] = ()
    masked: tuple[tuple[int, int], ...] = ()
    frame: Tone | None = None  # Tone of a frame around it; None for no frame
    boundaries: bool = False  # Whether there are lines between the quabos

    def paint(self, painter: QPainter) -> None:
        """Paint over an image whose pixels are the units of the painter."""
        for (column, row, width, height), text in self.veils:
            _paint_veil(painter, QRectF(column, row, width, height), text)
        if self.boundaries:
            painter.setPen(_cosmetic(_clear(theme.now().strong, 150), 1))
            painter.drawLine(QUABO_SIZE, 0, QUABO_SIZE, MODULE_SIZE)
            painter.drawLine(0, QUABO_SIZE, MODULE_SIZE, QUABO_SIZE)
        painter.setPen(_cosmetic(color_of(Tone.OLD), 1))
        for row, column in self.masked:
            painter.drawLine(column, row, column + 1, row + 1)
            painter.drawLine(column, row + 1, column + 1, row)
        for row, column in self.marks:
            for color, grow in ((theme.now().background, 0.25), (theme.now().strong, 0.1)):
                painter.setPen(_cosmetic(QColor(color), 1))
                painter.drawRect(QRectF(column, row, 1, 1).adjusted(-grow, -grow, grow, grow))
        if self.frame is not None:
            painter.setPen(_cosmetic(color_of(self.frame), 3))
            painter.drawRect(QRectF(0, 0, MODULE_SIZE, MODULE_SIZE))


_NOTHING: Final = Sheet()


class Note(NamedTuple):
    """Caption of an image, and what is drawn over it."""

    lines: tuple[Line, ...] = ()
    sheet: Sheet = _NOTHING

    @property
    def text(self) -> str:
        """What the caption says."""
        return "\n".join(" ".join(span.text for span in line) for line in self.lines)


class Mosaic(pg.GraphicsObject):  # type: ignore[misc]  # pyqtgraph has no types
    """Paints the cells of a wall. Letters keep their size when the images grow, up to the largest there are."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlag(self.GraphicsItemFlag.ItemUsesExtendedStyleOption)  # says which part is to be painted
        self._bounds = QRectF()
        self._cells: dict[Place, Cell] = {}
        self._rows: dict[Place, int] = {}
        self._pixels = np.zeros((0, MODULE_SIZE), np.uint32)
        self._letters_px = self._most_px = LETTERS_PX[1]
        self.notes: dict[Place, Note] = {}

    def place(self, cells: Mapping[Place, Cell], letters_px: float, most_px: float) -> None:
        """Paint these cells from now on, with letters of a height, px; with larger ones when they are zoomed."""
        self.prepareGeometryChange()
        self._cells, self._letters_px, self._most_px = dict(cells), letters_px, most_px
        self._bounds = functools.reduce(QRectF.united, (QRectF(*cell.whole) for cell in cells.values()), QRectF())
        self._bounds.adjust(-2, -2, 2, 2)  # frames are wider than their images
        before, rows = self._pixels, self._rows
        self._rows = {place: MODULE_SIZE * n for n, place in enumerate(cells)}
        self._pixels = np.full(
            (MODULE_SIZE * len(cells), MODULE_SIZE), QColor(theme.now().background).rgb(), np.uint32
        )
        for place in rows.keys() & self._rows.keys():
            self.show_image(place, before[rows[place] : rows[place] + MODULE_SIZE])
        self.notes = {place: note for place, note in self.notes.items() if place in cells}
        self.update()

    def show_image(self, place: Place, pixels: npt.NDArray[np.uint32]) -> None:
        """Take an image, shape (32, 32), ``0xffRRGGBB``; `update` paints it."""
        row = self._rows[place]
        self._pixels[row : row + MODULE_SIZE] = pixels

    def show_note(self, place: Place, note: Note) -> None:
        """Say something; costs nothing when it is the same."""
        if self.notes.get(place) != note:
            self.notes[place] = note
            self.update()

    def letters_px(self, scale: float) -> float:
        """Height of letters when the wall is seen this many times as large as it was planned."""
        return min(max(self._letters_px * scale, self._letters_px), max(self._most_px, self._letters_px))

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """All cells."""
        return self._bounds

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        """Paint the cells that are seen."""
        world, seen = painter.worldTransform(), option.exposedRect
        cells = [(place, cell) for place, cell in self._cells.items() if seen.intersects(QRectF(*cell.whole))]
        # The format that Qt copies without converting: a fifth of the time of what `ImageItem` makes.
        picture = QImage(
            self._pixels.data, MODULE_SIZE, len(self._pixels), 4 * MODULE_SIZE, QImage.Format.Format_RGB32
        )
        for place, cell in cells:
            source = QRectF(0, self._rows[place], MODULE_SIZE, MODULE_SIZE)
            painter.drawImage(QRectF(*cell.image), picture, source)
        for place, cell in cells:
            if (sheet := self.notes.get(place, Note()).sheet) != _NOTHING:
                scale = cell.image.width / MODULE_SIZE
                painter.setWorldTransform(QTransform(world).translate(*cell.image[:2]).scale(scale, scale))
                sheet.paint(painter)
        painter.resetTransform()
        letters_px = self.letters_px(world.m11())
        for place, cell in cells:
            if place in self.notes:
                _paint_caption(painter, world, cell, self.notes[place].lines, letters_px)
        painter.setWorldTransform(world)


def _paint_caption(
    painter: QPainter, world: QTransform, cell: Cell, lines: tuple[Line, ...], letters_px: float
) -> None:
    """Paint lines on the upper edge of an image, or beside it.

    What does not fit is cut with an ellipsis; a single plain word is left out: half of a time says nothing.
    """
    box, line_px = cell.text, LINE * letters_px
    corner = world.map(QPointF(box.x, box.y if cell.is_beside else box.y + box.height))
    left, width = round(corner.x()), box.width * world.m11()
    y = round(corner.y()) + (_BASELINE - (0 if cell.is_beside else LINES)) * line_px
    for line in lines:
        x = 0.0
        for text, tone in line:
            font = _font(round(letters_px), tone is Tone.HEAD)
            advance = _advance(round(letters_px), tone is Tone.HEAD, text + " ")
            if x + advance > width:
                if x and tone in _PLAIN and " " not in text:
                    break
                # Hosts differ at their ends; the name of a module stands first.
                mode = Qt.TextElideMode.ElideMiddle if x and tone is Tone.HEAD else Qt.TextElideMode.ElideRight
                text = QFontMetricsF(font).elidedText(text, mode, max(0.0, width - x))
            painter.setFont(font)
            painter.setPen(color_of(tone))
            painter.drawText(QPointF(left + x, y), text)
            x += advance
            if x >= width:
                break
        y += line_px


@functools.cache
def _font(size_px: int, is_bold: bool) -> QFont:
    font = QFont()
    font.setPixelSize(max(6, size_px))
    font.setBold(is_bold)
    return font


@functools.lru_cache(maxsize=4096)
def _advance(size_px: int, is_bold: bool, text: str) -> float:
    return QFontMetricsF(_font(size_px, is_bold)).horizontalAdvance(text)


def _paint_veil(painter: QPainter, rect: QRectF, text: str) -> None:
    painter.fillRect(rect, _clear(theme.now().background, 165))
    world = painter.worldTransform()
    hatch = QBrush(_clear(theme.now().foreground, 110), Qt.BrushStyle.BDiagPattern)
    hatch.setTransform(world.inverted()[0])  # stripes keep their width
    painter.fillRect(rect, hatch)
    place = world.mapRect(rect)
    painter.resetTransform()
    painter.setFont(_font(max(8, round(place.height() / _AGE_PART)), True))
    painter.setPen(color_of(Tone.HEAD))
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
    painter.setWorldTransform(world)


def _cosmetic(color: QColor, width: int) -> QPen:
    """A pen of a width in pixels of the screen."""
    pen = QPen(color, width)
    pen.setCosmetic(True)
    return pen


def color_of(tone: Tone) -> QColor:
    """Return the color of a text in the theme."""
    return QColor(getattr(theme.now(), _TONES[tone]))


def _clear(color: str, opacity: int) -> QColor:
    made = QColor(color)
    made.setAlpha(opacity)
    return made
