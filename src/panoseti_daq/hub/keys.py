"""State of one key: its newest frame, count, rate and quality."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from panoseti_daq.pff import Frame
from panoseti_daq.pff.flags import NAMES

RATE_OVER_S: Final = 10.0  # bursts of a slow product are seconds apart: an average over less would flicker


class Rate:
    """Rate of events per second, averaged over about `RATE_OVER_S` with exponential weights."""

    def __init__(self, now: float) -> None:
        self._begin = self._last = now
        self._weight = 0.0

    def add(self, n: int, now: float) -> None:
        """Count `n` events at loop time `now`."""
        self._weight = self._weight * math.exp((self._last - now) / RATE_OVER_S) + n
        self._last = now

    def per_second(self, now: float) -> float:
        """Average at loop time `now`."""
        known_s = RATE_OVER_S * -math.expm1((self._begin - now) / RATE_OVER_S)
        decayed = self._weight * math.exp((self._last - now) / RATE_OVER_S)
        return decayed / known_s if known_s > 0 else 0.0


@dataclass(slots=True)
class KeyState:
    """State of one key.

    Attributes
    ----------
    newest
        The newest frame.
    n_frames
        Frames published since the hub began.
    frame_size_bytes
        Size of one of them in its file, header and image.
    rate
        Frames per second.
    n_flawed
        Number of frames with a quality flag.
    quality
        Number of frames with each flag of `Quality`.
    """

    newest: Frame
    frame_size_bytes: int
    rate: Rate
    n_frames: int = 0
    n_flawed: int = 0
    quality: Counter[int] = field(default_factory=Counter)

    def judge(self, flags: Sequence[int]) -> None:
        """Count the flags of flawed frames."""
        self.n_flawed += len(flags)
        for value, n_frames in Counter(flags).items():
            self.quality.update({flag: n_frames for flag in NAMES if value & flag})
