"""Room before frames that are read for a message: its head is written there, and no frame is copied again.

::

    read        512 bytes of what stands before | frames, as they stand in the file
    sent        the rest of the message         | frames
"""

from __future__ import annotations

import os
from io import BytesIO
from typing import Final, Self

ROOM_BYTES: Final = 512  # the names of run and file, which are most of what stands before frames, have 120
_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)  # a Python that is built for an old glibc lacks it


def read_cached(fd: int, into: bytearray | memoryview, offset: int, nowait: int | None = _NOWAIT) -> int:
    """Read what a file has at `offset` as far as it is in the memory of the system; never wait for a disk.

    A file system that does not say what it has in memory has nothing there, as has any for a Python without
    `nowait`.

    Returns
    -------
    int
        Bytes that were read.
    """
    try:
        return 0 if nowait is None else os.preadv(fd, [into], offset, nowait)
    except OSError:
        return 0


class Room:
    """Frames that were read with `ROOM_BYTES` before them; for one message.

    A `BytesIO` is how Python writes into ``bytes`` that nobody else has. It hands them out without a copy when
    nobody looks into them any more.

    Attributes
    ----------
    data
        The frames, read-only.
    """

    def __init__(self, content: BytesIO) -> None:
        self._content = content
        with content.getbuffer() as everything, everything.toreadonly() as readonly:
            self._size = len(everything)
            self.data = readonly[ROOM_BYTES:]

    @classmethod
    def read_cached(cls, fd: int, n_bytes: int, offset: int, used: Self | None) -> Self | None:
        """Return what a file has at `offset` if `read_cached` finds all of it.

        Parameters
        ----------
        used
            A room that was filled; it is used again if it is as large: the processor still has it in its cache.
        """
        if offset < ROOM_BYTES:
            return None
        size = ROOM_BYTES + n_bytes
        content = used._content if used is not None and used._size == size else BytesIO(bytes(size))
        with content.getbuffer() as everything:
            n_read = read_cached(fd, everything, offset - ROOM_BYTES)
        return cls(content) if n_read == size else None

    @classmethod
    def read(cls, fd: int, n_bytes: int, offset: int) -> Self | None:
        """Return what a file has at `offset`, at most `n_bytes`; None where nothing stands before."""
        if offset < ROOM_BYTES:
            return None
        return cls(BytesIO(os.pread(fd, ROOM_BYTES + n_bytes, offset - ROOM_BYTES)))

    def fill(self, head: bytes, data: memoryview) -> bytes | None:
        """Return `head` and the frames as one, once; None unless `data` are all frames that were read.

        The views into them become invalid.

        Parameters
        ----------
        head
            What stands before, of `ROOM_BYTES`.
        data
            A view into the frames.
        """
        if len(data) != len(self.data):
            return None
        data.release()
        self.data.release()
        with self._content.getbuffer() as everything:
            everything[:ROOM_BYTES] = head
        return self._content.getvalue()
