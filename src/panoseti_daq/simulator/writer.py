"""Writer of PFF files as Hashpipe writes them (SPEC 1.4 and 1.5): one run of one module."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from panoseti_daq.pff import DataProduct, PffName

# stdio buffers of Hashpipe's output thread: 1 MiB for what comes in bulk, the C library's own for ph256
_HASHPIPE_BUFFER_BYTES: Final = {p: 4096 if p.one_quabo else 1 << 20 for p in DataProduct}


class Buffering(enum.StrEnum):
    """When a frame reaches the file."""

    HASHPIPE = "hashpipe"
    """In writes of exactly one stdio buffer, so usually with a part of a frame at the end."""
    FRAME = "frame"
    """At once."""


def _append_to(path: Path) -> BinaryIO:
    return path.open("ab", buffering=0)


class _StdioFile:
    """A file with the C library's full buffering: whole buffers go out, the rest at `close`."""

    def __init__(self, path: Path, buffer_bytes: int, open_file: Callable[[Path], BinaryIO]) -> None:
        self.path = path
        self._file = open_file(path)
        self._buffer = bytearray()
        self._buffer_bytes = buffer_bytes

    def write(self, data: bytes) -> None:
        if not self._buffer_bytes:
            self._file.write(data)
            return
        self._buffer += data
        while len(self._buffer) >= self._buffer_bytes:
            self._file.write(self._buffer[: self._buffer_bytes])
            del self._buffer[: self._buffer_bytes]

    def close(self) -> None:
        if not self._file.closed:
            if self._buffer:
                self._file.write(self._buffer)
            self._file.close()


class RunWriter:
    """Writer of the run of one module.

    Opens the files of all four products at once, as Hashpipe does; those that get no frame stay empty.
    Owns the open files until `close`; for one thread.

    Parameters
    ----------
    run_dir
        Run directory of the module; made, with its parents, when it is not there.
    module_id
        Telescope module.
    buffering
        When a frame reaches the file.
    max_file_frames
        Frames after which a product continues in a new file; None for never.
    keep_files
        Delete all but this many of the newest files of a product at each rotation; None to keep them.
    seqno_step
        Step of the seqno at each rotation.
    names
        Names of the first file of some products, to replay a run under its own names.
    open_file
        Opens a file to append to it without a buffer.
    """

    def __init__(
        self,
        run_dir: Path,
        module_id: int,
        *,
        buffering: Buffering = Buffering.FRAME,
        max_file_frames: int | None = None,
        keep_files: int | None = None,
        seqno_step: int = 1,
        names: dict[DataProduct, str] | None = None,
        open_file: Callable[[Path], BinaryIO] = _append_to,
    ) -> None:
        self.run_dir = run_dir
        self.module_id = module_id
        self.n_frames = dict.fromkeys(DataProduct, 0)
        self._buffering = buffering
        self._max_file_frames = max_file_frames
        self._keep_files = keep_files
        self._seqno_step = seqno_step
        self._open_file = open_file
        self._seqno = 0  # one counter for all products, as in Hashpipe: a product's seqno jumps
        run_dir.mkdir(parents=True, exist_ok=True)
        names = names or {}
        self._open = {p: self._file(p, names.get(p)) for p in DataProduct}
        self._written = {p: [file.path] for p, file in self._open.items()}
        self._in_file = dict.fromkeys(DataProduct, 0)

    def _file(self, product: DataProduct, base_name: str | None = None) -> _StdioFile:
        name = base_name or PffName(product, self.module_id, self._seqno, datetime.now(UTC)).format()
        buffer_bytes = _HASHPIPE_BUFFER_BYTES[product] if self._buffering is Buffering.HASHPIPE else 0
        return _StdioFile(self.run_dir / name, buffer_bytes, self._open_file)

    @property
    def last_files(self) -> list[Path]:
        """The file that each product has open."""
        return [file.path for file in self._open.values()]

    def write(self, product: DataProduct, frame: bytes) -> None:
        """Append one frame, or what a fault made of it."""
        if self._max_file_frames and self._in_file[product] >= self._max_file_frames:
            self._rotate(product)
        self._open[product].write(frame)
        self._in_file[product] += 1
        self.n_frames[product] += 1

    def _rotate(self, product: DataProduct) -> None:
        """Open the next file, then close the old one: its last bytes appear after the new file does."""
        self._seqno += self._seqno_step
        old, self._open[product] = self._open[product], self._file(product)
        old.close()
        self._in_file[product] = 0
        files = self._written[product]
        files.append(self._open[product].path)
        if self._keep_files:
            while len(files) > self._keep_files:
                os.unlink(files.pop(0))

    def close(self) -> None:
        """Write what is still buffered and close the files."""
        for file in self._open.values():
            file.close()
