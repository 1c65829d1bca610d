"""JSON lines: one candidate per line, on disk before anybody hears of it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import SourceError
from panoseti_daq.open_types import OpenMapping

_READ_BYTES: Final = 1 << 20


class JsonLines:
    """A file of JSON lines that only grows; owns the open file until `close`. For one thread.

    A line that a kill cut off is taken away when the file is opened again; every line that `append` has returned
    from is on the disk.

    Parameters
    ----------
    path
        Made when it is not there.

    Raises
    ------
    SourceError
        It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not path.exists()
            self._file = path.open("ab+", buffering=0)
            self._cut_torn_line()
            if is_new:
                sync_directory(path.parent)
        except OSError as error:
            raise SourceError(f"cannot write candidates to {path}: {error.strerror}") from error

    def _cut_torn_line(self) -> None:
        # Backward in pieces: the last line may hold images, and the file those of many nights.
        size = keep = self._file.seek(0, os.SEEK_END)
        while keep:
            begin = max(0, keep - _READ_BYTES)
            self._file.seek(begin)
            last = self._file.read(keep - begin).rfind(b"\n")
            if last >= 0:
                keep = begin + last + 1
                break
            keep = begin
        if keep < size:
            self._file.truncate(keep)

    @property
    def size_bytes(self) -> int:
        """How far the file goes."""
        return os.fstat(self._file.fileno()).st_size

    def ids(self, begin: int = 0) -> set[str]:
        """Ids of the candidates from this byte on."""
        return {fields["id"] for fields, _ in read_lines(self.path, begin)}

    def append(self, lines: Iterable[str]) -> None:
        """Write lines and wait until they are on the disk.

        Raises
        ------
        SourceError
            The disk does not take them.
        """
        data = "".join(line + "\n" for line in lines).encode()
        if not data:
            return
        try:
            view = memoryview(data)
            while view:
                # An unbuffered write may take a part only.
                view = view[self._file.write(view) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            raise SourceError(f"cannot write candidates to {self.path}: {error.strerror}") from error

    def lock(self) -> None:
        """Keep other processes from writing the file, until it is closed.

        Raises
        ------
        SourceError
            One writes it already.
        """
        try:
            fcntl.flock(self._file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SourceError(f"another search writes to {self.path}") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_lines(path: Path, begin: int = 0) -> Iterator[tuple[OpenMapping, int]]:
    """Whole lines of a file from a byte on, each with the byte at which the next begins."""
    with path.open("rb") as file:
        file.seek(begin)
        for line in file:
            # The last line may be one that is being written.
            if not line.endswith(b"\n"):
                return
            begin += len(line)
            yield json.loads(line), begin


def write_atomically(path: Path, data: bytes) -> None:
    """Replace a file by one with this content; after a kill there is the old one or the new one.

    Raises
    ------
    SourceError
        The disk does not take it.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise SourceError(f"cannot write {path}: {error.strerror}") from error


def sync_directory(path: Path) -> None:
    """Wait until the names in a directory are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
