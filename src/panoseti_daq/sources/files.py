"""Files of the active runs: those to follow now, and what is appended to them (SPEC 1.4 and 1.5)."""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.pff import DataProduct, FrameBlock, ModuleProduct, PffName
from panoseti_daq.pff.names import FILE_SUFFIX, SNAPSHOT_DIR
from panoseti_daq.sources.resync import Damage
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_run, active_run_name, module_dirs
from panoseti_daq.sources.snapshot import Snapshot, pff_name
from panoseti_daq.sources.tail import Tail, signature

_log = logging.getLogger(__name__)

SETTLED_AFTER_S: Final = 30.0
# When following begins, this many frames of a file are read back, to have the newest of every key at once:
# one for the products that hold all quabos; ph256 mixes four quabos that trigger at different rates.
_FRAMES_BACK: Final = {product: 256 if product.one_quabo else 1 for product in DataProduct}
_CLOCK_MARGIN_NS: Final = 2_000_000_000  # file systems may keep times to 2 s
_EVENT_WITHIN_NS: Final = 300_000_000  # a change older than this was missed by events


@dataclass(frozen=True, slots=True)
class Look:
    """Result of one look at the followed files.

    Attributes
    ----------
    modified
        Files that are not as they were when they were last read.
    rescan
        Whether something appeared or vanished.
    missed
        Of `modified` those that changed so long ago that an event should have reported it.
    """

    modified: frozenset[str]
    rescan: bool
    missed: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Found:
    name: PffName
    path: Path
    status: os.stat_result

    @property
    def is_snapshot(self) -> bool:
        return ".dp_" not in f".{self.path.name}"


def _pff_files(run_dir: Path, module_id: int) -> list[_Found]:
    """PFF files of a run of one module, oldest first."""
    found = []
    with os.scandir(run_dir) as entries:
        for entry in entries:
            if entry.name.endswith(FILE_SUFFIX):
                try:
                    found.append(_Found(pff_name(entry.name, module_id), Path(entry.path), entry.stat()))
                except (PffError, OSError) as error:  # by the time we look a file may be deleted
                    _log.debug("not followed: %s", error)
    return sorted(found, key=lambda file: (file.name.seqno, file.path.name))


class RunFiles:
    """Tails of the files to follow; for one thread.

    A file that appears while we follow is read from its beginning: it did not exist at the last look into its
    directory, or file and directory were last changed after we began. Earlier recordings (all files of the first
    look; later a mounted disk, an older run that becomes the active one) begin at their newest frames.

    A snapshot (SPEC 1.4) is followed while the active run has no data of its product: it is the older view.

    Parameters
    ----------
    data_dir
        Holds the ``module_N`` directories.
    module_ids
        Modules to follow; empty for all, also those that come later.
    products
        Data products to follow.
    settled_after_s
        A file that a later one replaced is closed when it did not grow for this time.

    Attributes
    ----------
    modules
        Modules that are there.
    directories
        Those whose entries matter, with their device and inode.
    """

    def __init__(
        self,
        data_dir: Path,
        module_ids: Collection[int] = (),
        products: Collection[DataProduct] = tuple(DataProduct),
        settled_after_s: float = SETTLED_AFTER_S,
    ) -> None:
        self.data_dir = data_dir
        self.modules: tuple[int, ...] = ()
        self.directories: dict[str, tuple[int, int]] = {}
        self._module_ids = frozenset(module_ids)
        self._products = frozenset(products)
        self._settled_after_s = settled_after_s
        self._damage: defaultdict[ModuleProduct, Damage] = defaultdict(Damage)
        self._tails: dict[str, Tail] = {}  # followed
        self._settled: dict[str, Tail] = {}  # complete, as far as we know; the cursor is kept
        self._gone: list[Tail] = []  # deleted, but what we hold open can be read to its end
        self._generations = itertools.count()
        self._began_ns = time.time_ns() - _CLOCK_MARGIN_NS
        self._first_scan = True
        self._complaints: set[str] = set()
        # directories, and the file that names the run, at the last scan
        self._seen: dict[str, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._tails)

    @property
    def damage_by_product(self) -> dict[ModuleProduct, Damage]:
        """Return the damage in the files of each module and product; from any thread."""
        return dict(self._damage)

    @property
    def damage(self) -> Damage:
        """Return the damage in all files; from any thread."""
        found = self.damage_by_product.values()
        return Damage(sum(one.n_frames for one in found), sum(one.n_bytes for one in found))

    def scan(self) -> bool:
        """Scan the directory tree: add new files, release those that are gone.

        Returns whether `directories` are others than after the last scan.
        """
        looked_into, self._seen = self._seen, {}
        self._note_if_there(self.data_dir)
        try:
            dirs = module_dirs(self.data_dir)
        except DataDirError as error:
            self._complain(str(error))
            dirs = {}
        self.modules = tuple(m for m in dirs if not self._module_ids or m in self._module_ids)
        self._let_go_of_gone()
        present: set[str] = set()
        run_name = active_run_name(self.data_dir)
        for module_id in self.modules:
            try:
                present |= self._scan_module(module_id, dirs[module_id], run_name, looked_into)
            except OSError as error:
                self._complain(f"module {module_id} cannot be read: {error}")
        self._let_go_of_settled(present)
        self._first_scan = False
        for path in {tail.path.parent for tail in self._tails.values()}:  # also of a run that is over
            self._note_if_there(path)
        before, self.directories = self.directories, {path: (s[0], s[1]) for path, s in self._seen.items()}
        self._note_if_there(self.data_dir / RUN_NAME_FILE)
        return self.directories != before

    def _note(self, path: Path) -> None:
        """Remember the signature of a directory before it is listed."""
        if str(path) not in self._seen:
            self._seen[str(path)] = _state(path)

    def _note_if_there(self, path: Path) -> None:
        try:
            self._note(path)
        except OSError:
            pass

    def _scan_module(
        self, module_id: int, module_dir: Path, run_name: str | None, looked_into: Collection[str]
    ) -> set[str]:
        """Add the new files of a module; return the files that may still grow."""
        self._note(module_dir)
        run_dir, snapshot_dir = active_run(module_dir, run_name), module_dir / SNAPSHOT_DIR
        files: list[_Found] = []
        for directory in {run_dir, snapshot_dir if snapshot_dir.is_dir() else None} - {None}:
            assert directory is not None
            self._note(directory)
            files += _pff_files(directory, module_id)
        files = [file for file in files if file.name.product in self._products]
        newest = {f.name.product: f.path for f in files if f.status.st_size and not f.is_snapshot}
        snapshots = {file.path for file in files if file.is_snapshot and file.name.product not in newest}
        for file in files:
            path = str(file.path)
            if file.is_snapshot and file.path not in snapshots:
                if (tail := self._tails.pop(path, None)) is not None:
                    tail.close()
            elif path not in self._tails and path not in self._settled:
                self._tails[path] = self._tail(file, newest, str(file.path.parent) in looked_into)
        empty = {file.path for file in files if not file.status.st_size}
        return {str(path) for path in snapshots.union(newest.values(), empty)}

    def _tail(self, file: _Found, newest: dict[DataProduct, Path], is_new: bool) -> Tail:
        """Return the tail of a new file; `is_new` when it did not exist at the last look."""
        if file.is_snapshot:
            return Snapshot(file.path, file.name, self._generations)
        product, last_frames = file.name.product, None
        if file.status.st_size and not is_new:
            directory_ns = self._seen[str(file.path.parent)][3]
            if self._first_scan or min(directory_ns, file.status.st_mtime_ns) < self._began_ns:
                last_frames = _FRAMES_BACK[product] if newest[product] == file.path else 0
        damage = self._damage[file.name.module_id, product]
        return Tail(file.path, file.name, self._generations, last_frames, damage=damage)

    def _let_go_of_gone(self) -> None:
        """Forget files that vanished, so that new ones of the same name are added; wake those that changed."""
        for path in [path for path, tail in self._tails.items() if not tail.stands()]:
            self._gone.append(self._tails.pop(path))
        for path, tail in list(self._settled.items()):
            if not tail.stands():
                del self._settled[path]
            elif tail.changed():
                self._tails[path] = self._settled.pop(path)

    def _let_go_of_settled(self, present: set[str]) -> None:
        """Close files that a later one replaced and that have settled."""
        now = time.monotonic()
        for path, tail in list(self._tails.items()):
            if path not in present and now - tail.grew_at > self._settled_after_s and not tail.changed():
                self._settle(tail)

    def look(self) -> Look:
        """Compare sizes and times of what is followed with those of the last read and scan."""
        modified = frozenset(path for path, tail in self._tails.items() if tail.changed())
        rescan = False
        for path, before in self._seen.items():
            try:
                rescan |= _state(path) != before
            except OSError:
                rescan = True
        before_ns = time.time_ns() - _EVENT_WITHIN_NS
        missed = frozenset(path for path in modified if _is_older(path, before_ns))
        return Look(modified, rescan, missed)

    def read(self, paths: Collection[str] | None = None) -> Iterator[FrameBlock]:
        """Yield what was appended to the files at `paths`; None for all that are followed."""
        tails = list(self._tails.values()) if paths is None else self._known(paths)
        gone, self._gone = self._gone, []
        try:
            # The last bytes of a file come before the beginning of its successor.
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


def _state(path: str | Path) -> tuple[int, ...]:
    """Signature, and ctime in ns: a directory that may be read again has no other mtime."""
    status = os.stat(path)
    return *signature(status), status.st_ctime_ns


def _is_older(path: str, unix_ns: int) -> bool:
    try:
        return os.stat(path).st_mtime_ns < unix_ns
    except OSError:
        return False
