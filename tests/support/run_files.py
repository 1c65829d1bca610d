"""Files of runs below a data directory, as tests of `panoseti_daq.sources` write and read them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from panoseti_daq.pff import DataProduct, FrameBlock, PffName
from panoseti_daq.sources.files import RunFiles
from support.frames import append, frame_bytes

IMG8, IMG16, PH256, PH1024 = DataProduct
RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
LATER_RUN = "obs_Test.start_2026-01-02T00:00:00Z.runtype_sci-data.pffd"
FRAME = frame_bytes(IMG16)
LONG_AGO_NS = 1_700_000_000_000_000_000


def file_of(
    data_dir: Path, module_id: int = 1, product: DataProduct = IMG16, seqno: int = 0, run: str = RUN
) -> Path:
    """Path of a file of a run."""
    return data_dir / f"module_{module_id}" / run / PffName(product, module_id, seqno).format()


def frames(*which: int) -> bytes:
    """Frames of img16 by number, as they stand in a file."""
    return b"".join(frame_bytes(IMG16, i) for i in which)


def recorded_long_ago(path: Path, data: bytes) -> None:
    """Append to a file that, like its directory, has the times of another day."""
    append(path, data)
    for changed in (path, path.parent):
        os.utime(changed, ns=(LONG_AGO_NS, LONG_AGO_NS))


def look(files: RunFiles) -> list[FrameBlock]:
    """Look for files, and read what was appended to them."""
    files.scan()
    return list(files.read())


def open_files(directory: Path) -> list[str]:
    """Files below `directory` that this process has open, deleted ones included."""
    targets = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # closed just now
            targets.append(os.readlink(entry))
    return [target for target in targets if target.startswith(f"{directory}/")]
