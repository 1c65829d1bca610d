"""Items of a wall beside its images: captions, and covers that say what an image does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem

from panoseti_daq.pff.quabos import MODULE_SIZE, QUABO_SIZE
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.layout import LINE, LINES, Box
from panoseti_daq.viewers.images.titles import Line, Tone

COLORS: Final = {
    Tone.HEAD: QColor("#ffffff"),
    Tone.NORMAL: QColor(theme.FOREGROUND),
    Tone.OLD: QColor("#757b87"),
    Tone.WARNING: QColor("#ff9f1a"),
    Tone.BAD: QColor(theme.ALARM),
}
_DIMMED: Final = QColor(12, 12, 16, 165)
_HATCH: Final = QBrush(QColor(216, 220, 227, 110), Qt.BrushStyle.BDiagPattern)
_LINES: Final = QColor(255, 255, 255, 150)
_AGE_PART: Final = 5.5  # letters of an age that fit on each other in its veil


class Caption(QGraphicsItem):
    """Lines of text of a fixed size at a corner of an image, whatever the zoom; painted only when they change."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
        self._lines: tuple[Line, ...] = ()
        self._rect = QRectF()
        self._font, self._bold = QFont(), QFont()
        self._line_px = 1.0
        self._pieces: list[tuple[QPointF, QFont, QColor, str]] | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return "\n".join(" ".join(span.text for span in line) for line in self._lines)

    def place(self, box: Box, letters_px: float, *, hangs: bool) -> None:
        """Stand on the lower edge of a box, or hang from its upper one; letters of a height, px."""
        self.prepareGeometryChange()
        self._pieces = None
        self._line_px = LINE * letters_px
        for font in (self._font, self._bold):
            font.setPixelSize(max(6, round(letters_px)))
        self._bold.setBold(True)
        self.setPos(box.x, box.y if hangs else box.y + box.height)
        height = box.height if hangs else LINES * self._line_px
        self._rect = QRectF(0, 0 if hangs else -height, box.width, height)

    def show_lines(self, lines: tuple[Line, ...]) -> None:
        """Say something; costs nothing when it is the same."""
        if lines != self._lines:
            self._lines, self._pieces = lines, None
            self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """Where it may paint, px."""
        return self._rect

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        """Paint the lines; what does not fit is cut with an ellipsis."""
        if self._pieces is None:
            self._pieces = list(self._laid_out())
        for at, font, color, text in self._pieces:
            painter.setFont(font)
            painter.setPen(color)
            painter.drawText(at, text)

    def _laid_out(self) -> Iterator[tuple[QPointF, QFont, QColor, str]]:
        y, end = self._rect.top() + 0.78 * self._line_px, self._rect.width()
        for line in self._lines:
            x = 0.0
            for text, tone in line:
                font = self._bold if tone is Tone.HEAD else self._font
                metrics = QFontMetricsF(font)
                width = metrics.horizontalAdvance(text + " ")
                if x + width > end:
                    text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, end - x))
                yield QPointF(x, y), font, COLORS[tone], text
                x += width
                if x >= end:
                    break
            y += self._line_px


class Sheet(NamedTuple):
    """What is drawn over an image, in pixels as seen.

    Attributes
    ----------
    veils
        Column, row, width and height of what is silent, and the age that is said.
    marks, masked
        Row and column of pixels that were chosen, and of those that are left out.
    frame
        Tone of a frame around it; None for no frame.
    boundaries
        Whether there are lines between the quabos.
    """

    veils: tuple[tuple[tuple[int, int, int, int], str], ...] = ()
    marks: tuple[tuple[int, int], ...] = ()
    masked: tuple[tuple[int, int], ...] = ()
    frame: Tone | None = None
    boundaries: bool = False


class Cover(QGraphicsItem):
    """Paints a `Sheet` over an image: one unit is a pixel of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.setZValue(1)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.sheet = Sheet()

    def show_sheet(self, sheet: Sheet) -> None:
        """Paint something else; costs nothing when it is the same."""
        if sheet != self.sheet:
            self.sheet = sheet
            self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """The image and the width of a frame, pixels."""
        return QRectF(-0.5, -0.5, MODULE_SIZE + 1, MODULE_SIZE + 1)

    def paint(self, painter: QPainter, option: Any, widget: Any = None) -> None:
        """Paint the sheet."""
        for (column, row, width, height), text in self.sheet.veils:
            self._veil(painter, QRectF(column, row, width, height), text)
        if self.sheet.boundaries:
            painter.setPen(_cosmetic(_LINES, 1))
            painter.drawLine(QPointF(QUABO_SIZE, 0), QPointF(QUABO_SIZE, MODULE_SIZE))
            painter.drawLine(QPointF(0, QUABO_SIZE), QPointF(MODULE_SIZE, QUABO_SIZE))
        painter.setPen(_cosmetic(COLORS[Tone.OLD], 1))
        for row, column in self.sheet.masked:
            painter.drawLine(QPointF(column, row), QPointF(column + 1, row + 1))
            painter.drawLine(QPointF(column, row + 1), QPointF(column + 1, row))
        for row, column in self.sheet.marks:
            for color, grow in (("#000000", 0.25), ("#ffffff", 0.1)):
                painter.setPen(_cosmetic(QColor(color), 1))
                painter.drawRect(QRectF(column, row, 1, 1).adjusted(-grow, -grow, grow, grow))
        if self.sheet.frame is not None:
            painter.setPen(_cosmetic(COLORS[self.sheet.frame], 3))
            painter.drawRect(QRectF(0, 0, MODULE_SIZE, MODULE_SIZE))

    @staticmethod
    def _veil(painter: QPainter, rect: QRectF, text: str) -> None:
        painter.fillRect(rect, _DIMMED)
        scale = painter.worldTransform().m11()
        hatch = QBrush(_HATCH)
        hatch.setTransform(painter.worldTransform().inverted()[0])  # stripes keep their width
        painter.fillRect(rect, hatch)
        font = QFont()
        font.setPixelSize(max(8, round(rect.height() * scale / _AGE_PART)))
        font.setBold(True)
        painter.save()
        painter.scale(1 / scale, 1 / scale)
        painter.setFont(font)
        painter.setPen(COLORS[Tone.HEAD])
        place = QRectF(rect.x() * scale, rect.y() * scale, rect.width() * scale, rect.height() * scale)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
        painter.restore()


def _cosmetic(color: QColor, width: int) -> QPen:
    """A pen that is so many pixels of the screen wide."""
    pen = QPen(color, width)
    pen.setCosmetic(True)
    return pen
