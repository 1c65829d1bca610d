"""Orientation of an image on the screen; the stored pixels never change (SPEC 1.8)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.quabos import MODULE_SIZE
from panoseti_daq.viewers.choice import Choice


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
