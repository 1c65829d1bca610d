"""Triggers over a recorded run: its files as blocks, the streams side by side in time, as fast as the disk."""

from __future__ import annotations

import dataclasses
import heapq
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.events.candidate import Candidate
from panoseti_daq.events.engine import Engine
from panoseti_daq.pff import FrameBlock, ModuleProduct, PffName, open_file
from panoseti_daq.pff.archive import run_files

_log = logging.getLogger(__name__)

BLOCK_FRAMES: Final = 4096  # read at once of one stream


@dataclass(slots=True)
class ScanProgress:
    """How far a scan is.

    Attributes
    ----------
    n_frames, n_bytes
        Frames and bytes read.
    total_bytes
        Size of the files.
    at_ns
        Time of the last frame read, UTC ns since 1970; 0 before the first.
    """

    total_bytes: int
    n_frames: int = 0
    n_bytes: int = 0
    at_ns: int = 0


def stream_files(run_dir: str | Path) -> dict[ModuleProduct, list[Path]]:
    """Files of a run that hold data, by module and product, in order.

    Raises
    ------
    PffError
        There are none.
    OSError
        The directory is missing or unreadable.
    """
    streams: dict[ModuleProduct, list[Path]] = {}
    for path in run_files(run_dir):
        name = PffName.parse(path.name)
        streams.setdefault((name.module_id, name.product), []).append(path)
    return streams


def blocks_of(paths: list[Path], n_frames: int = BLOCK_FRAMES) -> Iterator[FrameBlock]:
    """Frames of files, in order, `n_frames` at a time; a file that is not PFF is left out with a warning."""
    for path in paths:
        try:
            whole = open_file(path)
        except PffError as error:
            _log.warning("%s is left out: %s", path.name, error)
            continue
        data, size = memoryview(whole.data), whole.layout.frame_size_bytes
        for begin in range(0, len(whole), n_frames):
            piece = data[begin * size : min(len(whole), begin + n_frames) * size]
            yield dataclasses.replace(whole, data=piece, first_frame_number=begin)


def scan(
    engine: Engine,
    streams: dict[ModuleProduct, list[Path]],
    on_block: Callable[[ScanProgress], object] = lambda progress: None,
) -> Iterator[Candidate]:
    """Candidates in recorded files, as the triggers of `engine` find them.

    Parameters
    ----------
    engine
        Fresh; it is finished at the end.
    streams
        Files by module and product, see `stream_files`; only those that a trigger wants are read.
    on_block
        Called after each block.
    """
    wanted = {key: paths for key, paths in streams.items() if engine.is_wanted(key)}
    engine.expect(wanted)
    progress = ScanProgress(sum(path.stat().st_size for paths in wanted.values() for path in paths))
    sources = {key: blocks_of(paths) for key, paths in wanted.items()}
    order = sorted(wanted, key=lambda key: (key[0], key[1].token))
    # The stream that is farthest behind comes next, so that little has to wait for another.
    behind = [(0, i) for i in range(len(order))]
    while behind:
        _, i = behind[0]
        block = next(sources[order[i]], None)
        if block is None:
            heapq.heappop(behind)
            yield from engine.leave_out(engine.silent | {order[i]})
            continue
        yield from engine.feed(block)
        progress.n_frames += len(block)
        progress.n_bytes += len(block.data)
        progress.at_ns = max(progress.at_ns, int(block.times[0][-1]))
        heapq.heapreplace(behind, (int(block.times[0][-1]), i))
        on_block(progress)
    yield from engine.finish()
