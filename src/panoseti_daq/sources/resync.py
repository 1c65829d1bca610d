"""Resync: the search for the next frame of a file after bytes that are not a frame.

When a disk fills up or a machine loses power, a header is cut in half, a frame lacks pixels, or foreign bytes
stand in the middle of a file. The frames after them begin at any offset; a whole header of the file's layout shows
where.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, Layout
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES

_BRACE: Final = ord("{")
_FEW_FRAMES: Final = 8  # up to this many are checked one by one, because numpy's overhead per call is larger
_FIRST_STEP_BYTES: Final = 1 << 14  # searched at once at first: the next frame is usually near
_STEP_BYTES: Final = 1 << 20
_MOST_ZEROS: Final = 1 << 16  # frames of zeros at the end of a file that are passed over to find the newest


@dataclass(slots=True)
class Damage:
    """Count of what was skipped because it is not a frame.

    Attributes
    ----------
    n_frames
        Frames lost, as far as their number is known.
    n_bytes
        Bytes.
    """

    n_frames: int = 0
    n_bytes: int = 0


def n_in_step(data: bytes, layout: Layout) -> int:
    """Return the number of leading frames of `data` whose header ends where it should.

    A number in the header may still be damaged: that is one bad frame, and the next is where it should be.
    """
    frame_size, end = layout.frame_size_bytes, layout.header_size_bytes
    n_frames = len(data) // frame_size
    if n_frames <= _FEW_FRAMES:
        for i in range(n_frames):
            begin = i * frame_size
            if data[begin] != _BRACE or not data.startswith(END_OF_HEADER, begin + end):
                return i
        return n_frames
    rows = np.frombuffer(data, np.uint8, n_frames * frame_size).reshape(n_frames, frame_size)
    stands = rows[:, 0] == _BRACE
    for i, byte in enumerate(END_OF_HEADER):
        stands &= rows[:, end + i] == byte
    return n_frames if stands.all() else int(stands.argmin())


def beginning_of_header(header: bytes) -> bytes:
    """Return the text with which every header of a file begins: up to its first number."""
    number = re.search(rb": *\d", header)
    return header[: number.start() + 1] if number else header


def find_frame(fd: int, layout: Layout, begin: int, end: int) -> int | None:
    """Return the offset of the first whole header of `layout` in bytes `begin` to `end` of a file, or None."""
    for offset, data in _windows(fd, begin, end, layout.image_offset_bytes - 1):
        at = data.find(END_OF_HEADER, layout.header_size_bytes)
        while at >= 0:
            first = at - layout.header_size_bytes
            if data[first] == _BRACE and layout.is_valid(data[first:at]):
                return offset + first
            at = data.find(END_OF_HEADER, at + 1)
    return None


def find_layout(fd: int, product: DataProduct, begin: int, end: int) -> tuple[int, Layout] | None:
    """Return offset and layout of the first whole header of `product`, whatever its widths, or None."""
    for offset, data in _windows(fd, begin, end, MAX_HEADER_BYTES):
        at = data.find(END_OF_HEADER)
        while at >= 0:
            found = _header_that_ends(data[max(0, at - MAX_HEADER_BYTES) : at + len(END_OF_HEADER)], product)
            if found is not None:
                return offset + at + len(END_OF_HEADER) - found.image_offset_bytes, found
            at = data.find(END_OF_HEADER, at + 1)
    return None


def _header_that_ends(data: bytes, product: DataProduct) -> Layout | None:
    """Return the layout of the longest header at the end of `data` that has the fields Hashpipe writes."""
    begin = data.find(b"{")
    while begin >= 0:
        try:
            layout = Layout.discover(data[begin:], product)
        except HeaderError:
            layout = None
        if layout is not None and layout.is_standard and layout.image_offset_bytes == len(data) - begin:
            return layout
        begin = data.find(b"{", begin + 1)
    return None


def _windows(fd: int, begin: int, end: int, overlap: int) -> Iterator[tuple[int, bytes]]:
    """Yield offset and content of parts of a file, each of which repeats the last `overlap` bytes before it."""
    step = _FIRST_STEP_BYTES
    while begin < end:
        data = os.pread(fd, min(step, end - begin), begin)
        step = min(4 * step, _STEP_BYTES)
        if not data:
            return
        yield begin, data
        if begin + len(data) >= end:
            return
        begin += max(1, len(data) - overlap)


def standard_layout(fd: int, at: int, product: DataProduct) -> Layout | None:
    """Return the layout of Hashpipe's header at offset `at`; None if there is none."""
    try:
        found = Layout.discover(os.pread(fd, MAX_HEADER_BYTES, at), product)
    except HeaderError:
        return None
    return found if found is not None and found.is_standard else None


def n_before_zeros(fd: int, layout: Layout, begin: int, n_frames: int) -> int:
    """Return how many of the `n_frames` from offset `begin` on stand before what a power failure left: zeros."""
    least = max(0, n_frames - _MOST_ZEROS)
    while n_frames > least and os.pread(fd, 1, begin + (n_frames - 1) * layout.frame_size_bytes) == b"\0":
        n_frames -= 1
    return n_frames
