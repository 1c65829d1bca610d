"""Painting of the pieces of the wall."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontMetrics, QImage, QLinearGradient, QPainter, QPen

from panoseti_daq.pff import DataProduct, TimeStatus
from panoseti_daq.pff.quabos import CORNERS, MODULE_SIZE, QUABO_SIZE
from panoseti_daq.viewers.host.theme import ALARM, BACKGROUND, FOREGROUND
from panoseti_daq.viewers.images.colors import ColorMap, color_table
from panoseti_daq.viewers.images.geometry import BAR_PX, GAP_PX, Box, Cell, Metrics
from panoseti_daq.viewers.images.levels import Levels
from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.titles import KIND_NAMES, Line, Span, Tone

COLORS: Final = {
    Tone.HEAD: QColor("#ffffff"),
    Tone.NORMAL: QColor(FOREGROUND),
    Tone.OLD: QColor("#757b87"),
    Tone.WARNING: QColor("#ff9f1a"),
    Tone.BAD: QColor(ALARM),
}
_FRAMES: Final = {TimeStatus.HOST_CLOCK: Tone.WARNING, TimeStatus.NO_TIME: Tone.BAD}
_FONT_PX: Final = {False: 13, True: 11}  # rows, grid
_LEGEND_PX: Final = 120
_N_STOPS: Final = 17


class Brush:
    """Letters and colors for one size of the wall.

    Parameters
    ----------
    is_grid
        Whether the letters are small.

    Attributes
    ----------
    metrics
        Size of the letters, px.
    """

    def __init__(self, *, is_grid: bool) -> None:
        self._font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        self._font.setPixelSize(_FONT_PX[is_grid])
        self._bold = QFont(self._font)
        self._bold.setBold(True)
        self._letters = QFontMetrics(self._font)
        self.metrics = Metrics(self._letters.height() + 1, self._letters.horizontalAdvance("0" * 100) / 100)

    def width_of(self, line: Line) -> float:
        """How much room a line needs, px."""
        return self.metrics.char * (sum(len(span.text) + 1 for span in line) - 1)

    def clear(self, painter: QPainter, rect: QRect) -> None:
        """Paint the background."""
        painter.fillRect(rect, QColor(BACKGROUND))

    def message(self, painter: QPainter, rect: QRect, text: str) -> None:
        """One text in the middle."""
        painter.setFont(self._font)
        painter.setPen(COLORS[Tone.OLD])
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    def nothing_yet(self, painter: QPainter, cell: Cell) -> None:
        """Instead of an image of which there is no frame."""
        kind = KIND_NAMES[cell.kind]
        if cell.has_bar:
            self.message(painter, QRect(*cell.whole), f"module {cell.module_id}: no {kind} yet")
            return
        self.message(painter, QRect(*cell.image), f"no {kind} yet")
        if cell.is_first:
            self.text(painter, cell.text, [(Span(f"{cell.module_id}", Tone.HEAD),)])

    def title(self, painter: QPainter, cell: Cell, lines: Sequence[Line]) -> None:
        """What is written beside an image: right of it from its top, above it down to its top."""
        box = cell.text
        if box.y < cell.image.y:
            height = self.metrics.line * len(lines)
            box = Box(box.x, box.y + max(0, box.height - height), box.width, height)
        self.text(painter, box, lines)

    def text(self, painter: QPainter, box: Box, lines: Iterable[Line]) -> None:
        """Lines from the top; what does not fit is cut with an ellipsis."""
        y = box.y + self._letters.ascent()
        for line in lines:
            x, end = float(box.x), box.x + box.width
            for text, tone in line:
                room = end - x
                width = self.metrics.char * len(text)
                if width > room:
                    text = self._letters.elidedText(text, Qt.TextElideMode.ElideRight, max(0, int(room)))
                painter.setFont(self._bold if tone is Tone.HEAD else self._font)
                painter.setPen(COLORS[tone])
                painter.drawText(QPointF(x, y), text)
                x += width + self.metrics.char
                if x >= end:
                    break
            y += self.metrics.line

    def image(self, painter: QPainter, box: Box, picture: QImage, status: TimeStatus) -> None:
        """An image, with a colored frame when its time is in doubt."""
        painter.drawImage(QRect(*box), picture)
        if status in _FRAMES:
            painter.setPen(QPen(COLORS[_FRAMES[status]], 2))
            painter.drawRect(QRect(*box))

    def boundaries(self, painter: QPainter, cell: Cell, orientation: Orientation) -> None:
        """Lines between the quabos, and their numbers where there is room."""
        box = cell.image
        painter.setPen(QPen(QColor(255, 255, 255, 150), 1))
        x, y = box.x + box.width / 2, box.y + box.height / 2
        painter.drawLine(QPointF(x, box.y), QPointF(x, box.y + box.height))
        painter.drawLine(QPointF(box.x, y), QPointF(box.x + box.width, y))
        if not cell.has_bar:
            return
        painter.setFont(self._bold)
        for quabo, (row, column) in enumerate(CORNERS):
            middle = orientation.seen(row + QUABO_SIZE // 2, column + QUABO_SIZE // 2)
            left, top = (
                box.x + box.width / 2 * (middle[1] >= QUABO_SIZE),
                box.y + box.height / 2 * (middle[0] >= QUABO_SIZE),
            )
            tag = QRectF(left + 3, top + 3, 2.8 * self.metrics.char, self.metrics.line)
            painter.fillRect(tag, QColor(0, 0, 0, 130))
            painter.setPen(COLORS[Tone.HEAD])
            painter.drawText(tag, Qt.AlignmentFlag.AlignCenter, f"Q{quabo}")

    def mark(self, painter: QPainter, box: Box, seen: tuple[int, int]) -> None:
        """A square around the pixel that is seen at a row and column."""
        step = box.width / MODULE_SIZE
        square = QRectF(box.x + seen[1] * step, box.y + seen[0] * step, step, step)
        for grow, color in ((2, "#000000"), (1, "#ffffff")):
            painter.setPen(QPen(QColor(color), 1))
            painter.drawRect(square.adjusted(-grow, -grow, grow - 1, grow - 1))

    def bar(self, painter: QPainter, image: Box, levels: Levels, colormap: ColorMap) -> None:
        """The color bar right of an image."""
        rect = QRectF(image.x + image.width + GAP_PX, image.y, BAR_PX, image.height)
        painter.fillRect(rect, _gradient(colormap, rect.bottomLeft(), rect.topLeft()))
        painter.setFont(self._font)
        painter.setPen(COLORS[Tone.NORMAL])
        x, ascent = rect.right() + 4, self._letters.ascent()
        middle = (levels.low + levels.high) / 2
        painter.drawText(QPointF(x, rect.top() + ascent - 2), number_text(levels.high))
        painter.drawText(QPointF(x, rect.top() + ascent - 2 + self.metrics.line), "ADC")
        painter.drawText(QPointF(x, rect.center().y() + ascent / 2 - 1), number_text(middle))
        painter.drawText(QPointF(x, rect.bottom()), number_text(levels.low))

    def legend(
        self, painter: QPainter, box: Box, product: DataProduct, levels: Levels, colormap: ColorMap
    ) -> None:
        """The common color bar of a product: name, lowest value, colors, highest value."""
        low, high = number_text(levels.low), number_text(levels.high)
        char = self.metrics.char
        name = f"{KIND_NAMES[product.kind]} {product.token}"
        self.text(painter, box, [(Span(name, Tone.HEAD), Span(f"{low:>6}", Tone.NORMAL))])
        x = box.x + (len(name) + 1 + max(6, len(low)) + 1) * char
        rect = QRectF(
            x, box.y + 1, min(_LEGEND_PX, box.x + box.width - x - (len(high) + 5) * char), self.metrics.line - 4
        )
        painter.fillRect(rect, _gradient(colormap, rect.topLeft(), rect.topRight()))
        rest = Box(round(rect.right() + char), box.y, round(box.x + box.width - rect.right()), box.height)
        self.text(painter, rest, [(Span(f"{high} ADC", Tone.NORMAL),)])


def number_text(value: float) -> str:
    """A level in at most six characters."""
    return f"{value:.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.1f}"


def _gradient(colormap: ColorMap, begin: QPointF, end: QPointF) -> QLinearGradient:
    gradient = QLinearGradient(begin, end)
    table = color_table(colormap)
    for i in range(_N_STOPS):
        gradient.setColorAt(i / (_N_STOPS - 1), QColor(*map(int, table[i * (len(table) - 1) // (_N_STOPS - 1)])))
    return gradient
