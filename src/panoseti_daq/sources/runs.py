"""Which modules, runs and files of a data directory to follow now (SPEC 1.4), and following them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.pff import DataProduct, FrameBlock, PffName, RunName
from panoseti_daq.pff.names import FILE_SUFFIX, module_dir_id
from panoseti_daq.sources.source import SourceStatus
from panoseti_daq.sources.tail import Tail
from panoseti_daq.sources.watch import DirectoryWatch

_log = logging.getLogger(__name__)

RUN_NAME_FILE: Final = "daq_run_name"  # the control software names the active run in it
SETTLED_AFTER_S: Final = 30.0  # a file that a later one replaced is closed when it did not grow for so long
MAX_BATCH_BYTES: Final = 32 << 20  # read at once; what is beyond stays on disk until it is asked for
# When following begins, so many frames of a file are read back, to have the newest of every key at once:
# one for the products that hold all quabos; ph256 mixes four quabos that trigger at different rates.
_FRAMES_BACK: Final = {product: 256 if product.one_quabo else 1 for product in DataProduct}

_T = TypeVar("_T")


def module_dirs(data_dir: Path) -> dict[int, Path]:
    """Directories ``module_N`` of a data directory, by module; symlinks count.

    Raises
    ------
    DataDirError
        `data_dir` is missing, unreadable or not a directory.
    """
    try:
        with os.scandir(data_dir) as entries:
            found = {module_dir_id(entry.name): Path(entry.path) for entry in entries if entry.is_dir()}
    except FileNotFoundError:
        raise DataDirError(f"data_dir {str(data_dir)!r} does not exist") from None
    except OSError as error:
        raise DataDirError(f"data_dir {str(data_dir)!r} cannot be read: {error.strerror}") from error
    return {module_id: path for module_id, path in sorted(found.items(), key=str) if module_id is not None}


def active_run(module_dir: Path, run_name: str | None) -> Path | None:
    """Run directory to follow: the one that `run_name` names, else the one that started last."""
    if run_name and (named := module_dir / run_name).is_dir():
        return named
    runs = []
    with os.scandir(module_dir) as entries:
        for entry in entries:
            try:
                name = RunName.parse(entry.name)
                if entry.is_dir():
                    start_s = name.start.timestamp() if name.start else 0.0
                    runs.append((start_s, entry.stat().st_mtime_ns, Path(entry.path)))
            except (PffError, OSError):
                continue
    return max(runs)[2] if runs else None


def _pff_files(run_dir: Path) -> list[tuple[PffName, Path]]:
    found = []
    with os.scandir(run_dir) as entries:
        for entry in entries:
            if entry.name.endswith(FILE_SUFFIX):
                try:
                    found.append((PffName.parse(entry.name), Path(entry.path)))
                except PffError as error:
                    _log.debug("not followed: %s", error)
    return sorted(found, key=lambda item: (item[0].seqno, item[1].name))


class RunFiles:
    """The cursors of the files to follow; for one thread.

    Parameters
    ----------
    data_dir
        Holds the ``module_N`` directories.
    module_ids
        Modules to follow; empty for all, also those that come later.
    products
        Data products to follow.
    """

    def __init__(
        self,
        data_dir: Path,
        module_ids: Collection[int] = (),
        products: Collection[DataProduct] = tuple(DataProduct),
    ) -> None:
        self.data_dir = data_dir
        self.modules: tuple[int, ...] = ()
        self._module_ids = frozenset(module_ids)
        self._products = frozenset(products)
        self._tails: dict[str, Tail] = {}  # followed
        self._settled: dict[str, Tail] = {}  # complete, as far as we know; the cursor is kept
        self._gone: list[Tail] = []  # deleted, but what we hold open can be read to its end
        self._generation = itertools.count()
        self._first_scan = True
        self._complaints: set[str] = set()
        self._root_id: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self._tails)

    def scan(self) -> bool:
        """Look at the directory tree: take up new files, let go of those that are gone.

        Returns whether the data directory itself is another one than at the last look.
        """
        try:
            dirs = module_dirs(self.data_dir)
            status = self.data_dir.stat()
        except (DataDirError, OSError) as error:
            self._complain(str(error))
            dirs, root_id = {}, None
        else:
            root_id = (status.st_dev, status.st_ino)
        self.modules = tuple(m for m in dirs if not self._module_ids or m in self._module_ids)
        present: set[str] = set()
        for module_id in self.modules:
            try:
                present |= self._scan_module(dirs[module_id])
            except OSError as error:
                self._complain(f"module {module_id} cannot be read: {error}")
        self._let_go(present)
        self._first_scan = False
        replaced = root_id is not None and self._root_id not in (None, root_id)
        self._root_id = root_id or self._root_id
        return replaced

    def _scan_module(self, module_dir: Path) -> set[str]:
        run_dir = active_run(module_dir, self._active_run_name())
        files = _pff_files(run_dir) if run_dir else []
        empty = {path for _, path in files if not path.stat().st_size}
        newest = {name.product: path for name, path in files if path not in empty}
        for name, path in files:
            if name.product in self._products and str(path) not in self._tails | self._settled:
                last_frames = None
                if self._first_scan and path not in empty:  # recorded before we came: only the newest are news
                    last_frames = _FRAMES_BACK[name.product] if newest[name.product] == path else 0
                self._tails[str(path)] = Tail(path, name, next(self._generation), last_frames)
        return {str(path) for path in [*newest.values(), *empty]}

    def _active_run_name(self) -> str | None:
        try:
            return (self.data_dir / RUN_NAME_FILE).read_text().strip()
        except OSError:
            return None

    def _let_go(self, present: set[str]) -> None:
        """Close files that vanished, and files that a later one replaced and that have settled."""
        now = time.monotonic()
        for path, tail in list(self._tails.items()):
            if not tail.path.exists():
                self._gone.append(self._tails.pop(path))
            elif path not in present and now - tail.grew_at > SETTLED_AFTER_S:
                self._settle(tail)
        for path in [path for path, tail in self._settled.items() if not tail.path.exists()]:
            del self._settled[path]

    def read(self, paths: Collection[str] | None = None) -> Iterator[FrameBlock]:
        """Yield what was appended to the files at `paths`; None for all that are followed."""
        tails = list(self._tails.values()) if paths is None else self._known(paths)
        gone, self._gone = self._gone, []
        # A file's rest comes before its successor's beginning.
        for tail in sorted([*gone, *tails], key=lambda tail: tail.generation):
            try:
                yield from tail.read()
            except PffError as error:
                self._complain(f"{tail.path} is not followed: {error}")
                self._settle(tail)
            except OSError as error:
                if tail not in gone:
                    self._complain(f"{tail.path} cannot be read: {error.strerror}")
        for tail in gone:
            tail.close()
            _log.info("%s is gone after %d frames", tail.path.name, tail.n_frames)

    def _known(self, paths: Collection[str]) -> list[Tail]:
        for path in paths:
            if path in self._settled:
                self._tails[path] = self._settled.pop(path)
        return [self._tails[path] for path in paths if path in self._tails]

    def _settle(self, tail: Tail) -> None:
        tail.close()
        if self._tails.pop(str(tail.path), None):
            self._settled[str(tail.path)] = tail

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            _log.warning("%s", text)

    def close(self) -> None:
        """Close all files."""
        for tail in [*self._tails.values(), *self._gone]:
            tail.close()


class RunSource:
    """Follows the active run of every module of a data directory; a `FrameSource`.

    Files and inotify belong to one thread of its own, which reads only when it is asked for more: the disk is
    the buffer.

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
    """

    def __init__(
        self,
        data_dir: str | Path,
        *,
        module_ids: Collection[int] = (),
        products: Collection[DataProduct] = tuple(DataProduct),
        polling_interval_s: float | None = None,
    ) -> None:
        self.data_dir = Path(data_dir)
        self._polling_interval_s = polling_interval_s
        self._files = RunFiles(self.data_dir, module_ids, products)
        self._watch: DirectoryWatch | None = None
        self._reading: Iterator[FrameBlock] = iter(())
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
            await self._in_thread(self._close)
        finally:
            self._thread.shutdown(wait=False)

    def stop(self) -> None:
        """End the iteration soon."""
        if self._watch is not None:
            self._watch.stop()

    def _in_thread(self, function: Callable[[], _T]) -> asyncio.Future[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _open(self) -> None:
        module_dirs(self.data_dir)  # raises when there is nothing to follow
        # First the watch, then the look: what comes in between is seen by both.
        self._watch = DirectoryWatch(self.data_dir, polling_interval_s=self._polling_interval_s)
        self._files.scan()
        self._reading = self._files.read()

    def _close(self) -> None:
        assert self._watch is not None
        self._watch.close()
        self._files.close()

    def _next_blocks(self) -> list[FrameBlock] | None:
        """Wait for changes and read what was appended, up to `MAX_BATCH_BYTES`; None at the end."""
        assert self._watch is not None
        while True:
            blocks, n_bytes = [], 0
            for block in self._reading:
                blocks.append(block)
                n_bytes += len(block.data)
                if n_bytes >= MAX_BATCH_BYTES:
                    break
            if blocks:
                return blocks
            changes = self._watch.wait()
            if changes is None:
                return None
            if changes.rescan and self._files.scan():
                self._watch.reopen()
            self._reading = self._files.read(None if changes.rescan else changes.modified)

    async def __aiter__(self) -> AsyncIterator[FrameBlock]:
        while (blocks := await self._in_thread(self._next_blocks)) is not None:
            for block in blocks:
                yield block

    def status(self) -> SourceStatus:
        """What is followed now."""
        return SourceStatus(
            description=f"data directory {self.data_dir}",
            watching=self._watch.mode if self._watch else "not yet",
            modules=self._files.modules,
            n_files=len(self._files),
        )
