"""Pictures of widgets as PNG, with a caption. Imports Qt."""

from __future__ import annotations

from typing import Final

from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.viewers.host import theme

_CAPTION_PX: Final = 24


def image_of(widget: QtWidgets.QWidget, caption: str = "", size: tuple[int, int] | None = None) -> QtGui.QImage:
    """Return what a widget shows, above a line with the caption if there is one.

    `widget`: what to take a picture of. `caption`: text below it. `size`: width and height of the picture, pixels;
    None for those of the widget, and the caption below it.
    """
    line_px = _CAPTION_PX if caption else 0
    if size is not None:
        widget.resize(size[0], size[1] - line_px)
    shown = widget.grab().toImage()
    image = QtGui.QImage(shown.width(), shown.height() + line_px, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor(theme.now().background))
    painter = QtGui.QPainter(image)
    painter.drawImage(0, 0, shown)
    painter.setPen(QtGui.QColor(theme.now().foreground))
    place = QtCore.QRect(8, shown.height(), image.width() - 16, line_px)
    painter.drawText(place, QtCore.Qt.AlignmentFlag.AlignVCenter, caption)
    painter.end()
    image.setText("Description", caption)
    return image


def png_of(widget: QtWidgets.QWidget, caption: str = "", size: tuple[int, int] | None = None) -> bytes:
    """Return `image_of` as the bytes of a PNG file."""
    data = QtCore.QBuffer()
    data.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    QtGui.QImageWriter(data, QtCore.QByteArray(b"PNG")).write(image_of(widget, caption, size))
    return bytes(data.data().data())
