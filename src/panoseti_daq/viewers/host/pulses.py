"""Largest pulses of the last seconds, in place of the newest. No Qt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.host.timeline import as_received
from panoseti_daq.viewers.modules import BySource, Source

_MOST: Final = 64  # pulses of a key that wait for larger ones to grow old: of random pulses some ten do


class LargestPulses:
    """The largest pulse of each key and host over the last seconds.

    **Holds** of each the largest pulse, the largest of those after it, and so on, `_MOST` at most.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_ns = round(hold_s * 1e9)
        self._held: dict[Source, list[tuple[int, ReceivedFrame]]] = {}

    def clear(self) -> None:
        """Forget them: the time that is shown went back."""
        self._held.clear()

    def apply(self, frames: BySource) -> BySource:
        """Return frames with the held ones in place of smaller pulses."""
        shown = dict(frames)
        for source, frame in frames.items():
            if frame.product.kind is Kind.PULSE_HEIGHT:
                shown[source] = self._add(source, int(frame.image.max()), frame)
        return shown

    def of_blocks(self, blocks: Iterable[ReceivedBlock]) -> BySource:
        """Take every pulse of the blocks; return the largest of each key of theirs."""
        shown: BySource = {}
        for block in blocks:
            if block.product.kind is not Kind.PULSE_HEIGHT or not len(block):
                continue
            largest = block.images.reshape(len(block), -1).max(axis=1)
            for key, rows in block.rows.items():
                source = Source(block.host, key)
                for i in _larger_than_all_later(largest[rows]):
                    row = int(rows[i])
                    shown[source] = self._add(source, int(largest[row]), as_received(block[row], block.host))
        return shown

    def _add(self, source: Source, largest: int, frame: ReceivedFrame) -> ReceivedFrame:
        """Take a pulse; return the largest of its source."""
        unix_ns = frame.time.unix_ns
        held = [
            (value, other)
            for value, other in self._held.get(source, ())
            if value > largest and 0 <= unix_ns - other.time.unix_ns <= self._hold_ns
        ]
        self._held[source] = [*held[: _MOST - 1], (largest, frame)]
        return self._held[source][0][1]


def _larger_than_all_later(values: np.ndarray) -> list[int]:
    """Places of the values that no later one reaches, in order."""
    later = np.maximum.accumulate(values[::-1])[::-1]
    return np.flatnonzero(np.append(values[:-1] > later[1:], True)).tolist() if len(values) else []
