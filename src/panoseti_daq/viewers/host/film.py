"""Pictures of widgets as PNG, and films of them: MP4, or GIF without ffmpeg. Imports Qt, and imageio on use."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from PySide6 import QtCore, QtGui, QtWidgets

from panoseti_daq.errors import ViewerError
from panoseti_daq.installation import how_to_get
from panoseti_daq.viewers.host import theme

RATE_HZ: Final = 10.0
_EVEN: Final = 2  # width and height of a video are multiples of this


class Film:
    """A film that grows picture by picture.

    It is written as it grows; `close` makes the file whole.

    Raises ViewerError: imageio is not installed, or for MP4 its ffmpeg; OSError: the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        try:
            imageio: Any = importlib.import_module("imageio.v2")
        except ModuleNotFoundError as error:
            raise ViewerError(f"films need imageio, which is not installed: {how_to_get('film')}") from error
        is_video = file.suffix.lower() != ".gif"
        if is_video and not has_ffmpeg():
            raise ViewerError(f"MP4 needs ffmpeg: {how_to_get('film')}; allowed: NAME.gif")
        self.file = file.absolute()
        self._gif = None if is_video else imageio.get_writer(self.file, duration=1e3 / RATE_HZ)
        self._ffmpeg: subprocess.Popen[bytes] | None = None
        self._shape: tuple[int, ...] | None = None
        self.n_pictures = 0  # How many were added

    def add(self, image: QtGui.QImage) -> None:
        """Add a picture; all become as large as the first.

        Raises OSError: it cannot be written: ffmpeg ended, or the disk is full.
        """
        if self._shape is not None and (image.height(), image.width()) != self._shape:
            image = image.scaled(self._shape[1], self._shape[0])
        pixels = pixels_of(image)
        self._shape = pixels.shape[:2]
        if self._gif is not None:
            self._gif.append_data(pixels)
        else:
            self._ffmpeg = self._ffmpeg or _begun(self.file, *self._shape)
            assert self._ffmpeg.stdin is not None
            self._ffmpeg.stdin.write(pixels.tobytes())
        self.n_pictures += 1

    def close(self) -> None:
        """End the film."""
        if self._gif is not None:
            self._gif.close()
        if self._ffmpeg is not None:
            with suppress(BrokenPipeError):  # the last bytes find no reader when ffmpeg died
                self._ffmpeg.communicate()


def _begun(file: Path, height: int, width: int) -> subprocess.Popen[bytes]:
    """Start ffmpeg, which takes pictures as raw bytes.

    imageio starts it with code before exec, which one in seven does not survive beside gRPC's threads, and leaves
    its pipe open when it dies. In a group of its own it outlives Ctrl-C, until the film is whole.
    """
    ffmpeg = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    taken = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{RATE_HZ:g}", "-i", "-")
    made = ("-an", "-vcodec", "libx264", "-pix_fmt", "yuv420p", "-crf", "25", str(file))
    return subprocess.Popen([ffmpeg, "-y", "-v", "quiet", *taken, *made], stdin=subprocess.PIPE, process_group=0)


def has_ffmpeg() -> bool:
    """Whether films can be MP4."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def pixels_of(image: QtGui.QImage) -> npt.NDArray[np.uint8]:
    """Return a picture as an array of even height and width, shape (height, width, 3), red first."""
    image = image.convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(cast(bytes, image.constBits()), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
    return pixels[: image.height() // _EVEN * _EVEN, : image.width() // _EVEN * _EVEN].copy()


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
