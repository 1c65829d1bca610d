"""One cursor in one PFF file: what was appended, in order, whole frames only."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.pff import FrameBlock, Layout, PffName
from panoseti_daq.pff.codec import MAX_HEADER_BYTES

MAX_BLOCK_BYTES: Final = 4 << 20  # four of Hashpipe's writes; bounds memory when much has to be caught up


class Tail:
    """Reads what is appended to one file.

    Keeps the file open from the first byte until `close`; for one thread. A partial frame at the end is the
    normal state (SPEC 1.5): it is left for the next `read`.

    Parameters
    ----------
    path
        The file; it may be empty or not yet there.
    name
        What its name says.
    generations
        Gives the `generation` of the blocks, see `FrameBlock`: the next one now, and again when the file begins
        anew.
    last_frames
        Begin this many whole frames before the end that the file has when first read; None for its beginning.

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
    ) -> None:
        self.path = path
        self.name = name
        self._generations = generations or itertools.count()
        self.generation = next(self._generations)
        self.grew_at = time.monotonic()
        self._last_frames = last_frames
        self._fd: int | None = None
        self._layout: Layout | None = None
        self._offset = 0

    @property
    def n_frames(self) -> int:
        """Frames before the cursor."""
        return self._offset // self._layout.frame_size_bytes if self._layout else 0

    def read(self) -> Iterator[FrameBlock]:
        """Yield what was appended since the last call, in blocks of at most `MAX_BLOCK_BYTES`.

        A file that became shorter was truncated or written anew and is read from its beginning.

        Raises
        ------
        HeaderError
            The file does not begin with a PFF header.
        OSError
            The file is missing or unreadable.
        """
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        size = os.fstat(self._fd).st_size
        if size < self._offset:
            self._layout, self._offset = None, 0
            self.generation = next(self._generations)
        layout = self._layout or self._discover(size)
        self._last_frames = None  # what comes from now on is new
        if layout is None:
            return
        frame_size = layout.frame_size_bytes
        while (n_bytes := (size - self._offset) // frame_size * frame_size) > 0:
            n_bytes = min(n_bytes, MAX_BLOCK_BYTES // frame_size * frame_size)
            data = os.pread(self._fd, n_bytes, self._offset)
            data = data[: len(data) // frame_size * frame_size]
            if not data:
                return
            first = self._offset // frame_size
            self._offset += len(data)
            self.grew_at = time.monotonic()
            yield FrameBlock(
                data, layout, self.name.module_id, self.path.name, first, self.generation, time.time_ns()
            )

    def _discover(self, size: int) -> Layout | None:
        if not size or self._fd is None:
            return None
        layout = Layout.discover(os.pread(self._fd, MAX_HEADER_BYTES, 0), self.name.product)
        if layout is not None and size >= layout.frame_size_bytes:
            self._layout = layout
            if self._last_frames is not None:
                n_frames = size // layout.frame_size_bytes
                self._offset = max(0, n_frames - self._last_frames) * layout.frame_size_bytes
        return self._layout

    def stands(self) -> bool:
        """Whether the path still leads to the file that is open, and not to none or another one."""
        try:
            there = os.stat(self.path)
        except OSError:
            return False
        return self._fd is None or os.path.samestat(there, os.fstat(self._fd))

    def close(self) -> None:
        """Close the file; the cursor stays, and a later `read` goes on there."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
