"""Place of a time in a file that may grow or shrink meanwhile: read by `os.pread`, never mapped."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Layout, PffName, TimeStatus
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES
from panoseti_daq.sources.regular import open_regular
from panoseti_daq.sources.tail import Tail

_N_TRIED: Final = 8  # frames without a time in a row that are passed over
_NEVER_NS: Final = 1 << 62


def frame_number_of(path: Path, product: DataProduct, since_ns: int | None) -> tuple[int, bool] | None:
    """Return the number of the first frame not before a time, and whether there is one.

    Parameters
    ----------
    path, product
        The file.
    since_ns
        UTC ns since 1970; None for the end of the file.

    Returns
    -------
    tuple
        The number of frames, and False, when all are earlier. None when the file has no whole frame.

    Raises
    ------
    PffError
        It is no PFF file.
    OSError
        It is missing or unreadable.
    """
    with _opened(path, product) as (fd, layout, n_frames):
        if layout is None or not n_frames:
            return None
        is_even = os.fstat(fd).st_size % layout.frame_size_bytes == 0 or _stands(fd, layout, n_frames - 1)
        if not (is_even and _stands(fd, layout, n_frames // 2)) and n_frames > 2:
            return _in_uneven(path, product, since_ns)
        if since_ns is None or _time(fd, layout, n_frames - 1) < since_ns:
            return n_frames, False
        # bisected, not all read: a file of a night has millions of frames
        return bisect_left(range(n_frames), since_ns, key=lambda i: _time(fd, layout, i)), True


def _in_uneven(path: Path, product: DataProduct, since_ns: int | None) -> tuple[int, bool] | None:
    """Return the same for a file whose frames have several lengths: all of it is read."""
    tail = Tail(path, PffName.parse(path.name))
    with closing(tail):
        for block in tail.read():
            later = np.flatnonzero(block.valid & (block.times[0] >= (_NEVER_NS if since_ns is None else since_ns)))
            if len(later):
                return block.first_frame_number + int(later[0]), True
        return (tail.n_frames, False) if tail.n_frames else None


def is_where_expected(path: Path, product: DataProduct, frame_number: int) -> bool:
    """Return whether a frame, or the one before it, begins where it does when all have the length of the first.

    Raises
    ------
    PffError
        It is no PFF file.
    OSError
        It is missing or unreadable.
    """
    with _opened(path, product) as (fd, layout, n_frames):
        if layout is None or not n_frames:
            return True
        last = min(frame_number, n_frames - 1)
        return any(_stands(fd, layout, i) for i in (last, max(last - 1, 0)))


@contextmanager
def _opened(path: Path, product: DataProduct) -> Iterator[tuple[int, Layout | None, int]]:
    """Give descriptor and layout of a file, and its number of frames when all have the length of the first."""
    fd = open_regular(path)
    try:
        layout = Layout.discover(os.pread(fd, MAX_HEADER_BYTES, 0), product)
        yield fd, layout, os.fstat(fd).st_size // layout.frame_size_bytes if layout else 0
    finally:
        os.close(fd)


def _stands(fd: int, layout: Layout, i: int) -> bool:
    head = os.pread(fd, layout.image_offset_bytes, i * layout.frame_size_bytes)
    return head.endswith(END_OF_HEADER) and layout.is_valid(head[: layout.header_size_bytes])


def _time(fd: int, layout: Layout, first: int) -> int:
    """Return the time of a frame, or of the next one that has one; frames without any count as the last."""
    for i in range(first, first + _N_TRIED):
        try:
            taken = layout.parse(os.pread(fd, layout.header_size_bytes, i * layout.frame_size_bytes)).time
        except PffError:
            continue
        if taken.status is not TimeStatus.NO_TIME:
            return taken.unix_ns
    return _NEVER_NS
