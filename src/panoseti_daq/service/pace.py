"""Pace of a stream on a thin line: frames are chosen one by one, as the line carries them, not many at once.

gRPC sends 64 KiB ahead, and a client makes room for the next half of it at once. On a line of 100 kB/s our writes
would therefore wait for 0.35 s and then go through 16 frames at a time: all chosen in the same moment, though the
last of them leaves a third of a second later, behind everything that is under way for 0.65 s already. So the
time between two waits says what the line carries, and the frames between them are spread over it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SLOW_S: Final = 0.05  # a message that waits longer for its line is too large, or too early
HALVES_IN_S: Final = 0.5  # the interval, as long as nothing waits: lines become free again
_NO_PAUSE_S: Final = 0.002  # shorter ones cost more than they gain
_FIRST: Final = 16  # frames; nothing is known about the line yet


def idle_s() -> float:
    """Return a time that stands still while this thread works, s.

    On a busy server a write waits for other streams, not for its line; smaller messages would make that worse.
    """
    return time.monotonic() - time.thread_time()


class Pace:
    """How many frames the next message of one stream may hold, and when it may begin.

    Parameters
    ----------
    n_allowed
        Frames that a message may ever hold.
    clock
        Measures how long a message waits, s.

    Attributes
    ----------
    n_most
        Frames that the next message may hold, at least 1.
    pause_s
        How long to let newer frames replace those that wait, before the next message is made, s.
    """

    def __init__(self, n_allowed: int, clock: Callable[[], float] = idle_s) -> None:
        self.n_most = min(n_allowed, _FIRST)
        self.pause_s = 0.0
        self._n_allowed = n_allowed
        self._clock = clock
        self._begun = 0.0
        self._s_per_frame = 0.0  # 0 while the line is not what limits the stream
        # The last time that a message waited; None if others were not full since.
        self._waited_at: float | None = None
        self._n_since = 0  # frames since then

    def begin(self) -> None:
        """Take note that a message is being written."""
        self._begun = self._clock()

    def end(self, n_frames: int, now: float) -> None:
        """Take note that gRPC has sent a message of `n_frames`, at loop time `now`."""
        is_full = n_frames == self.n_most
        self._n_since += n_frames
        if (waited_s := self._clock() - self._begun) > SLOW_S:
            if self._waited_at is None:  # it may have been one pause of the network
                self._spread(min(waited_s / n_frames, SLOW_S))
            else:
                self._spread((now - self._waited_at) / self._n_since)
            self._waited_at, self._n_since = now, 0
        elif self._s_per_frame:
            self._spread(self._s_per_frame * 0.5 ** (n_frames * self._s_per_frame / HALVES_IN_S))
        elif is_full:
            self.n_most = min(self._n_allowed, 2 * n_frames)
        if not is_full:
            self._waited_at = None
        pause_s = n_frames * self._s_per_frame
        self.pause_s = pause_s if pause_s > _NO_PAUSE_S else 0.0

    def _spread(self, s_per_frame: float) -> None:
        self.n_most = min(self._n_allowed, max(1, int(SLOW_S / 2 / s_per_frame)))
        self._s_per_frame = s_per_frame if self.n_most < self._n_allowed else 0.0
