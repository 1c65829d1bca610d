"""Walls of a site that are read over NATS, and the frames in them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import KW_ONLY, dataclass
from typing import Final

import numpy as np

from panoseti_daq.client.nats_puller import Puller
from panoseti_daq.errors import HeaderError, PffError, SourceError
from panoseti_daq.pff import DataProduct, Header, Key, TimeStatus
from panoseti_daq.pff.flags import quality_of
from panoseti_daq.pff.timing import FrameTime
from panoseti_daq.wire.newest import Delivery, ReceivedFrame
from panoseti_daq.wire.subjects import WALL_KEYS, key_of_name
from panoseti_daq.wire.wall import UNKNOWN_AGE_MS, WallTile, decode_wall

WALL_WAIT_S: Final = 2.0  # for the next one; then the server is asked again, which shows that it is there


def _no_header() -> Header:
    raise HeaderError("a wall has no headers")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WallFrame(ReceivedFrame):
    """A frame as a wall holds it: with its time and flaws, and no header; its pixels within half a step of 8 bits.

    Attributes
    ----------
    tile, when
        What the wall holds, and its time.
    quabo
        0-3 for ph256; None for the others.
    """

    _: KW_ONLY
    tile: WallTile
    when: FrameTime
    quabo: int | None

    @property
    def time(self) -> FrameTime:
        """When the frame was taken."""
        return self.when

    @property
    def key(self) -> Key:
        """Module, product and, for ph256, quabo."""
        return Key(self.module_id, self.product, self.quabo)


async def walls_of(puller: Puller, host: str) -> AsyncGenerator[list[WallFrame]]:
    """Yield the frames of each wall, the newest there is.

    Raises
    ------
    NatsError
        The server is gone.
    PffError
        What is published is no wall.
    """
    try:
        while True:
            for message in await puller.pull(1, WALL_WAIT_S):
                names = (message.headers or {}).get(WALL_KEYS, "")
                yield frames_of(message.data, names, host, puller.kept_ns(message))
    finally:
        await puller.close()


def frames_of(data: bytes, names: str, host: str, kept_ns: int = 0) -> list[WallFrame]:
    """Return the frames of a wall that is here now.

    Parameters
    ----------
    data, names
        Wall, and names of its keys by number, with commas between them.
    host
        Where it comes from.
    kept_ns
        How long ago it was made, ns.

    Raises
    ------
    PffError
        It is no wall.
    """
    keys = [key_of_name(name) for name in names.split(",")] if names else []
    try:
        _, tiles = decode_wall(data, [key.product.shape for key in keys])
        return [_frame(keys[tile.key], tile, host, kept_ns) for tile in tiles]
    except (SourceError, ValueError) as error:
        raise PffError(f"what is on NATS is no wall: {error}") from error


def _frame(key: Key, tile: WallTile, host: str, kept_ns: int) -> WallFrame:
    # Counted from when we got it, so that no clock but the server's own concerns its age.
    age_ns = 0 if tile.age_ms == UNKNOWN_AGE_MS else tile.age_ms * 1_000_000 + kept_ns
    return WallFrame(
        key.product,
        key.module_id,
        "",
        tile.frame_number,
        _pixels(key.product, tile),
        _no_header,
        detected_unix_ns=tile.unix_ns + age_ns,
        judged=quality_of(tile.quality),
        delivery=Delivery(host, arrived_ns=time.monotonic_ns()),
        tile=tile,
        when=FrameTime(tile.unix_ns, TimeStatus(tile.time_status)),
        quabo=key.quabo,
    )


def _pixels(product: DataProduct, tile: WallTile) -> bytes:
    """Return the image as it would stand in a file; of a scaled one, each pixel to the nearest step."""
    if tile.scale is None:
        return tile.image.astype(product.dtype).tobytes()
    low, high = tile.scale
    levels = tile.image.astype(np.float64) * ((high - low) / 255) + low
    return np.rint(levels).astype(product.dtype).tobytes()
