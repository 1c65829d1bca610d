"""Point-like or extended: which pixels of an image are lit.

Cleaning in two steps, as imaging Cherenkov telescopes do it: pixels above the upper threshold, and those above the
lower one (the border threshold) that touch one of them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

MAD_TO_SIGMA: Final = 1.4826  # of a Gaussian
_LEAST_SIGMA: Final = 1.0  # ADC counts


class LitPixels(NamedTuple):
    """What is seen in one image.

    Attributes
    ----------
    n
        Lit pixels; at least 1, the brightest.
    row, column
        Place of the brightest.
    value
        Its ADC counts.
    snr
        The same above the median of the image, in units of the spread of the image.
    """

    n: int
    row: int
    column: int
    value: int
    snr: float


def lit_pixels(image: npt.NDArray[np.integer[Any]], picture_sigma: float, border_sigma: float) -> LitPixels:
    """Find the lit pixels of an image of rows and columns, ADC counts; the noise is that of its own pixels."""
    median = float(np.median(image))
    sigma = max(_LEAST_SIGMA, MAD_TO_SIGMA * float(np.median(np.abs(image - median))))
    snr = (image - median) / sigma
    picture = snr > picture_sigma
    border = np.pad(picture, 1)
    rows, columns = image.shape
    around = np.zeros(image.shape, np.bool_)
    for row in range(3):
        for column in range(3):
            around |= border[row : row + rows, column : column + columns]
    lit = picture | ((snr > border_sigma) & around)
    row, column = divmod(int(image.argmax()), columns)
    return LitPixels(
        max(1, int(np.count_nonzero(lit))), row, column, int(image[row, column]), float(snr[row, column])
    )
