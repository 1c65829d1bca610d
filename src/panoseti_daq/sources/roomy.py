"""Tail of one PFF file whose blocks are sent: each is read with room for the head of its message."""

from __future__ import annotations

from typing import Final

from panoseti_daq.pff import FrameBlock
from panoseti_daq.pff.room import Room, read_cached
from panoseti_daq.sources import resync
from panoseti_daq.sources.tail import Tail

FIRST_BYTES: Final = 1 << 18  # of a file: its first block is soon at the client, while the next one is read


class RoomyTail(Tail):
    """Reader of what is appended to one file, for messages."""

    _room: Room | None = None

    def take_room(self) -> Room | None:
        """Return the room of the block that came last, and keep nothing of it; None if it has none."""
        room, self._room = self._room, None
        return room

    def _whole_frames(self, fd: int, frame_size: int, size: int, max_block_bytes: int) -> bytes | memoryview:
        limit = max_block_bytes if self._in_step else min(max_block_bytes, FIRST_BYTES)
        return super()._whole_frames(fd, frame_size, size, limit)

    def _read_at(self, fd: int, n_bytes: int, offset: int) -> bytes | memoryview:
        self._room = Room.read(fd, n_bytes, offset)
        return super()._read_at(fd, n_bytes, offset) if self._room is None else self._room.data

    def is_cached(self, max_block_bytes: int) -> bool:
        """Return whether the end of what `read_cached` would read is in the memory of the system."""
        fd, n_bytes = self._next_cached(max_block_bytes)
        return n_bytes > 0 and read_cached(fd, bytearray(1), self._offset + n_bytes - 1) > 0

    def read_cached(self, max_block_bytes: int, used: Room | None) -> FrameBlock | None:
        """Return the block that `read` would yield next, if it is in the memory of the system and undamaged.

        Never waits for a disk. The memory of `used`, whose frames nobody needs any more, is used again: the
        processor may still have it in its cache.
        """
        (fd, n_bytes), layout = self._next_cached(max_block_bytes), self._layout
        if not n_bytes or layout is None:
            return None
        room = Room.read_cached(fd, n_bytes, self._offset, used)
        if room is None:
            return None
        n_frames, is_torn = resync.find_frames(room.data, layout, self._mark)
        if is_torn or n_frames * layout.frame_size_bytes < n_bytes:
            return None
        offset, number = self._offset, self._number
        self._offset, self._number = offset + n_bytes, number + n_frames
        self._room = room
        return self._block(room.data, layout, offset, number)

    def _next_cached(self, max_block_bytes: int) -> tuple[int, int]:
        """Return the descriptor and the bytes of the next block, as far as the last `read` knows the file."""
        if self._layout is None or self._fd is None or self._signature is None or not self._in_step:
            return 0, 0
        size = self._signature[2]
        n_bytes = min(size - self._offset, max_block_bytes)
        return self._fd, max(0, n_bytes - n_bytes % self._layout.frame_size_bytes)
