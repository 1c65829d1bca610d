"""State of one key: its newest frame, count, rate and quality."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from panoseti_daq.pff import Frame
from panoseti_daq.pff.flags import NAMES

RATE_OVER_S: Final = 10.0  # bursts of a fast product are closer than this: an average over less would flicker
_N_BURSTS: Final = 4  # of a slow product the rate is averaged over the last few
_ONE_BURST_S: Final = 0.5  # what comes so soon after the beginning of a burst belongs to it


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


class BurstRate:
    """Rate of frames per second: over the last few bursts, and over `RATE_OVER_S` at least.

    The writer hands out blocks of packets, seconds to minutes apart (SPEC 1.5). What came with a burst was taken
    since the burst before it; so the first one gives no rate, and an average that ends between two bursts lies:

        burst   1          2          3
        events  n1         n2         n3
                |<-------->|<-------->|     rate = (n2 + n3) / time between burst 1 and burst 3

    It falls when the next burst is overdue.
    """

    def __init__(self, now: float) -> None:
        self._bursts: deque[tuple[float, int]] = deque([(now, 0)])  # when each began, and its events

    def add(self, n: int, now: float) -> None:
        """Count `n` events at loop time `now`."""
        bursts = self._bursts
        if now - bursts[-1][0] < _ONE_BURST_S:
            began, before = bursts.pop()
            bursts.append((began, before + n))
            return
        bursts.append((now, n))
        while len(bursts) > _N_BURSTS and bursts[-1][0] - bursts[1][0] >= RATE_OVER_S:
            bursts.popleft()

    @property
    def burst_interval_s(self) -> float:
        """The longest time between two of the last bursts; 0 before there are two."""
        begins = [began for began, n in self._bursts if n]
        return max((b - a for a, b in pairwise(begins)), default=0.0)

    def per_second(self, now: float) -> float:
        """Average at loop time `now`; 0 before the second burst."""
        known = [burst for burst in self._bursts if burst[1]]
        if len(known) < 2:
            return 0.0
        (begin, _), (end, _) = known[0], known[-1]
        # A flow without bursts fills the last interval only now: then the first one counts instead of it.
        n_events = max(sum(n for _, n in known[1:]), sum(n for _, n in known[:-1]))
        overdue_s = max(0.0, now - end - self.burst_interval_s)
        return n_events / (end - begin + overdue_s)


class Snapshots(Rate):
    """Count and rate of the frames of one key that came through sockets.

    Attributes
    ----------
    n_frames
        How many.
    """

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self.n_frames = 0

    def add(self, n: int, now: float) -> None:
        """Count `n` frames at loop time `now`."""
        super().add(n, now)
        self.n_frames += n


@dataclass(slots=True)
class KeyState:
    """State of one key.

    Attributes
    ----------
    newest
        The newest frame.
    n_frames
        Frames published since the hub began, without snapshots.
    frame_size_bytes
        Size of one of them in its file, header and image.
    rate
        Frames per second, without snapshots.
    snapshots
        Frames that came through sockets.
    n_flawed
        Number of frames with a quality flag.
    quality
        Number of frames with each flag of `Quality`.
    """

    newest: Frame
    frame_size_bytes: int
    rate: BurstRate
    snapshots: Snapshots
    n_frames: int = 0
    n_flawed: int = 0
    quality: Counter[int] = field(default_factory=Counter)

    def judge(self, flags: Sequence[int]) -> None:
        """Count the flags of flawed frames."""
        self.n_flawed += len(flags)
        for value, n_frames in Counter(flags).items():
            self.quality.update({flag: n_frames for flag in NAMES if value & flag})
