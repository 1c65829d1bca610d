"""Size of the messages of a stream: few frames in each where the line to the client is thin.

A frame of a message is there when the whole message is, and all frames of a message are chosen when it begins. A
message of 16 frames on a line of 100 kB/s is under way for 0.35 s, behind the 64 KiB that gRPC sends ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

SLOW_S: Final = 0.05  # a message that waits longer for its line is too large
QUICK_S: Final = SLOW_S / 4  # half of SLOW_S would do, but then the size might go to and fro
FIRST: Final = 16  # frames; nothing is known about the line yet


def idle_s() -> float:
    """Return a time that stands still while this thread works, s.

    On a busy server a write waits for other streams, not for its line; smaller messages would make that worse.
    """
    return time.monotonic() - time.thread_time()


class BatchSize:
    """Frames that the next message of one stream may hold: half as many after a message that waited for its line,
    twice as many after a full one that did not.

    Parameters
    ----------
    n_allowed
        Frames that a message may ever hold.
    clock
        Tells how long a message waits, s.

    Attributes
    ----------
    n_most
        Frames that the next message may hold, at least 1.
    """

    def __init__(self, n_allowed: int, clock: Callable[[], float] = idle_s) -> None:
        self.n_most = min(n_allowed, FIRST)
        self._n_allowed = n_allowed
        self._clock = clock
        self._since = 0.0

    def begin(self) -> None:
        """Take note that a message is being written."""
        self._since = self._clock()

    def end(self, n_frames: int) -> None:
        """Take note that gRPC has sent it, a message of `n_frames`."""
        waited_s = self._clock() - self._since
        if waited_s > SLOW_S:
            self.n_most = max(1, n_frames // 2)
        elif waited_s < QUICK_S and n_frames == self.n_most:
            self.n_most = min(self._n_allowed, 2 * n_frames)
