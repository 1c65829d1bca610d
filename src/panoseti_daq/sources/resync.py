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

from panoseti_daq.pff import DataProduct, Layout
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES
from panoseti_daq.pff.step import header_that_ends, n_in_step

_BRACE: Final = ord("{")
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


def beginning_of_header(header: bytes) -> bytes:
    """Return the text with which every header of a file begins: up to its first number."""
    number = re.search(rb": *\d", header)
    return header[: number.start() + 1] if number else header


def find_frames(data: bytes | memoryview, layout: Layout, mark: bytes) -> tuple[int, bool]:
    """Return the number of frames at the beginning of `data`, and whether the last of them is torn.

    Among its pixels is another header then, which begins with `mark`.
    """
    n_frames, frame_size = n_in_step(data, layout), layout.frame_size_bytes
    end = n_frames * frame_size
    return n_frames, n_frames > 0 and mark in bytes(data[end - frame_size + 1 : end])


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
            found = header_that_ends(data[max(0, at - MAX_HEADER_BYTES) : at + len(END_OF_HEADER)], product)
            if found is not None:
                return offset + at + len(END_OF_HEADER) - found.image_offset_bytes, found
            at = data.find(END_OF_HEADER, at + 1)
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


def n_before_zeros(fd: int, layout: Layout, begin: int, n_frames: int) -> int:
    """Return how many of the `n_frames` from offset `begin` on stand before what a power failure left: zeros."""
    least = max(0, n_frames - _MOST_ZEROS)
    while n_frames > least and os.pread(fd, 1, begin + (n_frames - 1) * layout.frame_size_bytes) == b"\0":
        n_frames -= 1
    return n_frames
