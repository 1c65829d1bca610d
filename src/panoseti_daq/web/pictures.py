"""Pictures of the newest images as PNG, for Grafana, a press page or a script; old ones are crossed out."""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import Key, Kind
from panoseti_daq.pff.product import ImageArray
from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant
from panoseti_daq.viewers.images.colors import NOTHING, ColorMap, color_table
from panoseti_daq.web.live import LiveWall

STALE_S: Final = 30.0
"""Images older than this are crossed out."""
_SCALE: Final = 4  # screen pixels along a side of a pixel
_GAP: Final = 4
_BLACK: Final = (NOTHING >> 16, NOTHING >> 8 & 255, NOTHING & 255)
_RED: Final = (255, 60, 60)
_Rgb = npt.NDArray[np.uint8]


class WallPicture(NamedTuple):
    """A picture to be: tag of its content, age of its oldest image (s), and what draws it; None for nothing."""

    tag: str
    age_s: float | None
    draw: Callable[[], bytes] | None


def module_png(live: LiveWall, module_id: int, product: str) -> WallPicture:
    """Return the newest image of a module and data product."""
    keys = [key for key in live.frames if key.module_id == module_id and key.product.token == product]
    return _picture(live, [keys] if keys else [])


def wall_png(live: LiveWall, modules: Collection[int] = ()) -> WallPicture:
    """Return all modules: a column for each, pulse height above the movie."""
    seen = sorted({key.module_id for key in live.frames if not modules or key.module_id in modules})
    tiles = []
    for kind in (Kind.PULSE_HEIGHT, Kind.MOVIE):
        tiles += [_newest_product(live, module_id, kind) for module_id in seen]
    return _picture(live, tiles, len(seen))


def _newest_product(live: LiveWall, module_id: int, kind: Kind) -> list[Key]:
    """Keys of the product of this kind that a module recorded last."""
    keys = [key for key in live.frames if key.module_id == module_id and key.product.kind is kind]
    newest = max(keys, key=lambda key: live.frames[key].time.unix_ns, default=None)
    return [key for key in keys if newest is not None and key.product is newest.product]


def _picture(live: LiveWall, tiles: list[list[Key]], n_columns: int = 1) -> WallPicture:
    ages = {key: live.age_s(key) for keys in tiles for key in keys}
    oldest = max((age for age in ages.values() if not math.isnan(age)), default=None)
    # Not the age itself, which changes all the time, but whether it crosses the image out.
    text = str([(key, live.frames[key].file, live.frames[key].frame_number, ages[key] > STALE_S) for key in ages])
    tag = hashlib.sha256(text.encode()).hexdigest()[:24]
    if not ages:
        return WallPicture(tag, None, None)
    images = [
        ([(key.quabo, live.frames[key].image) for key in keys], any(ages[key] > STALE_S for key in keys))
        for keys in tiles
    ]
    return WallPicture(tag, oldest, lambda: _png(_compose([_draw(*one) for one in images], n_columns)))


def _draw(parts: list[tuple[int | None, ImageArray]], stale: bool) -> _Rgb:
    """Return the pixels of one tile, shape (128, 128, 3)."""
    image = np.full((MODULE_SIZE, MODULE_SIZE), np.nan)
    for quabo, pixels in parts:
        image[... if quabo is None else quadrant(quabo)] = pixels
    rgb = np.empty((*image.shape, 3), np.uint8)
    rgb[:] = _BLACK
    known = ~np.isnan(image)
    if known.any():
        low, high = np.quantile(image[known], (0.01, 0.99))
        levels = np.clip((image[known] - low) / max(high - low, 1.0), 0, 1)
        table = color_table(ColorMap.PLASMA)
        rgb[known] = table[(levels * (len(table) - 1)).astype(np.intp)]
    # Whole screen pixels: smoothing would invent values between those that were measured.
    large = rgb.repeat(_SCALE, 0).repeat(_SCALE, 1)
    if stale:
        large //= 2
        at = np.arange(len(large))
        for shift in (-1, 0, 1):
            across = np.clip(at + shift, 0, len(large) - 1)
            large[at, across] = large[at, across[::-1]] = _RED
    return large


def _compose(tiles: list[_Rgb], n_columns: int) -> _Rgb:
    step = MODULE_SIZE * _SCALE + _GAP
    n_rows = -(-len(tiles) // n_columns)
    canvas = np.zeros((n_rows * step - _GAP, n_columns * step - _GAP, 3), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // n_columns * step, i % n_columns * step
        canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return canvas


def _png(rgb: _Rgb) -> bytes:
    """Return an image of shape (rows, columns, 3) as a PNG file (RFC 2083)."""
    rows, columns, _ = rgb.shape
    lines = np.zeros((rows, 1 + columns * 3), np.uint8)  # each begins with its filter, 0
    lines[:, 1:] = rgb.reshape(rows, -1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines.tobytes(), 1)),
        (b"IEND", b""),
    )
    framed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
