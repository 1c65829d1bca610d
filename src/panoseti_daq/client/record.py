"""Recording of a lossless stream to files like those of the writer (SPEC 1.4)."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.wire.blocks import ReceivedBlock

_log = logging.getLogger(__name__)

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")
RESUME_FILE: Final = "resume.json"  # in the directory of a recording: where to continue
GAPS_FILE: Final = "gaps.jsonl"  # in the run directory: a line for each gap


@dataclass(slots=True)
class _RecordFile:
    """A file that is written.

    Attributes
    ----------
    source
        Names of the run and of the file.
    shift
        Frame number of the source less the place in this file, of the frames that follow.
    end
        Frame number after the last frame that was there when it was opened.
    """

    path: Path
    source: tuple[str, str]
    file: FileIO
    shift: int = 0
    end: int = 0


class Recorder:
    """Writes blocks to ``OUT_DIR/module_N/RUN/FILE``, byte for byte as they stand in the source.

    A file has its name from the beginning and grows by whole frames, so it can be read at any time and after a
    kill. Recording continues in a file that ends where the next block begins; frames that it has are left out.
    Keeps one file open per host, module and product until `close`; for one thread.

    A module belongs to the host that sends it first; what another host sends of it is written to
    ``OUT_DIR/from_HOST/module_N/...``, with a warning.

    Parameters
    ----------
    out_dir
        Made when it is not there.
    min_free_bytes
        Stop before the disk has less.
    on_written
        Called after each block with the path of its file, its data product and the frames that were written.

    Attributes
    ----------
    n_frames, n_bytes, n_files, n_gaps
        Counts of what was written, and of gaps.
    resume_token
        Where an earlier recording into `out_dir` ended; None when there was none.
    """

    def __init__(
        self,
        out_dir: Path,
        min_free_bytes: int = 0,
        on_written: Callable[[Path, DataProduct, int], None] | None = None,
    ) -> None:
        self.out_dir = out_dir
        self.n_frames = self.n_bytes = self.n_files = self.n_gaps = 0
        self._min_free_bytes = min_free_bytes
        self._on_written = on_written
        self.resume_token: str | None = None
        self._open: dict[tuple[str, int, str], _RecordFile] = {}
        self._shifts: dict[str, int] = {}  # by file
        self._gapped: set[tuple[str, int, str]] = set()  # whose next frame comes after a gap
        self._host_of: dict[int, str] = {}  # by module
        self._apart: set[tuple[str, int]] = set()  # hosts and modules that are written apart
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"cannot record to {out_dir}: {error.strerror}") from error
        self._read_note()

    @property
    def free_bytes(self) -> int:
        """Free space of the disk, bytes."""
        return shutil.disk_usage(self.out_dir).free

    def write(self, item: ReceivedBlock | Gap) -> None:
        """Write a block, or take note of a gap.

        Raises
        ------
        SourceError
            The disk is full, or the file is there and is not what the block continues.
        """
        try:
            if isinstance(item, Gap):
                self._write_gap(item)
            else:
                self._write_block(item)
        except OSError as error:
            raise SourceError(f"cannot record to {self.out_dir}: {error.strerror}") from error

    def _write_block(self, block: ReceivedBlock) -> None:
        if self.free_bytes - len(block.data) < self._min_free_bytes:
            raise SourceError(
                f"recording stopped: {self.out_dir} has {self.free_bytes / 1e9:.2f} GB left,"
                f" and {self._min_free_bytes / 1e9:.2f} GB are to stay free"
            )
        open_file, frame_size = self._file(block), block.layout.frame_size_bytes
        file, n_there = open_file.file, self._n_there(open_file, block)
        data = memoryview(block.data)[n_there * frame_size :]
        n_bytes = len(data)
        try:
            while data:  # a disk that is nearly full takes a part, and only then says why it takes no more
                data = data[file.write(data) :]
        finally:
            n_frames, n_torn_bytes = divmod(n_bytes - len(data), frame_size)
            if n_torn_bytes:
                file.truncate(os.fstat(file.fileno()).st_size - n_torn_bytes)
            self.n_frames += n_frames
            self.n_bytes += n_frames * frame_size
        if self._on_written is not None:
            self._on_written(open_file.path, block.product, n_frames)

    def _file(self, block: ReceivedBlock) -> _RecordFile:
        key = block.host, block.module_id, block.product.token
        present, source = self._open.get(key), (block.run, block.file)
        if present is None or present.source != source:
            if present is not None:
                present.file.close()
            path = self._run_dir(block.host, block.module_id, block.run) / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "a+b", buffering=0, opener=_no_link)
            present = self._open[key] = _RecordFile(path, source, file)
            self.n_files += 1
            frame_size = block.layout.frame_size_bytes
            n_there = _cut_to_whole_frames(file, frame_size)
            present.shift = self._shifts.get(self._name_of(path), 0) if n_there else block.first_frame_number
            present.end = present.shift + n_there
            if n_there and block.first_frame_number > present.end and key not in self._gapped:
                raise SourceError(f"{path} is there already and does not end at frame {block.first_frame_number}")
            self._note_shift(present, block)
        elif key in self._gapped:
            self._note_shift(present, block)
        self._gapped.discard(key)
        return present

    def _note_shift(self, open_file: _RecordFile, block: ReceivedBlock) -> None:
        """Take note by how much the frame numbers in a file differ from those of the source, which has more."""
        if block.first_frame_number >= open_file.end:
            n_there = os.fstat(open_file.file.fileno()).st_size // block.layout.frame_size_bytes
            open_file.shift = block.first_frame_number - n_there
        if open_file.shift:
            self._shifts[self._name_of(open_file.path)] = open_file.shift

    def _n_there(self, open_file: _RecordFile, block: ReceivedBlock) -> int:
        """Return how many frames of a block an earlier recording wrote: since its last note it was killed."""
        n_there = min(len(block), open_file.end - block.first_frame_number)
        if n_there <= 0:
            return 0
        n_bytes = n_there * block.layout.frame_size_bytes
        begin = (block.first_frame_number - open_file.shift) * block.layout.frame_size_bytes
        same = begin >= 0 and os.pread(open_file.file.fileno(), n_bytes, begin) == bytes(block.data[:n_bytes])
        if not same:
            raise SourceError(f"{open_file.path} is there already and holds other frames")
        return n_there

    def _name_of(self, path: Path) -> str:
        return str(path.relative_to(self.out_dir))

    def note(self, resume_token: str) -> None:
        """Write down where to continue, after the blocks that were written."""
        content = json.dumps({"resume": resume_token, "shifts": self._shifts})
        new = self.out_dir / f"{RESUME_FILE}.new"
        try:
            with open(new, "w", opener=_no_link) as file:
                file.write(content)
            new.replace(self.out_dir / RESUME_FILE)
        except OSError as error:
            raise SourceError(f"cannot record to {self.out_dir}: {error.strerror}") from error

    def _read_note(self) -> None:
        file = self.out_dir / RESUME_FILE
        try:
            noted = json.loads(file.read_bytes())
            self.resume_token = str(noted["resume"])
            self._shifts = {str(name): int(shift) for name, shift in noted["shifts"].items()}
        except FileNotFoundError:
            return
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SourceError(f"{file} does not say where to continue: {error}; record elsewhere") from error

    def _write_gap(self, gap: Gap) -> None:
        self.n_gaps += 1
        self._gapped.add((gap.host, gap.first.module_id, gap.first.product.token))
        run_dir = self._run_dir(gap.host, gap.first.module_id, gap.first.run)
        run_dir.mkdir(parents=True, exist_ok=True)
        line = {
            "product": gap.first.product.token,
            "file": gap.first.file,
            "frame_number": gap.first.frame_number,
            "n_frames": gap.n_frames,
            "reason": gap.reason,
            "host": gap.host,
        }
        with open(run_dir / GAPS_FILE, "a", opener=_no_link) as file:
            file.write(json.dumps(line) + "\n")

    def _run_dir(self, host: str, module_id: int, run: str) -> Path:
        root = self.out_dir
        if (owner := self._host_of.setdefault(module_id, host)) != host:
            root /= f"from_{_UNSAFE.sub('_', host)}"
            if (host, module_id) not in self._apart:
                self._apart.add((host, module_id))
                _log.warning("module %d comes from %s and from %s, which goes to %s", module_id, owner, host, root)
        return root / f"module_{module_id}" / run

    def close(self) -> None:
        """Close the files."""
        for open_file in self._open.values():
            open_file.file.close()
        self._open.clear()


def _no_link(path: str, flags: int) -> int:
    """Open a file that is no symbolic link: recording writes nothing outside of its directory."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _cut_to_whole_frames(file: FileIO, frame_size_bytes: int) -> int:
    """Cut off the part of a frame that a killed recording left; return the number of frames."""
    n_frames, n_torn_bytes = divmod(size := os.fstat(file.fileno()).st_size, frame_size_bytes)
    if n_torn_bytes and os.pread(file.fileno(), 1, size - n_torn_bytes) == b"{":  # else lengths differ
        file.truncate(size - n_torn_bytes)
    return n_frames
