"""Recording of a lossless stream to files like those of the writer (SPEC 1.4)."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, Gap
from panoseti_daq.wire.blocks import ReceivedBlock

GAPS_FILE: Final = "gaps.jsonl"  # in the run directory: a line for each gap


class Recorder:
    """Writes blocks to ``OUT_DIR/module_N/RUN/FILE``, byte for byte as they stand in the source.

    A file has its name from the beginning and grows by whole frames, so it can be read at any time and after a
    kill. Recording continues in a file that ends where the next block begins. Keeps one file open per module and
    product until `close`; for one thread.

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
        self._open: dict[tuple[int, str], tuple[Path, BinaryIO]] = {}
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
        key = block.module_id, block.product.token
        path = self.out_dir / f"module_{block.module_id}" / block.run / block.file
        present, file = self._open.get(key, (None, None))
        if file is None or present != path:
            if file is not None:
                file.close()
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab", buffering=0)
            self._open[key] = path, file
            self.n_files += 1
            size = os.fstat(file.fileno()).st_size
            begins_at = block.first_frame_number * block.layout.frame_size_bytes
            if size not in (0, begins_at):
                raise SourceError(f"{path} is there already and does not end at frame {block.first_frame_number}")
        return path, file

    def _write_gap(self, gap: Gap) -> None:
        self.n_gaps += 1
        run_dir = self.out_dir / f"module_{gap.first.module_id}" / gap.first.run
        run_dir.mkdir(parents=True, exist_ok=True)
        line = {
            "product": gap.first.product.token,
            "file": gap.first.file,
            "frame_number": gap.first.frame_number,
            "n_frames": gap.n_frames,
            "reason": gap.reason,
            "host": gap.host,
        }
        with (run_dir / GAPS_FILE).open("a") as file:
            file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Close the files."""
        for _, file in self._open.values():
            file.close()
        self._open.clear()
