"""PNG files of arrays, written without a package for pictures."""

from __future__ import annotations

import zlib
from struct import pack
from typing import Final

import numpy as np
import numpy.typing as npt

_GRAY: Final = 0
_RGB: Final = 2
_FAST: Final = 1  # of zlib; large pixels become small at any level


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture as a PNG file (RFC 2083).

    `pixels`: gray, shape (rows, columns), or red, green and blue, shape (rows, columns, 3).
    """
    rows, columns = pixels.shape[:2]
    lines = np.pad(pixels.reshape(rows, -1), ((0, 0), (1, 0)))  # each begins with its filter, 0
    chunks = (
        (b"IHDR", pack(">IIBBBBB", columns, rows, 8, _GRAY if pixels.ndim == 2 else _RGB, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), _FAST)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
