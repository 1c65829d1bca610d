"""Source that follows the active runs of a data directory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.sources.changes import Changes
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.gathering import Gathering
from panoseti_daq.sources.level import why_no_modules
from panoseti_daq.sources.runs import RUN_NAME_FILE, module_dirs
from panoseti_daq.sources.source import SourceStatus
from panoseti_daq.sources.watch import DirectoryWatch

MAX_BATCH_BYTES: Final = 32 << 20
CLOSE_PATIENCE_S: Final = 3.0  # with a read that hangs

_log = logging.getLogger(__name__)

_T = TypeVar("_T")


class RunSource:
    """Source of the active run of every module of a data directory; a `FrameSource`.

    Files and inotify belong to one thread of its own, which reads at most one batch ahead: the disk is the buffer.

    Parameters
    ----------
    data_dir
        Holds the ``module_N`` directories, which may come and go.
    module_ids
        Modules to follow; empty for all, also those that come later.
    products
        Data products to follow.
    polling_interval_s
        Look at the files this often instead of using inotify; None to use inotify where it works.
    max_batch_bytes
        Read at most this many bytes at once; the rest stays on disk until it is requested.
    make_watch
        Makes the watch.
    roots
        The data directory has to stay below one of these; none for any.

    Attributes
    ----------
    gathering
        How long changes are gathered before they are read; not at all unless somebody asks for it.
    """

    def __init__(
        self,
        data_dir: str | Path,
        *,
        module_ids: Collection[int] = (),
        products: Collection[DataProduct] = tuple(DataProduct),
        polling_interval_s: float | None = None,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        make_watch: Callable[..., DirectoryWatch] = DirectoryWatch,
        roots: Collection[Path] = (),
    ) -> None:
        self.data_dir = Path(data_dir)
        self._make_watch = partial(make_watch, self.data_dir, polling_interval_s=polling_interval_s)
        self.gathering = Gathering()
        self._max_batch_bytes = max_batch_bytes
        self._roots = roots
        self._files = RunFiles(self.data_dir, module_ids, products, roots=roots)
        self._watch: DirectoryWatch | None = None
        self._n_missed_events = 0
        self._reading: Iterator[FrameBlock] = iter(())
        self._ahead: asyncio.Future[list[FrameBlock] | None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"follow {self.data_dir.name}")

    async def __aenter__(self) -> Self:
        """Begin to watch.

        Raises
        ------
        DataDirError
            The data directory is missing, unreadable or not a directory.
        """
        try:
            await self._in_thread(self._open)
        except BaseException:
            self._thread.shutdown(wait=False)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        try:
            last = self._in_thread(self._close)
            done, _ = await asyncio.wait([last], timeout=CLOSE_PATIENCE_S)
            if done:
                last.result()
            else:
                _log.error("%s does not answer: its files are closed when it does", self.data_dir)
        finally:
            self._thread.shutdown(wait=False)

    def stop(self) -> None:
        """End the iteration soon."""
        if self._watch is not None:
            self._watch.stop()

    def _in_thread(self, function: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _open(self) -> None:
        if not module_dirs(self.data_dir, self._roots):  # raises when there is nothing to follow
            _log.warning("%s", why_no_modules(self.data_dir))
        self._watch = self._make_watch()
        self._scan(self._watch)
        self._reading = self._files.read()

    def _scan(self, watch: DirectoryWatch) -> None:
        # First the watch, then the scan: a change in between is seen by both.
        while self._files.scan():
            watch.watch(self._files.directories)

    def _close(self) -> None:
        assert self._watch is not None
        self._watch.close()
        self._files.close()

    def _next_blocks(self) -> list[FrameBlock] | None:
        """Wait for changes and read what was appended, up to `max_batch_bytes`; None at the end."""
        assert self._watch is not None
        while True:
            blocks, n_bytes = [], 0
            for block in self._reading:
                blocks.append(block)
                n_bytes += len(block.data)
                if n_bytes >= self._max_batch_bytes:
                    break
            if blocks:
                self.gathering.note(blocks)
                return blocks
            self._watch.rest(self.gathering.rest_s)
            changes = self._watch.wait()
            if changes is None:
                return None
            self._reading = self._files.read(self._find_modified(self._watch, changes))

    def _find_modified(self, watch: DirectoryWatch, changes: Changes) -> frozenset[str] | None:
        """Files to read after `changes`; None for all."""
        modified, rescan = changes.modified, changes.rescan
        if changes.rang:
            return self._files.modified()
        if changes.look:
            look = self._files.look()
            if watch.uses_events and (missed := look.missed - modified):
                watch.distrust(f"a change of {min(missed)}")
                self._n_missed_events += len(missed)  # last: who sees it sees the reason, too
            modified, rescan = modified | look.modified, rescan or look.rescan
        rescan = rescan or self._files.changes_run(modified)
        if rescan or str(self.data_dir / RUN_NAME_FILE) in modified:
            self._scan(watch)
            return None
        return modified

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        while (blocks := await self._next_batch()) is not None:
            self._ahead = self._in_thread(self._next_blocks)  # while these are handed out
            for block in blocks:
                yield block

    async def _next_batch(self) -> list[FrameBlock] | None:
        if self._ahead is None:
            self._ahead = self._in_thread(self._next_blocks)
        blocks = await asyncio.shield(self._ahead)  # a consumer that is cancelled now may continue later
        self._ahead = None
        return blocks

    @property
    def directory(self) -> Path:
        """The data directory."""
        return self.data_dir

    def status(self) -> SourceStatus:
        """Return what is followed now."""
        return SourceStatus(
            description="; ".join([f"data directory {self.data_dir}", *self._files.notes, *self._files.left_out]),
            watching=self._watch.mode if self._watch else "not yet",
            modules=self._files.modules,
            n_files=len(self._files),
            n_bad_frames=self._files.damage.n_frames,
            n_skipped_bytes=self._files.damage.n_bytes,
            n_missed_events=self._n_missed_events,
            damage=self._files.damage_by_product,
            active_runs=self._files.active_runs,
        )
