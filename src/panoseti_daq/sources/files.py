"""Files of the active runs: those to follow now, and what is appended to them (SPEC 1.4 and 1.5)."""

from __future__ import annotations

import itertools
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError
from panoseti_daq.pff import DataProduct, FrameBlock, ModuleProduct
from panoseti_daq.pff.names import SNAPSHOT_DIR
from panoseti_daq.sources.looks import LastScan, Look, missed_by_events
from panoseti_daq.sources.resync import Damage
from panoseti_daq.sources.run_dir import RunDir, RunFile
from panoseti_daq.sources.runs import (
    LOOK_AT_ALL_S,
    RUN_NAME_FILE,
    ModuleRuns,
    active_run_name,
    choose_runs,
    module_dirs,
)
from panoseti_daq.sources.snapshot import Snapshot
from panoseti_daq.sources.tail import Tail
from panoseti_daq.sources.tails import Tails, most_open

_log = logging.getLogger(__name__)

SETTLED_AFTER_S: Final = 30.0
LOOK_AT_RUNS_S: Final = 1.0
# When following begins, this many frames of a file are read back, to have the newest of every key at once:
# one for the products that hold all quabos; ph256 mixes four quabos that trigger at different rates.
_FRAMES_BACK: Final = {product: 256 if product.one_quabo else 1 for product in DataProduct}
_FEW: Final = 64  # files; a look at each takes 2 us
_MOST_NAMED: Final = 5  # of what is left out, in Status
_CLOCK_MARGIN_NS: Final = 2_000_000_000  # file systems may keep times to 2 s


class RunFiles:
    """Tails of the files to follow; for one thread.

    A file that appears while we follow is read from its beginning: it did not exist at the last look into its
    directory, or file and directory were last changed after we began. Earlier recordings (all files of the first
    look; later a mounted disk, an older run that becomes the active one) begin at their newest frames.

    A snapshot (SPEC 1.4) is followed while the active run has no data of its product: it is the older view.

    Few files are open at once: the newest of each product, and what it replaced until that has settled; never more
    than half of what the process may open.

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
    roots
        The data directory has to stay below one of these; none for any.

    Attributes
    ----------
    modules
        Modules that are there.
    active_runs
        Base name of the active run of each module that has one; from any thread.
    notes
        Why other runs are followed than the names propose; from any thread.
    left_out
        What is left out and why, a few; from any thread.
    directories
        Those whose entries matter, with their device and inode.
    """

    def __init__(
        self,
        data_dir: Path,
        module_ids: Collection[int] = (),
        products: Collection[DataProduct] = tuple(DataProduct),
        settled_after_s: float = SETTLED_AFTER_S,
        roots: Collection[Path] = (),
    ) -> None:
        self._roots = roots
        self.data_dir = data_dir
        self.modules: tuple[int, ...] = ()
        self.active_runs: dict[int, str] = {}
        self.notes: tuple[str, ...] = ()
        self.left_out: tuple[str, ...] = ()
        self._odd: list[str] = []  # in this scan
        self.directories: dict[str, tuple[int, int]] = {}
        self._module_ids = frozenset(module_ids)
        self._products = frozenset(products)
        self._damage: defaultdict[ModuleProduct, Damage] = defaultdict(Damage)
        self._runs: dict[int, ModuleRuns] = {}
        self._snapshot_dirs: dict[int, RunDir] = {}
        self._active: dict[int, RunDir | None] = {}
        self._tails = Tails(self._complain, settled_after_s, most_open())
        self._generations = itertools.count()
        self._began_ns = time.time_ns() - _CLOCK_MARGIN_NS
        self._first_scan = True
        self._look_at_all_at = self._look_at_runs_at = 0.0
        self._complaints: set[str] = set()
        self._seen = LastScan()

    def __len__(self) -> int:
        return len(self._tails.followed)

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
        self._odd = []
        self._seen.begin()
        self._seen.note([self.data_dir])
        try:
            dirs = module_dirs(self.data_dir, self._roots)
        except DataDirError as error:
            self._complain(str(error))
            dirs = {}
        self.modules = tuple(m for m in dirs if not self._module_ids or m in self._module_ids)
        self._tails.let_go_of_gone()
        self._look_at_modules(dirs)
        self._tails.let_go_of_settled(set[str]().union(*map(self._take_up, self._runs.values())))
        self._first_scan = False
        self.left_out = tuple(self._odd[:_MOST_NAMED])
        self._seen.note({tail.path.parent for tail in self._tails.followed.values()})  # also of a run that is over
        before, self.directories = self.directories, self._seen.identities
        self._seen.note([self.data_dir / RUN_NAME_FILE])
        return self.directories != before

    def _look_at_modules(self, dirs: dict[int, Path]) -> None:
        """Find the runs of the modules, and which of them are active."""
        everything = time.monotonic() >= self._look_at_all_at
        if everything:
            self._look_at_all_at = time.monotonic() + LOOK_AT_ALL_S
        for module_id in self._runs.keys() - set(self.modules):
            del self._runs[module_id]
        for module_id in self.modules:
            runs = self._runs.get(module_id) or ModuleRuns(dirs[module_id], module_id, is_first=self._first_scan)
            self._runs[module_id] = runs
            self._seen.note([runs.path])
            try:
                runs.list(everything=everything)
            except OSError as error:
                self._leave_out(f"module {module_id} cannot be read: {error}")
        choose_runs(self._runs.values(), active_run_name(self.data_dir))
        self._tell()

    def _tell(self) -> None:
        """Publish and log which runs are active."""
        active = {m: runs.active.path.name for m, runs in self._runs.items() if runs.active}
        for module_id, run in active.items():
            if self.active_runs.get(module_id) not in (None, run):
                _log.info("module %d: run %s is the active one now", module_id, run)
        notes = tuple(runs.why for runs in self._runs.values() if runs.why)
        for note in notes:
            if note not in self.notes:
                _log.warning("%s", note)
        self.active_runs, self.notes = active, notes

    def _take_up(self, runs: ModuleRuns) -> set[str]:
        """Add the new files of a module; return the files that may still grow."""
        for near in runs.near:
            self._saw(near)
        run = runs.active
        if run is None:
            return self._take_up_snapshots(runs, {})
        if self._active.get(runs.module_id) not in (None, run):
            self._tails.renew(run.path)
        self._active[runs.module_id] = run
        newest = run.newest()
        fresh = [file for file in run.take() if file.name.product in self._products]
        replaced = {f.name.product: f for f in fresh if f.size_bytes and newest[f.name.product] is not f}
        for file in fresh:
            from_end, product = self._n_from_end(run, file, newest), file.name.product
            # Of what was recorded before, the last file that was replaced may still get its rest; no other.
            is_wanted = (from_end is None and run.may_grow(file)) or any(
                file is one for one in (newest.get(product), replaced.get(product))
            )
            if is_wanted and str(file.path) not in self._tails:
                self._tails.add(self._tail(file, from_end))
        present = {str(file.path) for file in newest.values()}
        return present | self._take_up_snapshots(runs, newest)

    def _saw(self, directory: RunDir) -> None:
        if directory.state:
            self._seen.note_as(directory.path, directory.state)
        for text in directory.refused:
            self._leave_out(text)

    def _n_from_end(self, run: RunDir, file: RunFile, newest: dict[DataProduct, RunFile]) -> int | None:
        """Frames to read back from the end of a file that we did not know; None to read all."""
        if not file.first_bytes or file.is_new:
            return None
        if not run.was_there and file.first_ns >= self._began_ns:
            return None
        is_newest = newest.get(file.name.product) is file and file.size_bytes == file.first_bytes
        return _FRAMES_BACK[file.name.product] if is_newest else 0  # of one that grew, what is new will do

    def _tail(self, file: RunFile, from_end: int | None) -> Tail:
        damage = self._damage[file.name.module_id, file.name.product]
        known = None if from_end is None else file.first_bytes
        return Tail(file.path, file.name, self._generations, from_end, known, damage=damage)

    def _take_up_snapshots(self, runs: ModuleRuns, newest: Collection[DataProduct]) -> set[str]:
        """Follow the snapshots of products that the active run has no data of."""
        apart = self._snapshot_dirs.setdefault(runs.module_id, RunDir(runs.path / SNAPSHOT_DIR, runs.module_id))
        try:
            apart.look()
        except OSError:  # nearly always there is none
            apart.snapshots = []
        self._saw(apart)
        wanted = set()
        for file in [*apart.snapshots, *(runs.active.snapshots if runs.active else ())]:
            path, product = str(file.path), file.name.product
            if product in newest or product not in self._products:
                self._tails.drop(path)
                continue
            wanted.add(path)
            if path not in self._tails:
                self._tails.add(Snapshot(file.path, file.name, self._generations))
        return wanted

    def look(self) -> Look:
        """Compare sizes and times of what is followed with those of the last read and scan."""
        modified = self._tails.modified()
        rescan = self._seen.is_over
        if time.monotonic() >= self._look_at_runs_at:
            self._look_at_runs_at = time.monotonic() + LOOK_AT_RUNS_S
            rescan |= self._choose_again(self._runs.values())
        return Look(modified, rescan, missed_by_events(modified))

    def modified(self) -> frozenset[str]:
        """Return the files that changed since they were last read; none if there are too many to look at."""
        return self._tails.modified() if len(self) <= _FEW else frozenset()

    def changes_run(self, paths: Collection[str]) -> bool:
        """Return whether another run is the active one because files at `paths`, which are not followed, grew."""
        grew = {Path(path).parent.parent for path in paths if path not in self._tails}
        return bool(grew) and self._choose_again([runs for runs in self._runs.values() if runs.path in grew])

    def _choose_again(self, changed: Collection[ModuleRuns]) -> bool:
        """Return whether other runs are active, after a look at `changed`."""
        if not changed:
            return False
        for runs in changed:
            try:
                runs.list(everything=False)
            except OSError:  # the scan says so
                return True
        choose_runs(self._runs.values(), active_run_name(self.data_dir))
        return any(runs.active is not self._active.get(m) for m, runs in self._runs.items())

    def read(self, paths: Collection[str] | None = None) -> Iterator[FrameBlock]:
        """Yield what was appended to the files at `paths`; None for all that are followed."""
        for path in paths or ():
            if path not in self._tails:
                self._follow_old(Path(path))
        return self._tails.read(paths)

    def _follow_old(self, path: Path) -> None:
        """Follow a file of an active run that was recorded before, and grows after all."""
        for run in self._active.values():
            file = run.files.get(path.name) if run and run.path == path.parent else None
            if file is not None and file.name.product in self._products:
                self._tails.add(self._tail(file, 0))

    def _leave_out(self, text: str) -> None:
        self._complain(text)
        self._odd.append(text)

    def _complain(self, text: str) -> None:
        if text not in self._complaints:
            self._complaints.add(text)
            _log.warning("%s", text)

    def close(self) -> None:
        """Close all files."""
        self._tails.close()
