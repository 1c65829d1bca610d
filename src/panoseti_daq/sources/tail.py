"""Tail of one PFF file: the frames appended to it, in order, complete ones only."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import FrameBlock, Layout, PffName
from panoseti_daq.pff.layout import MAX_HEADER_BYTES
from panoseti_daq.pff.step import MOST_NARROWER, standard_layout
from panoseti_daq.sources import resync
from panoseti_daq.sources.known import KnownFrames
from panoseti_daq.sources.regular import Signature, open_regular, signature, signature_of

_log = logging.getLogger(__name__)

MAX_BLOCK_BYTES: Final = 4 << 20  # four of Hashpipe's writes; bounds memory during a long catch-up
AFTER_DAMAGE_BYTES: Final = 1 << 16  # the next damage may be near, and what follows it is read again


class Tail:
    """Reader of what is appended to one file.

    Keeps the file open from the first byte until `close`; for one thread. A partial frame at the end is the
    normal state (SPEC 1.5): it is left for the next `read`.

    Bytes that are not a frame are skipped and counted, up to the next whole header; `frame_number` remains
    offset // frame size (SPEC 1.3). A frame with another header among its pixels was torn and is not a frame.
    A header whose numbers have other widths than the first one's is followed. Frames are numbered in order.

    Parameters
    ----------
    path
        The file; it may be empty or not yet there.
    name
        What its name says.
    generations
        Gives the `generation` of the blocks, see `FrameBlock`: the next one now, and again when the file begins
        again.
    last_frames
        Begin this many whole frames before the end, which is at `known_bytes`; None for `first_frame`.
    known_bytes
        What the file held when it was found; None for its size when it is first read.
    first_frame
        Begin with this frame.
    damage
        Counts what is skipped; one of its own if None. Also an attribute.

    Attributes
    ----------
    grew_at
        Monotonic time of the last read that found something, s.
    """

    def __init__(
        self,
        path: Path,
        name: PffName,
        generations: Iterator[int] | None = None,
        last_frames: int | None = None,
        known_bytes: int | None = None,
        first_frame: int = 0,
        damage: resync.Damage | None = None,
    ) -> None:
        self.path, self.name = path, name
        self._base_names = path.name, path.parent.name
        self.damage = resync.Damage() if damage is None else damage
        self._generations = generations or itertools.count()
        self.generation = next(self._generations)
        self.grew_at = time.monotonic()
        self._last_frames = last_frames
        self._known_bytes = known_bytes
        self._first_frame = first_frame
        self._fd: int | None = None
        self._signature: Signature | None = None  # before the last read
        self._complained = False
        self._begin_again()

    def _begin_again(self) -> None:
        self._layout: Layout | None = None
        self._offset = 0
        self._number = 0  # of the frame at the cursor
        self._frame_size_bytes = 0  # of the first frame
        self._beginning = b""  # of the file, by which it is known again
        self._mark = b""  # what every header begins with
        self._searched = 0  # offset to which a first header was looked for in vain
        self._in_step = False  # whether the frame before the cursor was one
        self._known = KnownFrames()

    @property
    def n_frames(self) -> int:
        """Frames before the cursor."""
        return self._number

    def read(self, max_block_bytes: int = MAX_BLOCK_BYTES) -> Iterator[FrameBlock]:
        """Yield what was appended since the last call, in blocks of at most `max_block_bytes`.

        A file that was cut continues with the first frame that is not as it was; one that was rewritten is read
        from its beginning.

        Raises
        ------
        HeaderError
            There is no PFF header in the file so far.
        OSError
            The file is missing or unreadable.
        """
        if self._fd is None:
            self._signature = signature(os.stat(self.path))  # an unreadable file is not a changed one
            self._fd = open_regular(self.path)
        status = os.fstat(self._fd)
        self._signature, size = signature(status), status.st_size
        self._notice_change(self._fd, size)
        if self._layout is None:
            self._discover(self._fd, size)
        self._last_frames = None  # what is appended from now on is new
        goes_on = True
        while goes_on and (layout := self._layout) is not None:
            frame_size, offset, number = layout.frame_size_bytes, self._offset, self._number
            data = self._whole_frames(self._fd, frame_size, size, max_block_bytes)
            if not data:
                own = self._own_layout(self._fd, offset) if size - offset > frame_size - MOST_NARROWER else None
                if own is None or own.frame_size_bytes > size - offset:
                    return
                self._take_layout(self._fd, offset, own)
                continue
            n_frames, goes_on = self._accept(self._fd, layout, data, size)
            if n_frames:
                self.grew_at = time.monotonic()
                ready = [self._block(data[: n_frames * frame_size], layout, offset, number)]
                del data  # nothing stays in memory while the reader waits
                yield ready.pop()

    def _block(self, data: bytes | memoryview, layout: Layout, offset: int, number: int) -> FrameBlock:
        self._known.add(offset, number, layout, data)
        file, run = self._base_names
        return FrameBlock(data, layout, self.name.module_id, file, number, self.generation, time.time_ns(), run)

    def _whole_frames(self, fd: int, frame_size: int, size: int, max_block_bytes: int) -> bytes | memoryview:
        """Bytes from the cursor on, as many as whole frames would have."""
        limit = max_block_bytes if self._in_step or not self._offset else min(max_block_bytes, AFTER_DAMAGE_BYTES)
        n_frames = min((size - self._offset) // frame_size, max(limit // frame_size, 1))
        data = self._read_at(fd, n_frames * frame_size, self._offset) if n_frames > 0 else b""
        return data[: len(data) // frame_size * frame_size]

    def _read_at(self, fd: int, n_bytes: int, offset: int) -> bytes | memoryview:
        return os.pread(fd, n_bytes, offset)

    def _accept(self, fd: int, layout: Layout, data: bytes | memoryview, size: int) -> tuple[int, bool]:
        """Move the cursor over `data`, which stand at it; number of frames at their begin, whether to read on."""
        frame_size, begin = layout.frame_size_bytes, self._offset
        n_frames, is_torn = resync.find_frames(data, layout, self._mark)
        end = n_frames * frame_size
        if end == len(data) and not is_torn:
            self._offset += end
            self._number += n_frames
            self._in_step = True
            return n_frames, True
        if not is_torn and (own := self._own_layout(fd, begin + end)) is not None:
            self._offset, self._number = begin + end, self._number + n_frames
            self._take_layout(fd, begin + end, own)
            return n_frames, True
        # The last frame may be torn even when nothing shows it: then the next header begins among its pixels.
        back = frame_size - 1 if n_frames or self._in_step else 0
        found = resync.find_frame(fd, layout, begin + end - back, size)
        if n_frames and (is_torn or (found is not None and found < begin + end)):
            n_frames -= 1
        self._offset = begin + n_frames * frame_size
        self._number += n_frames
        if found is not None:
            self._skip(layout, found)
            return n_frames, True
        if end == len(data):  # whose header stands among the pixels of the last frame will show when there is more
            return n_frames, False
        other = resync.find_layout(fd, self.name.product, begin + end, size)
        if other is not None:  # the first header was the damaged one
            self._skip(layout, other[0])
            self._take_layout(fd, *other)
            return n_frames, True
        # The beginning of a header may be at the very end.
        self._skip(layout, max(self._offset, size - layout.image_offset_bytes + 1))
        return n_frames, False

    def _own_layout(self, fd: int, at: int) -> Layout | None:
        """Return the layout of a header at offset `at` whose numbers have other widths; None if there is none."""
        own = standard_layout(os.pread(fd, MAX_HEADER_BYTES, at), self.name.product)
        return None if own is self._layout else own

    def _take_layout(self, fd: int, at: int, layout: Layout) -> None:
        """Read with `layout`, which the header at offset `at` has."""
        self._layout = layout
        self._mark = resync.beginning_of_header(os.pread(fd, layout.header_size_bytes, at))

    def _skip(self, layout: Layout, to: int) -> None:
        """Move the cursor to offset `to`, over bytes that are not a frame."""
        n_bytes, self._offset, self._in_step = max(0, to - self._offset), to, False
        self._number = max(self._number, to // (self._frame_size_bytes or layout.frame_size_bytes))
        self.damage.n_bytes += n_bytes
        self.damage.n_frames += max(1, round(n_bytes / layout.frame_size_bytes))
        self._complain(f"damaged: skipped {n_bytes} bytes to the next frame at offset {to}")

    def _complain(self, what: str) -> None:
        _log.log(logging.DEBUG if self._complained else logging.WARNING, "%s: %s", self.path, what)
        self._complained = True

    def _notice_change(self, fd: int, size: int) -> None:
        """Continue at the first frame that is not as it was; start again when the file has another beginning."""
        if self._layout is None:
            return
        changed, is_shorter = self._known.first_changed(fd), size < self._offset
        if changed is None and not is_shorter and self._known.first_number is not None:
            return
        if os.pread(fd, len(self._beginning), 0) != self._beginning:
            self._begin_again()
            self._first_frame = 0
        elif changed is not None and changed[0] <= size:
            self._offset, self._number = changed
            self._known.cut(self._number)
            self._in_step = True
        elif is_shorter:  # than all that is known
            self._number, self._in_step = size // self._layout.frame_size_bytes, False
            self._offset = self._number * self._layout.frame_size_bytes
            self._known.cut(self._number)
        else:
            return
        self.renew()

    def _discover(self, fd: int, size: int) -> None:
        """Find the layout, and set the cursor to where reading begins."""
        head = os.pread(fd, MAX_HEADER_BYTES, 0)
        begin = 0
        try:
            layout = Layout.discover(head, self.name.product)
        except HeaderError:
            found = resync.find_layout(fd, self.name.product, self._searched, size)
            self._searched = max(self._searched, size - MAX_HEADER_BYTES)
            if found is None:
                raise
            begin, layout = found
        if layout is not None and size >= begin + layout.frame_size_bytes:
            self._take_layout(fd, begin, layout)
            self._beginning = head[: layout.image_offset_bytes]
            self._frame_size_bytes = layout.frame_size_bytes
            self._begin_reading(fd, layout, begin, size)

    def _begin_reading(self, fd: int, layout: Layout, begin: int, size: int) -> None:
        """Set the cursor, when the layout is known and the first frame begins at offset `begin`."""
        frame_size = layout.frame_size_bytes
        if self._last_frames is not None:
            end = size if self._known_bytes is None else min(size, self._known_bytes)
            n_frames = resync.n_before_zeros(fd, layout, begin, max(0, end - begin) // frame_size)
            self._offset = begin + max(0, n_frames - self._last_frames) * frame_size
        elif self._first_frame:
            self._offset = min(self._first_frame, size // frame_size) * frame_size
            self._known.learn(fd, layout, self._offset // frame_size)
        elif begin:
            self._skip(layout, begin)
        self._number = self._offset // frame_size

    @property
    def n_left_over_bytes(self) -> int:
        """Bytes after the cursor: of a frame that is not whole, once everything else was read."""
        return max(0, os.fstat(self._fd).st_size - self._offset) if self._fd is not None else 0

    @property
    def is_open(self) -> bool:
        """Whether it holds a descriptor."""
        return self._fd is not None

    def renew(self) -> None:
        """Count what comes from now on as later than everything so far."""
        self.generation = next(self._generations)

    def grows(self) -> bool:
        """Return whether there is more than was read."""
        now = signature_of(self.path)
        return now is not None and now[2] > self._offset

    def stands(self) -> bool:
        """Return whether the path still leads to the file that was opened."""
        now = signature_of(self.path)
        return now is not None and (self._signature is None or self._signature[:2] == now[:2])

    def changed(self) -> bool:
        """Return whether the file at the path was replaced or written since the last `read`."""
        now = signature_of(self.path)
        return now is None or now != self._signature

    def close(self) -> None:
        """Close the file; the cursor stays, and a later `read` continues there."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
