"""Order of the files of one module and product, over all runs, and the listing that lossless readers share."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.pff.names import check_run_name, start_of
from panoseti_daq.sources.regular import State, state_of
from panoseti_daq.sources.run_dir import SAME_TIME_NS, RunDir, RunFile
from panoseti_daq.sources.runs import LOOK_AT_ALL_S, run_dirs

_log = logging.getLogger(__name__)

_NOWHERE: Final = (math.inf, "")
_N_NEAR: Final = 4  # runs that changed last, which are looked into at each look


@dataclass(frozen=True, slots=True, order=True)
class FilePlace:
    """Place of a file: by start and name of its run, then by its own start and seqno.

    A run whose name has no start time stands where its files began, each for itself: it may be used for weeks.
    """

    run_start_s: float
    run: str
    start_s: float
    seqno: int
    file: str

    @classmethod
    def of(cls, run: str, file: str) -> Self:
        """Return the place of a file by base names.

        Raises
        ------
        PffError
            `file` is not the name of a file of the writer.
        """
        name = PffName.parse(file)
        start_s = name.start.timestamp() if name.start else 0.0
        named = start_of(run)
        return cls(named.timestamp() if named else start_s, run, start_s, name.seqno, file)

    @classmethod
    def before(cls, run: str, start_s: float = 0.0) -> Self:
        """Return the place before every file of a run, which began at `start_s` unless its name has a start."""
        named = start_of(run)
        return cls(named.timestamp() if named else start_s, run, -1.0, -1, "")


BEGIN: Final = FilePlace(-1.0, "", -1.0, -1, "")


def earliest_run(runs: Iterable[str]) -> str:
    """Return the run that started first, of base names; empty when all are empty.

    Raises
    ------
    PffError
        One of them is not the name of a run.
    """
    named = [run for run in runs if run]
    for run in named:
        check_run_name(run)
    return min(map(FilePlace.before, named), default=BEGIN).run


class ModuleFiles:
    """The files of one module in order; a directory is listed once per change, whoever asks. For any thread.

    Runs in which nothing changed for long are looked into once a minute, so that they cost nothing per frame; the
    others at each look. A directory that cannot be read is left out with a warning, and what is known of it stays.

    Parameters
    ----------
    path, module_id
        Directory ``module_N``, which may not be there yet.
    """

    def __init__(self, path: Path, module_id: int) -> None:
        self.path = path
        self.module_id = module_id
        self._runs: dict[str, RunDir] = {}
        self._dated: list[RunDir] = []  # in order
        self._undated: list[RunDir] = []  # may hold files of any time
        self._near: list[RunDir] = []  # those that changed last
        self._looked_from = _NOWHERE  # every run from there on was looked into
        self._look_at_all_at = 0.0
        self._n_changes = 0
        self._state: State = ()
        self._listed_ns = 0
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    @classmethod
    def shared(cls, path: Path, module_id: int) -> ModuleFiles:
        """Return the listing that all readers of a directory share."""
        with _lock:
            found = _shared.get((path, module_id))
            if found is None:
                found = _shared[path, module_id] = cls(path, module_id)
            return found

    def start_of(self, run: str) -> float:
        """Return when a run began, s since 1970; 0 when unknown."""
        if named := start_of(run):
            return named.timestamp()
        found = self._look_into(run)
        return found.start_s if found else 0.0

    def in_run(self, run: str, product: DataProduct) -> list[tuple[FilePlace, RunFile]]:
        """Return the files of a product in one run, in order, empty ones included."""
        found = self._look_into(run)
        return list(_files(found, product, BEGIN)) if found else []

    def expect(self, run: str) -> None:
        """Take note that a run grows: look into it from now on."""
        with self._lock:
            found = self._runs.get(run)
            if found is not None and found not in self._near:
                self._near.append(found)

    def look(self, begin: FilePlace) -> int:
        """Look for changes behind `begin`; return a number that stays the same as long as there are none.

        Raises
        ------
        OSError
            The directory of the module is unreadable.
        """
        with self._lock:
            self._list_runs()
            is_time = time.monotonic() >= self._look_at_all_at
            if is_time:
                self._look_at_all_at = time.monotonic() + LOOK_AT_ALL_S
            at = begin.run_start_s, begin.run
            if is_time or at < self._looked_from:
                looked_into = self._behind(begin)
                self._looked_from = min(at, self._looked_from)
            else:
                own = self._runs.get(begin.run)
                expected = dict.fromkeys([*self._near, own] if own else self._near)
                looked_into = [run for run in expected if not run.has_start or _order(run) >= at]
            for run in looked_into:
                self._look(run)
            if is_time:
                by_time = sorted(self._runs.values(), key=lambda run: run.changed_ns)
                self._near = by_time[-_N_NEAR:]
            return self._n_changes

    def after(self, begin: FilePlace, product: DataProduct) -> list[tuple[FilePlace, RunFile]]:
        """Return the files of a product behind `begin` as of the last look, in order, empty ones included."""
        with self._lock:
            found = [item for run in self._behind(begin) for item in _files(run, product, begin)]
        return sorted(found, key=lambda item: item[0])

    def with_data(self, product: DataProduct) -> list[FilePlace]:
        """Return the places of all files of a product that hold data, in order."""
        self.look(BEGIN)
        return [place for place, file in self.after(BEGIN, product) if file.size_bytes]

    def _behind(self, begin: FilePlace) -> list[RunDir]:
        first = bisect_left(self._dated, (begin.run_start_s, begin.run), key=_order)
        return [*self._dated[first:], *self._undated]

    def _look_into(self, name: str) -> RunDir | None:
        with self._lock:
            self._list_runs()
            if (run := self._runs.get(name)) is not None:
                self._look(run)
            return self._runs.get(name)

    def _list_runs(self) -> None:
        """List the runs when the directory of the module changed."""
        try:
            state = state_of(self.path)
            # A directory changed within the resolution of its time may change once more without showing it.
            if state == self._state and state[3] <= self._listed_ns - SAME_TIME_NS:
                return
            now_ns, paths = time.time_ns(), list(run_dirs(self.path))
        except (FileNotFoundError, NotADirectoryError):
            state, now_ns, paths = (), 0, []  # the writer may make it later
        known = self._runs
        self._state, self._listed_ns = state, now_ns
        self._runs = {path.name: known.get(path.name) or RunDir(path, self.module_id) for path in paths}
        if not known:
            self._looked_from = _NOWHERE
        if self._runs.keys() != known.keys():
            self._find_order()
            self._near += [run for name, run in self._runs.items() if known and name not in known]

    def _find_order(self) -> None:
        self._n_changes += 1
        self._dated = sorted((run for run in self._runs.values() if run.has_start), key=_order)
        self._undated = [run for run in self._runs.values() if not run.has_start]
        self._near = [run for run in self._near if run.path.name in self._runs]

    def _look(self, run: RunDir) -> None:
        before = run.n_changes
        try:
            run.look()
        except (FileNotFoundError, NotADirectoryError):
            del self._runs[run.path.name]
            self._find_order()
        except OSError as error:  # as lost+found; the other runs are not concerned
            if run.path.name not in self._refused:
                self._refused.add(run.path.name)
                _log.warning("%s is left out: %s", run.path, error.strerror)
        else:
            self._refused.discard(run.path.name)
            self._n_changes += run.n_changes != before


def _order(run: RunDir) -> tuple[float, str]:
    return run.start_s, run.path.name


_shared: weakref.WeakValueDictionary[tuple[Path, int], ModuleFiles] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def _files(run: RunDir, product: DataProduct, begin: FilePlace) -> Iterator[tuple[FilePlace, RunFile]]:
    files = run.in_order.get(product, [])
    first = 0
    if run.has_start and run.path.name == begin.run:
        first = bisect_right(files, (begin.start_s, begin.seqno, begin.file), key=lambda file: file.order)
    for file in files[first:]:
        start_s, seqno, name = file.order
        place = FilePlace(run.start_s if run.has_start else start_s, run.path.name, start_s, seqno, name)
        if place > begin:
            yield place, file
