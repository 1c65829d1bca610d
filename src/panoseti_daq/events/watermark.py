"""Watermarks: up to which time all frames of a stream have come, and which frames come too late.

::

    times of the frames, in file order     10  30  20  40  95  50  60
    the later of two neighbors is not          10  20  20  40  50  50      one wild time cannot move the mark
    trusted; highest so far                    10  20  20  40  50  50
    less the reordering allowed, say 15            5   5  25  35  35      the watermark

Frames of a stream come nearly in order of time: in the night of 2024-07-25, module 3 is 0.44 s behind once.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

REORDER_NS: Final = 2_000_000_000  # four times the longest that was seen
NEVER_NS: Final = np.iinfo(np.int64).min
END_NS: Final = np.iinfo(np.int64).max  # after every frame


class StreamTime:
    """How far the frames of one module and product have come.

    Parameters
    ----------
    reorder_ns
        A frame this much earlier than one before it, ns, is too late.
    """

    __slots__ = ("_highest", "_last", "_reorder_ns")

    def __init__(self, reorder_ns: int = REORDER_NS) -> None:
        self._reorder_ns = reorder_ns
        self._highest = int(NEVER_NS)
        self._last: int | None = None

    @property
    def watermark_ns(self) -> int:
        """No frame before this UTC time, ns since 1970, comes any more, or it is too late."""
        return self._highest if self._highest == NEVER_NS else self._highest - self._reorder_ns

    @property
    def last_ns(self) -> int | None:
        """Time of the last frame; None before the first."""
        return self._last

    def add(self, unix_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Take the times of consecutive frames, shape (n,); return which are too late, shape (n,)."""
        if not len(unix_ns):
            return np.zeros(0, np.bool_)
        before = unix_ns[0] if self._last is None else self._last
        trusted = np.minimum(unix_ns, np.concatenate(([before], unix_ns[:-1])))
        if self._last is None:
            trusted[0] = NEVER_NS  # nothing confirms the first
        trusted[0] = max(trusted[0], self._highest)
        highest = np.maximum.accumulate(trusted)
        known = highest != NEVER_NS
        late = known & (unix_ns < np.where(known, highest, 0) - self._reorder_ns)
        self._highest, self._last = int(highest[-1]), int(unix_ns[-1])
        return np.asarray(late)
