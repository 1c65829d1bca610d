"""Recording of a lossless stream to files like those of the writer (SPEC 1.4)."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.wire.blocks import ReceivedBlock

_log = logging.getLogger(__name__)

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.-]")
GAPS_FILE: Final = "gaps.jsonl"  # in the run directory: a line for each gap


class Recorder:
    """Writes blocks to ``OUT_DIR/module_N/RUN/FILE``, byte for byte as they stand in the source.

    A file has its name from the beginning and grows by whole frames, so it can be read at any time and after a
    kill. Recording continues in a file that ends where the next block begins. Keeps one file open per host, module
    and product until `close`; for one thread.

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
        self._open: dict[tuple[str, int, str], tuple[Path, BinaryIO]] = {}
        self._host_of: dict[int, str] = {}  # by module
        self._apart: set[tuple[str, int]] = set()  # hosts and modules that are written apart
        try:
            out_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"cannot record to {out_dir}: {error.strerror}") from error

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
        (path, file), data = self._file(block), memoryview(block.data)
        try:
            while data:  # a disk that is nearly full takes a part, and only then says why it takes no more
                data = data[file.write(data) :]
        finally:
            frame_size = block.layout.frame_size_bytes
            n_frames, n_torn_bytes = divmod(len(block.data) - len(data), frame_size)
            if n_torn_bytes:
                file.truncate(os.fstat(file.fileno()).st_size - n_torn_bytes)
            self.n_frames += n_frames
            self.n_bytes += n_frames * frame_size
        if self._on_written is not None:
            self._on_written(path, block.product, n_frames)

    def _file(self, block: ReceivedBlock) -> tuple[Path, BinaryIO]:
        key = block.host, block.module_id, block.product.token
        path = self._run_dir(block.host, block.module_id, block.run) / block.file
        present, file = self._open.get(key, (None, None))
        if file is None or present != path:
            if file is not None:
                file.close()
            path.parent.mkdir(parents=True, exist_ok=True)
            file = open(path, "ab", buffering=0, opener=_no_link)
            self._open[key] = path, file
            self.n_files += 1
            size = os.fstat(file.fileno()).st_size
            begins_at = block.first_frame_number * block.layout.frame_size_bytes
            if size not in (0, begins_at):
                raise SourceError(f"{path} is there already and does not end at frame {block.first_frame_number}")
        return path, file

    def _write_gap(self, gap: Gap) -> None:
        self.n_gaps += 1
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
        for _, file in self._open.values():
            file.close()
        self._open.clear()


def _no_link(path: str, flags: int) -> int:
    """Open a file that is no symbolic link: recording writes nothing outside of its directory."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
