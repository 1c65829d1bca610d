"""Counts of frames and of their quality, which are made when somebody looks, or for many blocks at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.hub.keys import KeyState
from panoseti_daq.pff import FrameBlock, ModuleProduct
from panoseti_daq.pff.block import FEW_FRAMES, Flags
from panoseti_daq.pff.quality import QualityCheck
from panoseti_daq.pff.together import judge_alone, judge_together

ENOUGH_FRAMES: Final = 512  # to be judged together: more take hardly less time each, and hold memory
_MOST_FRAMES: Final = 2 * ENOUGH_FRAMES


class _Waiting(NamedTuple):
    block: FrameBlock
    state: KeyState
    published_at: float


class Tally:
    """Counts of what a hub publishes; for its event loop.

    Short blocks may wait until there are `ENOUGH_FRAMES`: whoever reads a count calls `settle` first.

    Attributes
    ----------
    bad_frames
        Frames that were skipped because their header does not parse, by module and product.
    """

    def __init__(self) -> None:
        self.bad_frames: Counter[ModuleProduct] = Counter()
        self._checks: defaultdict[ModuleProduct, QualityCheck] = defaultdict(QualityCheck)
        self._waiting: list[_Waiting] = []
        self._last: dict[ModuleProduct, FrameBlock] = {}  # of the blocks that wait
        self._n_waiting = 0

    def judge(self, block: FrameBlock) -> Flags:
        """Return the flags of each frame of a block that is counted by the caller, after those that wait."""
        if (block.module_id, block.product) in self._last:
            self.settle()
        if block.n_bad:
            self.bad_frames[block.module_id, block.product] += block.n_bad
        return self._checks[block.module_id, block.product](block)

    def last_waiting(self, block: FrameBlock) -> FrameBlock | None:
        """Return the last block that waits of the module and product of a block; None if none does."""
        return self._last.get((block.module_id, block.product))

    def add_later(self, block: FrameBlock, state: KeyState, now: float) -> bool:
        """Count a block, which has one key, with the next `settle`; return whether that should be soon."""
        last = self.last_waiting(block)
        if last is not None and last.layout is not block.layout:
            self.settle()
        self._last[block.module_id, block.product] = block
        self._waiting.append(_Waiting(block, state, now))
        self._n_waiting += len(block)
        if self._n_waiting >= _MOST_FRAMES:
            self.settle()
        return self._n_waiting >= ENOUGH_FRAMES

    def settle(self) -> None:
        """Count what waits."""
        if not self._waiting:
            return
        few = self._n_waiting <= FEW_FRAMES  # numpy takes as long for one frame as for all of these
        waiting, self._waiting, self._n_waiting = self._waiting, [], 0
        self._last.clear()
        judged = [(w.block, self._checks[w.block.module_id, w.block.product].before(w.block)) for w in waiting]
        each = [judge_alone(*one) for one in judged] if few else judge_together(judged)
        for (block, state, now), (flags, n_bad) in zip(waiting, each, strict=True):
            if n_bad:
                self.bad_frames[block.module_id, block.product] += n_bad
            state.n_frames += len(block) - n_bad
            state.rate.add(len(block) - n_bad, now)
            if found := flawed(flags):
                state.judge(found)


def flawed(flags: Flags, rows: Sequence[int] | npt.NDArray[np.intp] | None = None) -> Sequence[int]:
    """Flags in some rows of a block, or in all, without those that are zero."""
    if isinstance(flags, list):
        return [flag for flag in (flags if rows is None else (flags[i] for i in rows)) if flag]
    of_rows = flags if rows is None else flags[rows]
    found: list[int] = of_rows[of_rows != 0].tolist()
    return found
