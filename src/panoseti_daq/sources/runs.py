"""Which modules, runs and files of a data directory to follow now (SPEC 1.4)."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.pff import DataProduct, FrameBlock, PffName, RunName
from panoseti_daq.pff.names import FILE_SUFFIX, module_dir_id
from panoseti_daq.sources.tail import Tail

_log = logging.getLogger(__name__)

RUN_NAME_FILE: Final = "daq_run_name"  # the control software names the active run in it
SETTLED_AFTER_S: Final = 30.0  # a file that a later one replaced is closed when it did not grow for so long
# When following begins, so many frames of a file are read back, to have the newest of every key at once:
# one for the products that hold all quabos; ph256 mixes four quabos that trigger at different rates.
_FRAMES_BACK: Final = {product: 256 if product.one_quabo else 1 for product in DataProduct}


def module_dirs(data_dir: Path) -> dict[int, Path]:
    """Directories ``module_N`` of a data directory, by module; symlinks count.

    Raises
    ------
    DataDirError
        `data_dir` is missing, unreadable or not a directory.
    """
    try:
        with os.scandir(data_dir) as entries:
            found = {
                module_id: Path(entry.path)
                for entry in entries
                if (module_id := module_dir_id(entry.name)) is not None and _may_be_dir(entry)
            }
    except FileNotFoundError:
        raise DataDirError(f"data_dir {str(data_dir)!r} does not exist") from None
    except OSError as error:
        raise DataDirError(f"data_dir {str(data_dir)!r} cannot be read: {error.strerror}") from error
    return dict(sorted(found.items()))


def _may_be_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere we may go: who opens it learns why, the others are not concerned
        return True


def active_run_name(data_dir: Path) -> str | None:
    """Name of the active run as the control software left it; None when it did not."""
    try:
        return (data_dir / RUN_NAME_FILE).read_text(errors="replace").strip()
    except OSError:
        return None


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


def _pff_files(run_dir: Path) -> list[tuple[PffName, Path, int]]:
    """Name, path and size in bytes of the PFF files of a run, oldest first."""
    found = []
    with os.scandir(run_dir) as entries:
        for entry in entries:
            if entry.name.endswith(FILE_SUFFIX):
                try:
                    found.append((PffName.parse(entry.name), Path(entry.path), entry.stat().st_size))
                except (PffError, OSError) as error:  # by the time we look a file may be deleted
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
        self._generations = itertools.count()
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
        self._let_go_of_gone()
        present: set[str] = set()
        for module_id in self.modules:
            try:
                present |= self._scan_module(dirs[module_id])
            except OSError as error:
                self._complain(f"module {module_id} cannot be read: {error}")
        self._let_go_of_settled(present)
        self._first_scan = False
        replaced = root_id is not None and self._root_id not in (None, root_id)
        self._root_id = root_id or self._root_id
        return replaced

    def _scan_module(self, module_dir: Path) -> set[str]:
        run_dir = active_run(module_dir, active_run_name(self.data_dir))
        files = _pff_files(run_dir) if run_dir else []
        empty = {path for _, path, size in files if not size}
        newest = {name.product: path for name, path, size in files if size}
        known = self._tails.keys() | self._settled.keys()
        for name, path, _ in files:
            if name.product in self._products and str(path) not in known:
                last_frames = None
                if self._first_scan and path not in empty:  # recorded before we came: only the newest are news
                    last_frames = _FRAMES_BACK[name.product] if newest[name.product] == path else 0
                self._tails[str(path)] = Tail(path, name, self._generations, last_frames)
        return {str(path) for path in [*newest.values(), *empty]}

    def _let_go_of_gone(self) -> None:
        """Forget files that vanished, so that another one of the same name is taken up."""
        for path in [path for path, tail in self._tails.items() if not tail.stands()]:
            self._gone.append(self._tails.pop(path))
        for path in [path for path, tail in self._settled.items() if not tail.stands()]:
            del self._settled[path]

    def _let_go_of_settled(self, present: set[str]) -> None:
        """Close files that a later one replaced and that have settled."""
        now = time.monotonic()
        for path, tail in list(self._tails.items()):
            if path not in present and now - tail.grew_at > SETTLED_AFTER_S:
                self._settle(tail)

    def read(self, paths: Collection[str] | None = None) -> Iterator[FrameBlock]:
        """Yield what was appended to the files at `paths`; None for all that are followed."""
        tails = list(self._tails.values()) if paths is None else self._known(paths)
        gone, self._gone = self._gone, []
        try:
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
        finally:
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
