"""Which frames a trigger can use: what is wrong with them, as flags of `Quality`."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import FrameBlock, Quality
from panoseti_daq.pff.flaws import flaws_of_rows

ODD_PKT_NSEC: Final = 999_999_999
"""What the writer puts in place of more nanoseconds than a second has."""
_UNUSABLE: Final = int(
    Quality.ZERO_IMAGE
    | Quality.MISSING_QUABO_0
    | Quality.MISSING_QUABO_1
    | Quality.MISSING_QUABO_2
    | Quality.MISSING_QUABO_3
    | Quality.NO_TIME
)


def flags_of_frames(block: FrameBlock) -> npt.NDArray[np.uint16]:
    """Return what is wrong with each frame by itself, shape (n,)."""
    return flaws_of_rows(block.product, block.columns, block.times[1], block.images)


def is_usable(flags: npt.NDArray[np.uint16]) -> npt.NDArray[np.bool_]:
    """Return whether pixels and header are there, shape (n,)."""
    return np.asarray((flags & _UNUSABLE) == 0)


def has_odd_nanoseconds(block: FrameBlock) -> npt.NDArray[np.bool_]:
    """Return whether a quabo that is there has a clamped nanosecond, so that the time is wrong, shape (n,)."""
    columns = block.columns
    is_odd = (columns["pkt_nsec"] == ODD_PKT_NSEC) & (columns["tv_sec"] != 0)
    return np.asarray(is_odd.any(axis=1))
