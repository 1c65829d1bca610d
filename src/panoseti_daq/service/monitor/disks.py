"""Disk space left where the followed modules are written."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError
from panoseti_daq.service.threads import in_own_thread
from panoseti_daq.sources.runs import module_dirs

_log = logging.getLogger(__name__)

MAX_AGE_S: Final = 2.0
PATIENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system.

    Attributes
    ----------
    path
        A directory on it.
    modules
        Modules whose directories are on it.
    free_bytes, total_bytes
        Room for users other than root, and size.
    """

    path: Path
    modules: tuple[int, ...]
    free_bytes: int
    total_bytes: int


class Disks:
    """The file systems of a data directory and its modules (`module_N` may be a symlink to another disk).

    For one event loop; it looks in a thread, one look at a time.

    Parameters
    ----------
    max_age_s
        Give an answer again until it is so old.
    patience_s
        Longest wait for a look, s; after that an answer repeats the last known values, as when a mount hangs.
    """

    def __init__(self, max_age_s: float = MAX_AGE_S, patience_s: float = PATIENCE_S) -> None:
        self._max_age_s, self._patience_s = max_age_s, patience_s
        self._data_dir: Path | None = None
        self._looked_at = 0.0
        self._looking: asyncio.Future[list[Disk]] | None = None
        self._known: list[Disk] = []

    async def look(self, data_dir: Path, module_ids: Collection[int]) -> list[Disk]:
        """Those of `data_dir` and the directories of these modules."""
        loop = asyncio.get_running_loop()
        if data_dir != self._data_dir:
            self._data_dir, self._known, self._looking = data_dir, [], None
            self._looked_at = loop.time() - self._max_age_s
        if self._looking is None and loop.time() - self._looked_at >= self._max_age_s:
            self._looking = in_own_thread("look at disks", _disks, data_dir, frozenset(module_ids))
        if (looking := self._looking) is not None:
            # Not cancelled: a thread that hangs in a mount cannot be. It is not started twice either.
            await asyncio.wait((looking,), timeout=self._patience_s)
            if looking is self._looking and looking.done():
                self._known, self._looking, self._looked_at = looking.result(), None, loop.time()
        return self._known


def _disks(data_dir: Path, module_ids: Collection[int]) -> list[Disk]:
    try:
        directories = module_dirs(data_dir)
    except DataDirError:
        return []
    by_device: dict[int, tuple[Path, list[int]]] = {}
    wanted = [([module_id], path) for module_id, path in directories.items() if module_id in module_ids]
    for ids, path in [([], data_dir), *wanted]:  # modules that are not elsewhere are on that of the data directory
        try:
            device = os.stat(path).st_dev
        except OSError:
            continue
        by_device.setdefault(device, (path, []))[1].extend(ids)
    found = []
    for path, modules in by_device.values():
        if wanted and not modules:
            continue
        try:
            space = os.statvfs(path)
        except OSError as error:
            _log.debug("%s: %s", path, error)
            continue
        size = space.f_frsize
        found.append(Disk(path, tuple(modules), space.f_bavail * size, space.f_blocks * size))
    return found
