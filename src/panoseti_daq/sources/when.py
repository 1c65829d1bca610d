"""Place of a time in a file that may grow or shrink meanwhile: read by `os.pread`, never mapped."""

from __future__ import annotations

import os
from bisect import bisect_left
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Layout, TimeStatus
from panoseti_daq.pff.layout import MAX_HEADER_BYTES
from panoseti_daq.sources.regular import open_regular

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
    fd = open_regular(path)
    try:
        layout = Layout.discover(os.pread(fd, MAX_HEADER_BYTES, 0), product)
        n_frames = os.fstat(fd).st_size // layout.frame_size_bytes if layout else 0
        if layout is None or not n_frames:
            return None
        if since_ns is None or _time(fd, layout, n_frames - 1) < since_ns:
            return n_frames, False
        # bisected, not all read: a file of a night has millions of frames
        return bisect_left(range(n_frames), since_ns, key=lambda i: _time(fd, layout, i)), True
    finally:
        os.close(fd)


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
