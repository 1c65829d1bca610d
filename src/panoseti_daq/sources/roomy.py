"""Tail of one PFF file whose blocks are sent: each is read with room for the head of its message."""

from __future__ import annotations

from panoseti_daq.pff.room import Room
from panoseti_daq.sources.tail import Tail


class RoomyTail(Tail):
    """Reader of what is appended to one file, for messages."""

    _room: Room | None = None

    def take_room(self) -> Room | None:
        """Return the room of the block that came last, and keep nothing of it; None if it has none."""
        room, self._room = self._room, None
        return room

    def _read_at(self, fd: int, n_bytes: int, offset: int) -> bytes | memoryview:
        self._room = Room.read(fd, n_bytes, offset)
        return super()._read_at(fd, n_bytes, offset) if self._room is None else self._room.data
