"""Pixels of a module: quadrants, orientation on the screen (what is stored never changes, SPEC 1.8), regions."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant
from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.masks import MAD_TO_SIGMA, Mask


class Orientation(Choice):
    """What is done to an image before it is shown; rotations are clockwise."""

    AS_STORED = "as-stored"
    """Row 0 on top, column 0 on the left."""
    ROTATE_90 = "rotate-90"
    ROTATE_180 = "rotate-180"
    ROTATE_270 = "rotate-270"
    FLIP_LEFT_RIGHT = "flip-left-right"
    FLIP_UP_DOWN = "flip-up-down"
    TRANSPOSE = "transpose"
    """Rows become columns: the corner of row 0, column 0 stays."""
    ANTI_TRANSPOSE = "anti-transpose"
    """The other two corners stay."""

    def shown(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The image as it is seen: first row on top."""
        match self:
            case Orientation.AS_STORED:
                return image
            case Orientation.FLIP_LEFT_RIGHT:
                return image[:, ::-1]
            case Orientation.FLIP_UP_DOWN:
                return image[::-1]
            case Orientation.TRANSPOSE:
                return image.T
            case Orientation.ANTI_TRANSPOSE:
                return image[::-1, ::-1].T
            case _:
                return np.rot90(image, -int(self.removeprefix("rotate-")) // 90)

    def stored(self, row: int, column: int) -> tuple[int, int]:
        """Row and column in the stored image of a pixel that is seen at `row`, `column` of a module."""
        return divmod(int(_stored_indices(self)[row, column]), MODULE_SIZE)

    def stored_mask(self, seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """A mask of pixels as stored, of one as seen: shape (32, 32)."""
        mask = np.zeros(MODULE_SIZE**2, np.bool_)
        mask[_stored_indices(self)[seen]] = True
        return mask.reshape(seen.shape)

    def seen(self, row: int, column: int) -> tuple[int, int]:
        """Row and column on the screen of a pixel that is stored at `row`, `column`."""
        where = np.argwhere(_stored_indices(self) == row * MODULE_SIZE + column)[0]
        return int(where[0]), int(where[1])


@functools.cache
def _stored_indices(orientation: Orientation) -> npt.NDArray[np.int64]:
    return orientation.shown(np.arange(MODULE_SIZE**2).reshape(MODULE_SIZE, MODULE_SIZE))


def assemble(images: Mapping[int, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Image of a module from those of its quabos.

    `images`: arrays of shape (16, 16) by quabo; at least one.

    Returns arrays of shape (32, 32): the pixels, 0 where there is no quabo, and where there is one.
    """
    image = np.zeros((MODULE_SIZE, MODULE_SIZE), np.result_type(*images.values()))
    valid = np.zeros(image.shape, np.bool_)
    for quabo, pixels in images.items():
        image[quadrant(quabo)] = pixels
        valid[quadrant(quabo)] = True
    return image, valid


_FWHM_OF_SIGMA: Final = 2 * math.sqrt(2 * math.log(2))  # of a normal distribution


class Numbers(NamedTuple):
    """Numbers of a region: pixels with data, their mean, sum and standard deviation, ADC counts.

    The full width at half maximum is that of a round source over its surroundings, from second moments, in pixels;
    NaN where nothing stands out.
    """

    n: int
    mean: float
    total: float
    std: float
    fwhm_px: float


def rectangle(left: float, top: float, width: float, height: float) -> Mask:
    """Return the pixels whose middle lies in a rectangle, in pixels as seen: shape (32, 32)."""
    middle = np.arange(MODULE_SIZE) + 0.5
    rows, columns = (top <= middle) & (middle < top + height), (left <= middle) & (middle < left + width)
    return rows[:, np.newaxis] & columns


def ellipse(left: float, top: float, width: float, height: float) -> Mask:
    """Return the pixels whose middle lies in the ellipse that fills such a rectangle."""
    middle = np.arange(MODULE_SIZE) + 0.5
    x, y = (middle - left) * 2 / max(width, 1e-9) - 1, (middle - top) * 2 / max(height, 1e-9) - 1
    inside: Mask = y[:, np.newaxis] ** 2 + x**2 <= 1
    return inside


def numbers(image: npt.NDArray[Any], region: Mask) -> Numbers | None:
    """Return the numbers of a region; None when no pixel lies in it."""
    values = image[region].astype(np.float64)
    if not values.size:
        return None
    return Numbers(values.size, values.mean(), values.sum(), values.std(), _fwhm(image, region, values))


def _fwhm(image: npt.NDArray[Any], region: Mask, values: npt.NDArray[np.float64]) -> float:
    background = np.median(values)
    noise = np.median(np.abs(values - background)) * MAD_TO_SIGMA
    weights = np.where(region, image - background, 0).astype(np.float64)
    weights[weights < 3 * noise] = 0  # what scatters above the background far away would widen any source
    total = weights.sum()
    if total <= 0:
        return math.nan
    rows, columns = np.mgrid[:MODULE_SIZE, :MODULE_SIZE]
    y, x = (weights * rows).sum() / total, (weights * columns).sum() / total
    variance = (weights * ((rows - y) ** 2 + (columns - x) ** 2)).sum() / total / 2
    return _FWHM_OF_SIGMA * math.sqrt(variance + 1 / 12)  # a pixel has a width, too
