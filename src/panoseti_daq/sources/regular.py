"""Opening regular files only, and knowing them again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from panoseti_daq.errors import PffError

State = tuple[int, ...]
"""Device, inode, size, mtime and ctime: a directory that may be read again has no other mtime."""


def state_of(path: str | Path) -> State:
    """State of a file or directory; as long as it stays, there is nothing new in it."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


Signature = tuple[int, int, int, int]
"""Device, inode, size in bytes and mtime in ns: as long as they stay, a file has the same content."""


def signature(status: os.stat_result) -> Signature:
    """Signature of a file or directory."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def signature_of(path: Path) -> Signature | None:
    """Signature of what is at a path; None when nothing is."""
    try:
        return signature(os.stat(path))
    except OSError:
        return None


def open_regular(path: str | Path) -> int:
    """Open a file for reading; never waits for the other end of a pipe.

    Raises
    ------
    OSError
        It is missing or unreadable.
    PffError
        It is a directory, pipe, socket or device.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PffError(f"{path} is not a regular file")
    return fd
