"""Checksums of the frames that were read last: they show where a file was cut and written again.

::

    read        0 1 2 3 4 5 6 7 8 9          the newest 1024 are known by the checksums of their headers
    the file    0 1 2 3 4 5'6'7'             cut after 4, and then 5' to 7' were written
                          ^ the first that is not as it was: reading continues here
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import deque
from typing import Final, NamedTuple
from zlib import crc32

from panoseti_daq.pff import Layout

_MOST_KNOWN: Final = 1024


class _Part(NamedTuple):
    """Consecutive frames of one layout: offset and number of the first, and a checksum of each."""

    offset: int
    number: int
    layout: Layout
    checksums: list[int]

    def is_changed(self, fd: int, i: int) -> bool:
        header = os.pread(fd, self.layout.header_size_bytes, self.offset + i * self.layout.frame_size_bytes)
        return crc32(header) != self.checksums[i]


class KnownFrames:
    """The frames of one file that were read last; takes 0.1 MB at most."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._n = 0

    def add(self, offset: int, number: int, layout: Layout, data: bytes) -> None:
        """Take note of frames that were read at `offset`, the first of which has this number."""
        size, header_size = layout.frame_size_bytes, layout.header_size_bytes
        first = max(0, len(data) // size - _MOST_KNOWN)
        sums = [crc32(data[at : at + header_size]) for at in range(first * size, len(data) // size * size, size)]
        last = self._parts[-1] if self._parts else None
        begin = offset + first * size
        if last and last.layout is layout and last.offset + len(last.checksums) * size == begin:
            last.checksums.extend(sums)
        else:
            self._parts.append(_Part(begin, number + first, layout, sums))
        self._n += len(sums)
        self._forget()

    def learn(self, fd: int, layout: Layout, end: int) -> None:
        """Take note of the frames of a file before this number, which were read by somebody else."""
        size, first = layout.frame_size_bytes, max(0, end - _MOST_KNOWN)
        sums = [crc32(os.pread(fd, layout.header_size_bytes, i * size)) for i in range(first, end)]
        if sums:
            self._parts.append(_Part(first * size, first, layout, sums))
            self._n += len(sums)

    def _forget(self) -> None:
        while self._n > 2 * _MOST_KNOWN:
            offset, number, layout, sums = self._parts.popleft()
            n_old = min(len(sums), self._n - _MOST_KNOWN)
            self._n -= n_old
            if n_old < len(sums):
                at = offset + n_old * layout.frame_size_bytes
                self._parts.appendleft(_Part(at, number + n_old, layout, sums[n_old:]))

    def first_changed(self, fd: int) -> tuple[int, int] | None:
        """Return offset and number of the first known frame that is not in the file as it was; None if all are."""
        if not self._parts or not self._parts[-1].is_changed(fd, len(self._parts[-1].checksums) - 1):
            return None
        known = [(part, i) for part in self._parts for i in range(len(part.checksums))]
        part, i = known[bisect_left(known, True, key=lambda item: item[0].is_changed(fd, item[1]))]
        return part.offset + i * part.layout.frame_size_bytes, part.number + i

    @property
    def first_number(self) -> int | None:
        """Number of the first frame that is known; None when none is."""
        return self._parts[0].number if self._parts else None

    def cut(self, number: int) -> None:
        """Forget the frames from this number on."""
        while self._parts and self._parts[-1].number >= number:
            self._n -= len(self._parts.pop().checksums)
        if self._parts:
            last = self._parts[-1]
            n_left = min(len(last.checksums), number - last.number)
            self._n -= len(last.checksums) - n_left
            del last.checksums[n_left:]
