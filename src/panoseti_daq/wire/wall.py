r"""Wall: the newest images of all keys in one binary message, for browsers.

Little-endian, and every tile begins at a multiple of 8, so that a browser makes a typed array of the pixels
without a copy::

    wall   magic "PW1\0" u32 | sequence u32 | sent_unix_us u64 | n_tiles u16 | flags u16 | n_dropped u32   24 bytes
    tile   key u16 | encoding u8 | time_status u8 | quality u16 | reserved u16
           unix_ns u64 | frame_number u32 | age_ms u32 | low i32 | high i32                                32 bytes
           pixels, row-major, row 0 on top, padded with zeros to a multiple of 8

What a tile's key stands for (module, product, quabo) is said elsewhere: in the message ``keys`` of a WebSocket.
"""

from __future__ import annotations

import enum
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import SourceError
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff.product import ImageArray

MAGIC: Final = int.from_bytes(b"PW1\0", "little")
UNKNOWN_AGE_MS: Final = 0xFFFF_FFFF
"""Age of a frame without a time."""
_HEAD: Final = struct.Struct("<IIQHHI")
_TILE: Final = struct.Struct("<HBBHHQIIii")
_CUT: Final = 0.005
"""Share of a movie's darkest and of its brightest pixels that 8 bits leave out of the scale."""


class TileEncoding(enum.IntEnum):
    """How the pixels of a tile are written."""

    SCALED = 0
    """uint8; 0 stands for `low`, 255 for `high`."""
    UINT8 = 1
    UINT16 = 2
    INT16 = 3


_EXACT: Final = {np.dtype("u1"): TileEncoding.UINT8, np.dtype("<u2"): TileEncoding.UINT16}


@dataclass(frozen=True, slots=True, eq=False)
class WallTile:
    """One image of a wall.

    Attributes
    ----------
    key
        Number of its key, 0-65535.
    image
        2-D: uint8, uint16 or int16 (ADC counts), or uint8 of the scale `low` to `high`.
    unix_ns
        When it was taken, UTC ns since 1970; 0 without a time.
    time_status
        Number of its `pff.TimeStatus`.
    quality
        Its `pff.Quality`.
    frame_number
        Its place in its file.
    age_ms
        How long ago it was taken when the wall was made, ms; `UNKNOWN_AGE_MS` without a time.
    scale
        ADC counts that 0 and 255 stand for; None when the pixels are ADC counts.
    """

    key: int
    image: npt.NDArray[np.generic]
    unix_ns: int
    time_status: int
    quality: int
    frame_number: int
    age_ms: int
    scale: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class WallHead:
    """What stands before the tiles: number of the wall, when it was made (UTC us since 1970), frames left out."""

    sequence: int
    sent_unix_us: int
    n_dropped: int = 0


def scaled(tile: WallTile) -> WallTile:
    """Return a tile in 8 bits: half of the bytes, and within (high - low) / 510 of the pixels.

    The scale of a movie leaves out the darkest and the brightest 0.5 % of the pixels, so that one hot pixel does
    not take the contrast of the others; that of a pulse height reaches from its least to its largest pixel, which
    is the pulse.
    """
    pixels: ImageArray = tile.image  # type: ignore[assignment]
    if pixels.dtype == np.uint8:
        return tile
    n_cut = int(_CUT * pixels.size) if pixels.dtype == np.dtype("<u2") else 0
    ordered = np.partition(pixels, (n_cut, pixels.size - 1 - n_cut), axis=None)
    low, high = int(ordered[n_cut]), int(ordered[pixels.size - 1 - n_cut])
    levels = (np.clip(pixels, low, high).astype(np.float32) - low) * (255 / max(high - low, 1))
    return replace(tile, image=(levels + 0.5).astype(np.uint8), scale=(low, high))


def encode_wall(head: WallHead, tiles: Sequence[WallTile]) -> bytes:
    """Return a wall as bytes."""
    parts = [_HEAD.pack(MAGIC, head.sequence & 0xFFFF_FFFF, head.sent_unix_us, len(tiles), 0, head.n_dropped)]
    for tile in tiles:
        encoding = _EXACT.get(tile.image.dtype, TileEncoding.INT16) if tile.scale is None else TileEncoding.SCALED
        low, high = tile.scale or (0, 0)
        pixels = tile.image.tobytes()
        parts += (
            _TILE.pack(
                tile.key,
                encoding,
                tile.time_status,
                tile.quality,
                0,
                tile.unix_ns,
                tile.frame_number,
                tile.age_ms,
                low,
                high,
            ),
            pixels,
            bytes(-len(pixels) % 8),
        )
    return b"".join(parts)


def with_keys(keys: Sequence[OpenMapping], wall: bytes) -> bytes:
    """Return a wall that says itself what its keys stand for.

    Before it stand the size of a text in bytes, u32, and the text: `keys` as JSON, padded with spaces so that the
    wall begins at a multiple of 8.
    """
    text = json.dumps(keys, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return struct.pack("<I", len(text)) + text + wall


def decode_wall(
    data: bytes, shapes: Sequence[tuple[int, int]] | dict[int, tuple[int, int]]
) -> tuple[WallHead, list[WallTile]]:
    """Return head and tiles of a wall; the images show `data`, without a copy.

    Parameters
    ----------
    data
        The message.
    shapes
        Rows and columns of the images, by key.

    Raises
    ------
    SourceError
        It is no wall, or it is cut short, or it has a key without a shape.
    """
    try:
        magic, sequence, sent_unix_us, n_tiles, _, n_dropped = _HEAD.unpack_from(data)
        if magic != MAGIC:
            raise SourceError("no wall: the first bytes are not PW1")
        tiles, offset = [], _HEAD.size
        for _ in range(n_tiles):
            key, code, status, quality, _, unix_ns, number, age_ms, low, high = _TILE.unpack_from(data, offset)
            encoding = TileEncoding(code)
            offset += _TILE.size
            rows, columns = shapes[key]
            dtype = np.dtype(_DTYPES[encoding])
            image = np.frombuffer(data, dtype, rows * columns, offset).reshape(rows, columns)
            scale = (low, high) if encoding is TileEncoding.SCALED else None
            tiles.append(WallTile(key, image, unix_ns, status, quality, number, age_ms, scale))
            offset += image.nbytes + -image.nbytes % 8
    except (struct.error, ValueError, LookupError) as error:
        raise SourceError(f"invalid wall of {len(data)} bytes: {error}") from error
    return WallHead(sequence, sent_unix_us, n_dropped), tiles


_DTYPES: Final = {
    TileEncoding.SCALED: "u1",
    TileEncoding.UINT8: "u1",
    TileEncoding.UINT16: "<u2",
    TileEncoding.INT16: "<i2",
}
