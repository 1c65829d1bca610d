"""Quality flags of a frame, and their names.

The names stand in the dict that clients get (``quality``), in Status and in the metrics; the numbers are those of
the wire.
"""

from __future__ import annotations

import enum
import functools
from typing import Final


class Quality(enum.IntFlag):
    """Flaws of a frame; 0 for none."""

    MISSING_QUABO_0 = 1
    """Its header is all zero: no packet of it arrived."""
    MISSING_QUABO_1 = 2
    MISSING_QUABO_2 = 4
    MISSING_QUABO_3 = 8
    ZERO_QUADRANT_0 = 16
    """All its pixels are zero, although its header is there."""
    ZERO_QUADRANT_1 = 32
    ZERO_QUADRANT_2 = 64
    ZERO_QUADRANT_3 = 128
    ZERO_IMAGE = 256
    """Every pixel is zero; zero quadrants are then not flagged."""
    PACKET_GAP = 512
    """The packet counter of a quabo is not the one that follows that of the frame before."""
    TIME_BACKWARDS = 1024
    """The time is before that of the frame before."""
    HOST_CLOCK = 2048
    """The time is that of the host clock, because White Rabbit disagrees."""
    NO_TIME = 4096
    """No quabo reported a time."""


IN_SEQUENCE: Final = Quality.PACKET_GAP | Quality.TIME_BACKWARDS
"""Flags that one frame alone does not show: they compare it with the frame before it."""
_ALL: Final = sum(Quality)
NAMES: Final = {flag.value: str(flag.name).lower() for flag in Quality}
"""Name of each flag, by its number."""


@functools.cache
def quality_of(flags: int) -> Quality:
    """Return the quality that a number stands for, without the flags that are unknown."""
    return Quality(flags & _ALL)


def names_of(quality: int) -> tuple[str, ...]:
    """Return the names of the flags that are set, such as ``('missing_quabo_2',)``; unknown flags are left out."""
    return tuple(name for flag, name in NAMES.items() if quality & flag) if quality else ()
