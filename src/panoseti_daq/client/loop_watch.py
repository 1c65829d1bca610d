"""Loop watch: whether the event loop stood still, as when a consumer calls ``time.sleep`` or computes."""

from __future__ import annotations

import asyncio
from typing import Final

BEAT_S: Final = 0.01
LATE_S: Final = 0.01  # images that waited for less than a beat and this need no catching up


class LoopWatch:
    """Watch of an event loop until `close`: a timer that fires late shows that it stood still.

    No event can report this, because its handler would stand still, too.
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
