"""Order of the files of one module and product, over all runs, and the listing that lossless readers share."""

from __future__ import annotations

import threading
import time
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.pff.names import check_run_name, start_of
from panoseti_daq.sources.regular import State, state_of
from panoseti_daq.sources.run_dir import SAME_TIME_NS, RunDir, RunFile
from panoseti_daq.sources.runs import run_dirs


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
        """Return the place before every file of a run, which began at `start_s` if its name does not tell."""
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

    Parameters
    ----------
    path, module_id
        Directory ``module_N``, which may not be there yet.
    """

    def __init__(self, path: Path, module_id: int) -> None:
        self.path = path
        self.module_id = module_id
        self._runs: dict[str, RunDir] = {}
        self._state: State = ()
        self._listed_ns = 0
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
        with self._lock:
            self._look(lambda one: one.path.name == run)
            return self._runs[run].start_s if run in self._runs else 0.0

    def in_run(self, run: str, product: DataProduct) -> list[tuple[FilePlace, RunFile]]:
        """Return the files of a product in one run, in order, empty ones included."""
        with self._lock:
            self._look(lambda one: one.path.name == run)
            return list(_files(self._runs[run], product, BEGIN)) if run in self._runs else []

    def after(self, begin: FilePlace, product: DataProduct) -> list[tuple[FilePlace, RunFile]]:
        """Return the files of a product behind `begin`, in order, empty ones included.

        Raises
        ------
        OSError
            A directory is unreadable.
        """

        def is_wanted(run: RunDir) -> bool:
            return not run.has_start or (run.start_s, run.path.name) >= (begin.run_start_s, begin.run)

        with self._lock:
            self._look(is_wanted)
            runs = [run for run in self._runs.values() if is_wanted(run)]
            found = [item for run in runs for item in _files(run, product, begin)]
        return sorted(found, key=lambda item: item[0])

    def _look(self, is_wanted: Callable[[RunDir], bool]) -> None:
        """List what changed of the runs that are wanted; the others cost nothing."""
        try:
            state = state_of(self.path)
            # A directory changed within the resolution of its time may change once more without showing it.
            if state != self._state or state[3] > self._listed_ns - SAME_TIME_NS:
                now_ns, known = time.time_ns(), self._runs
                paths = list(run_dirs(self.path))
                self._runs = {path.name: known.get(path.name) or RunDir(path, self.module_id) for path in paths}
                self._state, self._listed_ns = state, now_ns
        except (FileNotFoundError, NotADirectoryError):
            # The writer may make the module's directory later.
            self._runs, self._state = {}, ()
        for run in list(self._runs.values()):
            # Old runs are not even looked at: their number must not matter.
            if is_wanted(run):
                try:
                    run.look()
                except (FileNotFoundError, NotADirectoryError):
                    del self._runs[run.path.name]


_shared: weakref.WeakValueDictionary[tuple[Path, int], ModuleFiles] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def _files(run: RunDir, product: DataProduct, begin: FilePlace) -> Iterator[tuple[FilePlace, RunFile]]:
    files = run.in_order.get(product, [])
    first = 0
    if run.has_start and run.path.name == begin.run:
        first = bisect_right(files, (begin.start_s, begin.seqno, begin.file), key=lambda file: file.order)
    for file in files[first:]:
        place = FilePlace.of(run.path.name, file.path.name)
        if place > begin:
            yield place, file
