"""Context of a server: the observatory's Redis, or the housekeeping of the run that it replays."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq.config.settings import ContextSettings
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.threads import in_own_thread

if TYPE_CHECKING:
    from panoseti_daq.beside import HousekeepingFile, Surroundings
    from panoseti_daq.beside.redis import RedisReader

_log = logging.getLogger(__name__)


class Beside:
    """What stands beside the images that a server follows.

    Holds a file open while a run with housekeeping is replayed, until `close`. For one event loop.

    Parameters
    ----------
    settings
        Which Redis.
    acquisition
        What is followed.

    Attributes
    ----------
    reader
        Of Redis; None without one.
    """

    def __init__(self, settings: ContextSettings, acquisition: Acquisition) -> None:
        self.reader: RedisReader | None = None
        if settings.url:
            from panoseti_daq.beside.redis import RedisReader  # most servers read none

            self.reader = RedisReader(settings.url, settings.interval_seconds)
        self._acquisition = acquisition
        self._replay = ""
        self._played: HousekeepingFile | None = None
        self._reading = asyncio.Lock()

    async def look(self) -> Surroundings | None:
        """Return what stands beside the newest images; None when nothing is read."""
        following = self._acquisition.following
        if following is not None and following.config.replay:
            async with self._reading:
                if self._replay != following.config.replay:
                    self._open(following.config.replay)
                if self._played is not None:
                    newest_ns = [state.newest.time.unix_ns for state in following.hub.keys.values()]
                    return await in_own_thread("read hk", self._played.at, max(newest_ns, default=0) / 1e9)
        return None if self.reader is None else self.reader.surroundings()

    def _open(self, run_dir: str) -> None:
        from panoseti_daq.beside.housekeeping import HousekeepingFile, find

        self.close()
        self._replay = run_dir
        path = find(Path(run_dir))
        try:
            self._played = HousekeepingFile(path) if path is not None else None
        except OSError as error:
            _log.warning("context: cannot read %s: %s", path, error.strerror)

    def close(self) -> None:
        """Close the file."""
        if self._played is not None:
            self._played.close()
        self._played, self._replay = None, ""
