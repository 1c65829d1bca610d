"""Scratch directories: temporary data directories that do not outlive their process for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from panoseti_daq.errors import SourceError

_PREFIX: Final = "panoseti-daq-scratch-"
_YOUNG_S: Final = 60.0  # one that was made in this time may not be locked yet
_SPARE_BYTES: Final = 1 << 20


@contextmanager
def scratch_directory(n_bytes: int = 0, parent: Path | None = None) -> Iterator[Path]:
    """Make a directory and delete it behind the block; delete also those that killed processes left.

    A lock on the directory says that its process lives: the kernel releases it however the process ends.

    Parameters
    ----------
    n_bytes
        What will be written into it.
    parent
        Where to make it; None for the system's place for temporary files.

    Raises
    ------
    SourceError
        The disk has less than `n_bytes`.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    for left in place.glob(f"{_PREFIX}*"):
        _delete_if_left(left)
    free_bytes, needed_bytes = shutil.disk_usage(place).free, n_bytes + _SPARE_BYTES
    if n_bytes and free_bytes < needed_bytes:
        free_mb, needed_mb = free_bytes / 1e6, needed_bytes / 1e6
        raise SourceError(
            f"{place} has {free_mb:.1f} MB free, {needed_mb:.1f} MB are needed; TMPDIR names another"
        )
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _delete_if_left(directory: Path) -> None:
    """Delete a directory of ours whose process is gone."""
    with suppress(OSError):
        status = directory.lstat()
        if status.st_uid != os.getuid() or time.time() - status.st_mtime < _YOUNG_S:
            return
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(fd)
