"""Regions of an image: rectangle or circle as seen, and the numbers of what lies in it."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.masks import MAD_TO_SIGMA, Mask

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
