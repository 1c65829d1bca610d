"""Frames of several lengths in one file, brought into step.

Hashpipe prints numbers with fixed widths, so the frames of a file have one length. A number that needs more
columns (``"pkt_nsec": 1000000000``), a version that printed no widths (before 2022-10), or a cut frame shifts all
that follow.
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES, Layout
from panoseti_daq.pff.product import DataProduct

MOST_NARROWER: Final = 256  # bytes that a header may lack to the one before it
_BRACE: Final = ord("{")
_BLANK: Final = ord(" ")
_FEW_FRAMES: Final = 8  # up to this many are checked one by one, because numpy's overhead per call is larger
_N_SAMPLES: Final = 64  # frames of a file that are looked at before it is taken for even
_CHUNK_BYTES: Final = 1 << 24


class _Part(NamedTuple):
    """`n` frames of one layout from `offset` on; the first has the number `row`."""

    row: int
    n: int
    offset: int
    layout: Layout


def n_in_step(data: bytes | memoryview, layout: Layout) -> int:
    """Return the number of leading frames of `data` whose header ends where it should.

    A number in the header may still be damaged: that is one bad frame, and the next is where it should be.
    """
    frame_size, end = layout.frame_size_bytes, layout.header_size_bytes
    n_frames = len(data) // frame_size
    if n_frames <= _FEW_FRAMES:
        for i in range(n_frames):
            if not _stands(data, i * frame_size, layout):
                return i
        return n_frames
    rows = np.frombuffer(data, np.uint8, n_frames * frame_size).reshape(n_frames, frame_size)
    stands = rows[:, 0] == _BRACE
    for i, byte in enumerate(END_OF_HEADER):
        stands &= rows[:, end + i] == byte
    return n_frames if stands.all() else int(stands.argmin())


def header_that_ends(data: bytes, product: DataProduct) -> Layout | None:
    """Return the layout of the longest header at the end of `data` that has the fields Hashpipe writes."""
    begin = data.find(b"{")
    while begin >= 0:
        layout = standard_layout(data[begin:], product)
        if layout is not None and layout.image_offset_bytes == len(data) - begin:
            return layout
        begin = data.find(b"{", begin + 1)
    return None


def standard_layout(head: bytes, product: DataProduct) -> Layout | None:
    """Return the layout of a header with the fields Hashpipe writes; None if `head` does not begin with one."""
    try:
        layout = Layout.discover(head, product)
    except HeaderError:
        return None
    return layout if layout is not None and layout.is_standard else None


def in_step(data: mmap.mmap, layout: Layout) -> tuple[bytes | mmap.mmap, Layout]:
    """Return the frames of a file as frames of one length, and their layout.

    A file whose frames have one length is returned as it is, after a look at a few of its frames. Of others a copy
    is made: each number gets as many columns as it has anywhere in the file; zeros stand in place of what is
    damaged.

    Parameters
    ----------
    data
        A file that begins with a whole frame.
    layout
        Layout of the first frame.
    """
    if not layout.is_standard or _seems_even(data, layout):
        return data, layout
    parts = _parts(data, layout)
    if all(part.layout is layout and part.offset == part.row * layout.frame_size_bytes for part in parts):
        return data, layout
    wide = _widest({part.layout for part in parts}, layout)
    frames: npt.NDArray[np.uint8] = np.zeros((parts[-1].row + parts[-1].n, wide.frame_size_bytes), np.uint8)
    for row, n, offset, own in parts:
        rows = np.frombuffer(data, np.uint8, n * own.frame_size_bytes, offset).reshape(n, -1)
        frames[row : row + n, : wide.header_size_bytes] = _BLANK
        frames[row : row + n, _columns_in(wide, own)] = rows
    return frames.tobytes(), wide


def _stands(data: bytes | memoryview | mmap.mmap, begin: int, layout: Layout) -> bool:
    """Return whether a header of `layout` stands at `begin`."""
    end = begin + layout.header_size_bytes
    return data[begin] == _BRACE and data[end : end + len(END_OF_HEADER)] == END_OF_HEADER


def _seems_even(data: mmap.mmap, layout: Layout) -> bool:
    """Return whether the last frame and some others stand where they should; any shift is seen at the last one."""
    size = layout.frame_size_bytes
    n_frames = len(data) // size
    samples = {(n_frames - 1) * i // _N_SAMPLES for i in range(_N_SAMPLES + 1)}
    if not all(_stands(data, i * size, layout) for i in sorted(samples)):
        return False
    rest = len(data) - n_frames * size
    if rest < size - MOST_NARROWER:
        return True
    own = standard_layout(data[n_frames * size :], layout.product)
    return own is None or own.frame_size_bytes > rest


def _parts(data: mmap.mmap, first: Layout) -> list[_Part]:
    """Find the frames of a file, with the numbers that the server gives them (SPEC 1.3)."""
    parts: list[_Part] = []
    layout, at, row, searched, n_bytes = first, 0, 0, 0, 0
    while at < len(data):
        n_bytes = max(n_bytes, layout.frame_size_bytes)
        n = n_in_step(data[at : at + n_bytes], layout)
        if n:
            parts.append(_Part(row, n, at, layout))
            row, at = row + n, at + n * layout.frame_size_bytes
            n_bytes = min(4 * n_bytes, _CHUNK_BYTES)
            continue
        n_bytes = 0  # in a version without widths every frame has its own length
        own = standard_layout(data[at : at + MAX_HEADER_BYTES], first.product)
        if own is not None and own is not layout and _has_fields_of(first, own):
            layout = own
            continue
        # The frame before may be cut: then the next header stands among its pixels.
        found = _next_header(data, max(searched, at - layout.frame_size_bytes + 1), first)
        if found is None:
            break
        to, layout = found
        if to < at:
            parts[-1] = parts[-1]._replace(n=parts[-1].n - 1)
            row -= 1
        at, row, searched = to, max(row + (to < at), to // first.frame_size_bytes), to + 1
    return [part for part in parts if part.n]


def _next_header(data: mmap.mmap, begin: int, first: Layout) -> tuple[int, Layout] | None:
    """Return offset and layout of the first whole header that begins at `begin` or later."""
    at = data.find(END_OF_HEADER, begin)
    while at >= 0:
        text = data[max(begin, at - MAX_HEADER_BYTES) : at + len(END_OF_HEADER)]
        found = header_that_ends(text, first.product)
        if found is not None and _has_fields_of(first, found):
            return at - found.header_size_bytes, found
        at = data.find(END_OF_HEADER, at + 1)
    return None


def _has_fields_of(one: Layout, other: Layout) -> bool:
    return _texts(one) == _texts(other)


def _texts(layout: Layout) -> list[bytes]:
    """Return what stands between the numbers of a header."""
    ends = [0, *(at for slot in layout.slots for at in slot), layout.header_size_bytes]
    return [layout.template[begin:end] for begin, end in list(pairwise(ends))[::2]]


def _widest(layouts: Collection[Layout], first: Layout) -> Layout:
    """Return the layout with as many columns for each number as any of `layouts` has."""
    widths = np.max([[end - begin for begin, end in layout.slots] for layout in layouts], axis=0).tolist()
    numbers: Sequence[bytes] = [b"0".rjust(width) for width in widths]
    text, *others = _texts(first)
    header = text + b"".join(number + other for number, other in zip(numbers, others, strict=True))
    wide = Layout.discover(header + END_OF_HEADER, first.product)
    assert wide is not None
    return wide


def _columns_in(wide: Layout, layout: Layout) -> npt.NDArray[np.intp]:
    """Return the column of `wide` for each column of a frame of `layout`; numbers are flush right."""
    begins = [0, *(begin for begin, _ in layout.slots), layout.frame_size_bytes]
    shifts = [0, *(there - here for (_, here), (_, there) in zip(layout.slots, wide.slots, strict=True))]
    columns: npt.NDArray[np.intp] = np.arange(layout.frame_size_bytes) + np.repeat(shifts, np.diff(begins))
    return columns
