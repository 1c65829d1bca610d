"""Module images from quabo images; `pff.quabos` defines the quadrants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant


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
