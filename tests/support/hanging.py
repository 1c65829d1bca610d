"""A directory that does not answer, as one of a dead file server: a file system that nobody serves."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_MNT_DETACH = 2


@contextmanager
def hanging(directory: Path) -> Iterator[None]:
    """Let every look into a directory hang as long as the block; skip the test where one may not mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        pytest.skip(f"no directory can hang here: {error}")
    try:
        options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        if libc.mount(b"hanging", bytes(directory), b"fuse", 0, options):
            pytest.skip(f"no directory can hang here: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            libc.umount2(bytes(directory), _MNT_DETACH)
    finally:
        os.close(fd)  # those who wait get an error
