"""How the C library keeps the memory that large messages need again and again."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Final

_M_TRIM_THRESHOLD: Final = -1  # <malloc.h>
_M_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 64 << 20
_FROM_HEAP_BYTES: Final = 8 << 20  # larger than any message


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep up to 64 MiB of freed memory for the next block of frames; once, where it is glibc.

    Left to itself glibc hands a freed megabyte back to the kernel and asks for it again with the next message:
    256 page faults for each copy, which more than halved the throughput of a stream of all frames. Who sets
    ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` has the last word.
    """
    if not {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"}.isdisjoint(os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not glibc
        return
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_MMAP_THRESHOLD, _FROM_HEAP_BYTES)
