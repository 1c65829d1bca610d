"""What is known of one key: its newest frame, how many there were, how often, and how good."""

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
    """How many things happen per second, averaged over about `RATE_OVER_S`; older ones count less and less."""

    def __init__(self, now: float) -> None:
        self._begin = self._last = now
        self._weight = 0.0

    def add(self, n: int, now: float) -> None:
        """Take note of `n` things at loop time `now`."""
        self._weight = self._weight * math.exp((self._last - now) / RATE_OVER_S) + n
        self._last = now

    def per_second(self, now: float) -> float:
        """Average at loop time `now`."""
        known_s = RATE_OVER_S * -math.expm1((self._begin - now) / RATE_OVER_S)
        decayed = self._weight * math.exp((self._last - now) / RATE_OVER_S)
        return decayed / known_s if known_s > 0 else 0.0


@dataclass(slots=True)
class KeyState:
    """What the hub knows of one key.

    Attributes
    ----------
    newest
        The newest frame.
    n_frames
        Frames published since the hub began.
    frame_size_bytes
        What one of them takes in its file, header and image.
    rate
        Frames per second.
    n_flawed
        Of the frames, those of which something is wrong.
    quality
        Of the frames, how many have a flag of `Quality`, by flag.
    """

    newest: Frame
    frame_size_bytes: int
    rate: Rate
    n_frames: int = 0
    n_flawed: int = 0
    quality: Counter[int] = field(default_factory=Counter)

    def judge(self, flags: Sequence[int]) -> None:
        """Take note of the flags of frames that have some."""
        self.n_flawed += len(flags)
        for value, n_frames in Counter(flags).items():
            self.quality.update({flag: n_frames for flag in NAMES if value & flag})
