"""State shared by the processes of one service: the limit of streams, and what each reports."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.config.hp_io import HpIoConfig

_COUNT: Final = struct.Struct("<q")


class StreamPlaces:
    """Places for streams; those of one process.

    Parameters
    ----------
    limit
        Streams that there may be.

    Attributes
    ----------
    n_taken
        Places that this process has taken.
    """

    def __init__(self, limit: int) -> None:
        self.limit: Final = limit
        self.n_taken = 0

    def take(self) -> bool:
        """Take a place; return False when all are taken."""
        if self.n_taken >= self.limit:
            return False
        self.n_taken += 1
        return True

    def give_back(self) -> None:
        """Give a place back."""
        self.n_taken -= 1


class SharedStreamPlaces(StreamPlaces):
    """Places of several processes together, counted in a file that all have open, until `close`.

    Each process writes its own count: what a dead one had taken is free as soon as another takes its number.

    Parameters
    ----------
    limit
        Streams that there may be in all processes.
    file, number
        The file, made if need be, and the number of this process from 0.
    """

    def __init__(self, limit: int, file: Path, number: int) -> None:
        super().__init__(limit)
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._offset = number * _COUNT.size
        self._write()

    def take(self) -> bool:
        """Take a place; return False when all are taken."""
        with self._locked():
            counts = os.pread(self._file, 1 << 16, 0)
            if sum(n for (n,) in _COUNT.iter_unpack(counts)) >= self.limit:
                return False
            self.n_taken += 1
            self._write()
        return True

    def give_back(self) -> None:
        """Give a place back."""
        super().give_back()
        self._write()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self) -> None:
        os.pwrite(self._file, _COUNT.pack(self.n_taken), self._offset)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._file, fcntl.LOCK_EX)  # for microseconds; that of a dead process is gone
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class Among:
    """Ties of a server to the other processes of its service; without any it is the only one.

    Attributes
    ----------
    places
        Counts streams; None for a count of its own.
    shares_port
        Whether other processes listen at the same port.
    workers
        Returns what the processes that clients are connected to say of their streams; None when clients are
        connected to this one.
    configured
        Called when something else is followed because a client asked for it.
    changed_health
        Called when frames stop or come again.
    """

    places: StreamPlaces | None = None
    shares_port: bool = False
    workers: Callable[[], Awaitable[list[pb.StatusResponse]]] | None = None
    configured: Callable[[HpIoConfig], None] | None = None
    changed_health: Callable[[bool], None] | None = None

    def note_configured(self, config: HpIoConfig) -> None:
        """Take note that a client chose `config`."""
        if self.configured is not None:
            self.configured(config)

    async def add_streams(self, response: pb.StatusResponse) -> None:
        """Replace the streams to the workers in a status by those of the workers."""
        if self.workers is None:
            return
        del response.streams[:]
        response.sent = response.dropped = 0
        for status in await self.workers():
            response.streams.extend(status.streams)
            response.sent += status.sent
            response.dropped += status.dropped
            response.max_streams = status.max_streams


ALONE: Final = Among()
