"""Reloading of files that may be replaced while the server runs: certificates and tokens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.threads import in_own_thread

_log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 1.0
# Two to four stat calls: cheaper than an inotify instance, and they see a renamed link (as Kubernetes and certbot
# replace files) and NFS as well.

Fingerprint = tuple[tuple[int, int, int] | None, ...]
"""Changes when files are replaced or rewritten."""

_T = TypeVar("_T")


def fingerprint_of(*files: Path) -> Fingerprint:
    """Return the fingerprint of files; a missing file has one, too."""
    return tuple(map(_fingerprint, files))


def _fingerprint(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class Reloaded(Generic[_T]):
    """Content of files that may be replaced while the server runs.

    Parameters
    ----------
    name
        What it is, for the log.
    files
        Where it stands.
    load
        Reads it, in a thread when it is read again.
    changed
        Called in the event loop with new content.

    Attributes
    ----------
    content
        What the files held when they were last good.

    Raises
    ------
    ConfigError
        A file is missing or bad.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Path],
        load: Callable[[], _T],
        changed: Callable[[_T], None] = lambda content: None,
    ) -> None:
        self._name, self._files, self._load, self._changed = name, files, load, changed
        self._fingerprint = fingerprint_of(*files)  # before they are read: a change meanwhile is seen
        self.content = load()

    async def reload(self) -> None:
        """Read the files if they changed; when they are bad, log it and keep what there is."""
        fingerprint = await in_own_thread("look at credentials", fingerprint_of, *self._files)
        if fingerprint == self._fingerprint:
            return
        self._fingerprint = fingerprint
        try:
            self.content = await in_own_thread("read credentials", self._load)
        except ConfigError as error:
            _log.error("new %s are invalid, the old ones stay in force: %s", self._name, error)
            return
        _log.info("new %s are in force", self._name)
        self._changed(self.content)


AnyReloaded = Reloaded[Any]
"""Files of any content."""


async def keep_up_to_date(reloaded: Sequence[AnyReloaded], interval_s: float = LOOK_INTERVAL_S) -> None:
    """Look at the files every `interval_s` until cancelled; return when there are none."""
    while reloaded:
        await asyncio.sleep(interval_s)
        for one in reloaded:
            await one.reload()
