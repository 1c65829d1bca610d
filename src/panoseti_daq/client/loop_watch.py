"""Whether the event loop stood still: a consumer that calls ``time.sleep``, computes, or waits in a debugger."""

from __future__ import annotations

import asyncio
from typing import Final

BEAT_S: Final = 0.01
LATE_S: Final = 0.01  # images that waited for less than a beat and this need no catching up


class LoopWatch:
    """Notices that an event loop stood still, from making it until `close`, by a timer that comes late.

    There is no event for that: what would handle it stands still too.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stood_still = False
        self._start()

    def _start(self) -> None:
        self._due = self._loop.time() + BEAT_S
        self._timer = self._loop.call_at(self._due, self._beat)

    def _beat(self) -> None:
        self._note()
        self._start()

    def _note(self) -> None:
        now = self._loop.time()
        if now - self._due > LATE_S:
            self._stood_still = True
            self._due = now  # the beat that is late need not note it again

    def stood_still(self) -> bool:
        """Return whether the loop stood still since the last call."""
        self._note()
        stood_still, self._stood_still = self._stood_still, False
        return stood_still

    def close(self) -> None:
        """End the timer."""
        self._timer.cancel()
