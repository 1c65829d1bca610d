"""Pictures of the newest images as PNG, for Grafana, a press page or a script; old ones are crossed out."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import Kind
from panoseti_daq.pff.product import ImageArray
from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.images.colors import NO_DATA, ColorMap, Levels, color_indices, rgba_table
from panoseti_daq.viewers.images.pixels import assemble
from panoseti_daq.viewers.modules import Module, Source
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.png import png

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
    """Return the newest image of a module and data product; of several hosts side by side."""
    by_host: dict[str, list[Source]] = {}
    for source in sorted(live.frames, key=lambda source: source.host):
        if source.module_id == module_id and source.key.product.token == product:
            by_host.setdefault(source.host, []).append(source)
    return _picture(live, list(by_host.values()), len(by_host))


def wall_png(live: LiveWall, modules: Collection[int] = ()) -> WallPicture:
    """Return all modules: a column for each, pulse height above the movie."""
    seen = sorted({one.module for one in live.frames if not modules or one.module_id in modules})
    tiles = []
    for kind in (Kind.PULSE_HEIGHT, Kind.MOVIE):
        tiles += [_newest_product(live, module, kind) for module in seen]
    return _picture(live, tiles, len(seen))


def _newest_product(live: LiveWall, module: Module, kind: Kind) -> list[Source]:
    """Sources of the product of this kind that a module recorded last."""
    sources = [one for one in live.frames if one.module == module and one.key.product.kind is kind]
    newest = max(sources, key=lambda one: live.frames[one].time.unix_ns, default=None)
    return [one for one in sources if newest is not None and one.key.product is newest.key.product]


def _picture(live: LiveWall, tiles: list[list[Source]], n_columns: int) -> WallPicture:
    ages = {source: live.age_s(source) for sources in tiles for source in sources}
    oldest = max((age for age in ages.values() if not math.isnan(age)), default=None)
    # Not the age itself, which changes all the time, but whether it crosses the image out.
    text = str([(s, live.frames[s].file, live.frames[s].frame_number, ages[s] > STALE_S) for s in ages])
    tag = hashlib.sha256(text.encode()).hexdigest()[:24]
    if not ages:
        return WallPicture(tag, None, None)
    images = [
        ({s.key.quabo: live.frames[s].image for s in sources}, any(ages[s] > STALE_S for s in sources))
        for sources in tiles
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
