"""Pictures of the newest images as PNG, for Grafana, a press page or a script; old ones are crossed out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import Key, Kind
from panoseti_daq.pff.product import ImageArray
from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.images.colors import ColorMap, rgba_table
from panoseti_daq.viewers.images.levels import NO_DATA, Levels, color_indices
from panoseti_daq.viewers.images.png import png
from panoseti_daq.viewers.images.quadrants import assemble
from panoseti_daq.web.live import LiveWall

STALE_S: Final = 30.0
"""Images older than this are crossed out."""
_SCALE: Final = 4  # screen pixels along a side of a pixel
_GAP: Final = 4
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
        ({key.quabo: live.frames[key].image for key in keys}, any(ages[key] > STALE_S for key in keys))
        for keys in tiles
    ]
    return WallPicture(tag, oldest, lambda: png(_compose([_draw(*one) for one in images], n_columns)))


def _draw(images: Mapping[int | None, ImageArray], stale: bool) -> _Rgb:
    """Return the pixels of one tile, shape (128, 128, 3)."""
    rgb = rgba_table(ColorMap.PLASMA)[_colors(images), :3]
    # Whole screen pixels: smoothing would invent values between those that were measured.
    large = rgb.repeat(_SCALE, 0).repeat(_SCALE, 1)
    if stale:
        large //= 2
        at = np.arange(len(large))
        for shift in (-1, 0, 1):
            across = np.clip(at + shift, 0, len(large) - 1)
            large[at, across] = large[at, across[::-1]] = _RED
    return large


def _colors(images: Mapping[int | None, ImageArray]) -> npt.NDArray[np.uint8]:
    """Return the index of the color of each pixel of a module, from its image or from those of its quabos."""
    if not images:
        return np.full((MODULE_SIZE, MODULE_SIZE), NO_DATA, np.uint8)
    image, valid = images.get(None), None
    if image is None:
        image, valid = assemble({quabo: pixels for quabo, pixels in images.items() if quabo is not None})
    low, high = np.quantile(image if valid is None else image[valid], (0.01, 0.99))
    return color_indices(image, Levels(low, high), valid)


def _compose(tiles: list[_Rgb], n_columns: int) -> _Rgb:
    step = MODULE_SIZE * _SCALE + _GAP
    n_rows = -(-len(tiles) // n_columns)
    canvas = np.zeros((n_rows * step - _GAP, n_columns * step - _GAP, 3), np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // n_columns * step, i % n_columns * step
        canvas[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return canvas
