"""Checksums of the frames that were read last: they show where a file was cut and written again.

::

    read        0 1 2 3 4 5 6 7 8 9          the newest 1024 are known by the checksums of their headers
    the file    0 1 2 3 4 5'6'7'             cut after 4, and then 5' to 7' were written
                          ^ the first that is not as it was: reading continues here
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import Layout
from panoseti_daq.pff.layout import MAX_HEADER_BYTES

_MOST_KNOWN: Final = 1024
_FEW_FRAMES: Final = 16  # up to this many are summed one by one, because numpy's overhead per call is larger
_WORD_BYTES: Final = 8
_INT64: Final = "q"
# Odd, so that a change of one word is seen in any case; random, so that changes of several do not cancel out.
_WEIGHTS: Final[npt.NDArray[np.uint64]] = np.frombuffer(os.urandom(MAX_HEADER_BYTES), np.uint64) | np.uint64(1)


class _Part(NamedTuple):
    """Consecutive frames of one layout: offset and number of the first, and a checksum of each.

    The checksum is the hash of the header, or, `in_words`, a sum of its words; the last may reach into the image.
    """

    offset: int
    number: int
    layout: Layout
    in_words: bool
    checksums: array[int]

    def is_changed(self, fd: int, i: int) -> bool:
        at = self.offset + i * self.layout.frame_size_bytes
        if not self.in_words:
            return hash(os.pread(fd, self.layout.header_size_bytes, at)) != self.checksums[i]
        words = os.pread(fd, n_bytes := _n_words(self.layout) * _WORD_BYTES, at)
        return len(words) < n_bytes or _sums(words, 1, self.layout)[0] != self.checksums[i]


def _n_words(layout: Layout) -> int:
    return -(-layout.header_size_bytes // _WORD_BYTES)


def _sums(data: bytes | memoryview, n_frames: int, layout: Layout) -> array[int]:
    """Return the checksums in words of the headers of many frames."""
    shape, strides = (n_frames, _n_words(layout)), (layout.frame_size_bytes, _WORD_BYTES)
    words: npt.NDArray[np.uint64] = np.ndarray(shape, np.uint64, data, 0, strides)
    return array(_INT64, np.einsum("ij,j->i", words, _WEIGHTS[: shape[1]]).tobytes())


class KnownFrames:
    """The frames of one file that were read last; takes 0.1 MB at most."""

    def __init__(self) -> None:
        self._parts: deque[_Part] = deque()
        self._n = 0

    def add(self, offset: int, number: int, layout: Layout, data: bytes | memoryview) -> None:
        """Take note of frames that were read at `offset`, the first of which has this number."""
        size = layout.frame_size_bytes
        n_frames = len(data) // size
        first = max(0, n_frames - _MOST_KNOWN)
        sums: Iterable[int]
        if in_words := n_frames > _FEW_FRAMES:
            sums = _sums(data[first * size :], n_frames - first, layout)
        else:
            begins = range(0, n_frames * size, size)
            sums = [hash(data[at : at + layout.header_size_bytes]) for at in begins]
        last = self._parts[-1] if self._parts else None
        begin = offset + first * size
        is_like = last is not None and last.layout is layout and last.in_words is in_words
        if last and is_like and last.offset + len(last.checksums) * size == begin:
            last.checksums.extend(sums)
        else:
            self._parts.append(_Part(begin, number + first, layout, in_words, array(_INT64, sums)))
        self._n += n_frames - first
        self._forget()

    def learn(self, fd: int, layout: Layout, end: int) -> None:
        """Take note of the frames of a file before this number, which were read by somebody else."""
        size, first = layout.frame_size_bytes, max(0, end - _MOST_KNOWN)
        headers = (os.pread(fd, layout.header_size_bytes, i * size) for i in range(first, end))
        sums = array(_INT64, [hash(header) for header in headers])
        if sums:
            self._parts.append(_Part(first * size, first, layout, False, sums))
            self._n += len(sums)

    def _forget(self) -> None:
        while self._n > 2 * _MOST_KNOWN:
            part = self._parts.popleft()
            n_old = min(len(part.checksums), self._n - _MOST_KNOWN)
            self._n -= n_old
            if n_old < len(part.checksums):
                at, left = part.offset + n_old * part.layout.frame_size_bytes, part.checksums[n_old:]
                self._parts.appendleft(part._replace(offset=at, number=part.number + n_old, checksums=left))

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
