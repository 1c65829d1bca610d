"""Film of what a window shows: MP4, or GIF where ffmpeg is not installed. Imports Qt, and imageio on use."""

from __future__ import annotations

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from PySide6 import QtGui

from panoseti_daq.errors import ViewerError
from panoseti_daq.installation import how_to_get

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
        # By default imageio-ffmpeg forks with code before exec; gRPC's threads let one such process in seven die.
        os.environ.setdefault("IMAGEIO_FFMPEG_NO_PREVENT_SIGINT", "1")
        self.file = file.absolute()
        more: dict[str, Any] = (
            {"fps": RATE_HZ, "macro_block_size": _EVEN} if is_video else {"duration": 1e3 / RATE_HZ}
        )
        self._writer = imageio.get_writer(self.file, **more)
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
        self._writer.append_data(pixels)
        self.n_pictures += 1

    def close(self) -> None:
        """End the film."""
        self._writer.close()


def has_ffmpeg() -> bool:
    """Whether films can be MP4."""
    return importlib.util.find_spec("imageio_ffmpeg") is not None


def pixels_of(image: QtGui.QImage) -> npt.NDArray[np.uint8]:
    """Return a picture as an array of even height and width, shape (height, width, 3), red first."""
    image = image.convertToFormat(QtGui.QImage.Format.Format_RGB888)
    rows = np.frombuffer(cast(bytes, image.constBits()), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)
    return pixels[: image.height() // _EVEN * _EVEN, : image.width() // _EVEN * _EVEN].copy()
