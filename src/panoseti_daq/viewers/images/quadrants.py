"""Module images from quabo images, and their missing quabos; `pff.quabos` defines the quadrants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.quabos import MODULE_SIZE, quadrant


def assemble(images: Mapping[int, npt.NDArray[Any]]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Image of a module from those of its quabos.

    Parameters
    ----------
    images
        Arrays of shape (16, 16) by quabo; at least one.

    Returns
    -------
    image, valid
        Arrays of shape (32, 32): the pixels, 0 where there is no quabo, and where there is one.
    """
    image = np.zeros((MODULE_SIZE, MODULE_SIZE), np.result_type(*images.values()))
    valid = np.zeros(image.shape, np.bool_)
    for quabo, pixels in images.items():
        image[quadrant(quabo)] = pixels
        valid[quadrant(quabo)] = True
    return image, valid


def silent_quabos(image: npt.NDArray[Any], tv_sec: tuple[int, ...]) -> tuple[int, ...]:
    """Quabos that a frame of the whole module lacks: they told no time, and their pixels are all zero.

    Parameters
    ----------
    image
        Shape (32, 32).
    tv_sec
        Host clock of each quabo in the header, s; 0 from one that sent nothing (SPEC 1.7).
    """
    if all(tv_sec):
        return ()
    return tuple(q for q, seconds in enumerate(tv_sec) if not seconds and not image[quadrant(q)].any())
