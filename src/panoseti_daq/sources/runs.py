"""Modules of a data directory, their runs, and the active run of each (SPEC 1.4).

A name proposes, growth decides. Any directory below ``module_N`` that holds files of the writer is a run. Active
is the one that ``daq_run_name`` names, else the newest by name, unless it stands still and another one grows:

    named run      grows . . . . . . . . . . . . .      followed
    named run      stands still . . . . . . . . . .
    another run               grows   grows   grows     followed from the first growth on, and `why` says so
    named run                                 grows     followed again
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.pff.names import SNAPSHOT_DIR, module_dir_id
from panoseti_daq.sources.past import N_REMEMBERED, PastRuns
from panoseti_daq.sources.regular import State, open_regular, state_of
from panoseti_daq.sources.run_dir import SAME_TIME_NS, RunDir

RUN_NAME_FILE: Final = "daq_run_name"  # the control software names the active run in it

RECENT_NS: Final = 3_600_000_000_000  # at the first look a run that grew so lately counts as growing
LOOK_AT_ALL_S: Final = 60.0  # runs in which nothing changed lately are looked into this often
_N_NEIGHBORS: Final = 3  # runs beside the active one that are looked into at each look
_MAX_NAME_BYTES: Final = 4096


def is_below(path: Path, roots: Collection[Path]) -> bool:
    """Return whether a path leads to one of the roots, or below one; any does when there are none."""
    real = os.path.realpath(path)
    return not roots or any(Path(real).is_relative_to(os.path.realpath(root)) for root in roots)


def module_dirs(data_dir: Path, roots: Collection[Path] = ()) -> dict[int, Path]:
    """Return the directories ``module_N`` of a data directory, by module; symlinks count.

    Raises
    ------
    DataDirError
        `data_dir` is missing, unreadable, not a directory or, now, not below one of `roots`.
    """
    try:
        directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            # Of what was opened: somebody may put a link in its place, at any moment.
            if not is_below(Path(f"/proc/self/fd/{directory}"), roots):
                raise DataDirError(f"data_dir {str(data_dir)!r} is not below one of the data roots any more")
            with os.scandir(directory) as entries:
                found = {
                    module_id: data_dir / entry.name
                    for entry in entries
                    if (module_id := module_dir_id(entry.name)) is not None and _may_be_dir(entry)
                }
        finally:
            os.close(directory)
    except FileNotFoundError:
        raise DataDirError(f"data_dir {str(data_dir)!r} does not exist") from None
    except OSError as error:
        raise DataDirError(f"data_dir {str(data_dir)!r} cannot be read: {error.strerror}") from error
    return dict(sorted(found.items()))


def _may_be_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # opening it gives the reason, and the others are unaffected
        return True


def active_run_name(data_dir: Path) -> str | None:
    """Return the name of the active run as the control software wrote it; None when it did not."""
    try:
        fd = open_regular(data_dir / RUN_NAME_FILE)
    except (OSError, PffError):
        return None
    try:
        return os.pread(fd, _MAX_NAME_BYTES, 0).decode(errors="replace").strip() or None
    except OSError:
        return None
    finally:
        os.close(fd)


class ModuleRuns:
    """The runs of one module, and which of them is active; for one thread.

    Parameters
    ----------
    path, module_id
        Directory of the module.
    is_first
        The module was there when following began.

    Attributes
    ----------
    active
        Run to follow; None when there is none.
    why
        Why that is not the run which the names propose; empty when it is.
    near
        The active run and those that changed last: where something is to be expected.
    """

    def __init__(self, path: Path, module_id: int, *, is_first: bool = True) -> None:
        self.path = path
        self.module_id = module_id
        self._is_first = is_first
        self.active: RunDir | None = None
        self.why = ""
        self.near: list[RunDir] = []
        self._runs: dict[str, RunDir] = {}
        self._past = PastRuns(path)
        self._newest_by_name: RunDir | None = None
        self._state: State = ()
        self._listed_ns = 0
        self._proposed: RunDir | None = None
        self._baseline_ns: int | None = None  # what grew later, grew since that run is proposed

    def has(self, run_name: str) -> bool:
        """Return whether there is a run of that name."""
        if run_name in self._past:
            self._look_into(self._take_up(self._past.take(run_name)))
        return run_name in self._runs and bool(self._runs[run_name].files)

    def list(self, *, everything: bool) -> None:
        """Take note of the runs and of their newest files.

        Parameters
        ----------
        everything
            Look into all of them but those of the past; else only into new ones and those near the active one.

        Raises
        ------
        OSError
            The directory of the module is missing or unreadable.
        """
        state = state_of(self.path)
        is_changed = everything or state != self._state or state[3] > self._listed_ns - SAME_TIME_NS
        if is_changed:
            self._listed_ns = time.time_ns()
            self._take_note(everything=everything)
            self._state = state
        looked_into = [run for run in self._runs.values() if everything or not run.state] if is_changed else []
        for run in dict.fromkeys([*looked_into, *self.near]):
            is_changed |= self._look_into(run, everything=everything)
        if is_changed:
            self._find_near()

    def _take_note(self, *, everything: bool) -> None:
        """Take note of the names of the runs, and of those that may become active."""
        names = set(map(sys.intern, _run_names(self.path)))  # all modules have the same
        self._past.keep(names)
        self._runs = {name: run for name, run in self._runs.items() if name in names}
        new = [name for name in names if name not in self._runs and name not in self._past]
        was_there = self._is_first and not self._state
        for name in self._past.sort_out(new):
            self._take_up(name, was_there=was_there)
        for name in self._past.to_look_into() if everything and self._state else ():
            self._take_up(self._past.take(name))

    def _take_up(self, name: str, *, was_there: bool = True) -> RunDir:
        run = self._runs[name] = RunDir(self.path / name, self.module_id, was_there=was_there)
        return run

    def _look_into(self, run: RunDir, *, everything: bool = False) -> bool:
        """Look into a run; return whether something came or went."""
        try:
            return run.look(everything=everything)
        except FileNotFoundError:
            return self._runs.pop(run.path.name, None) is not None
        except OSError as error:
            run.refused = [f"{run.path} cannot be read: {error.strerror}"]
            return False

    def _find_near(self) -> None:
        self._newest_by_name = self._find_newest_by_name()
        in_time = sorted(self._runs.values(), key=lambda run: run.changed_ns, reverse=True)
        expected = [self.active, self._proposed, self._newest_by_name, *in_time[:_N_NEIGHBORS]]
        self.near = list(dict.fromkeys(r for r in expected if r is not None and r.path.name in self._runs))
        others = [run for run in in_time if run not in self.near]
        for run in others:
            run.forget_old()
        for run in [run for run in others if run.has_start][2 * N_REMEMBERED :]:
            self._retire(run)

    def _find_newest_by_name(self) -> RunDir | None:
        with_files = [run for run in self._runs.values() if run.files]
        newest = max(with_files, key=lambda run: (run.start_s, run.alive_ns), default=None)
        for name in self._past.later_than(newest.start_s if newest else 0.0):
            run = self._take_up(self._past.take(name))
            self._look_into(run)
            if run.files:
                return run
            self._retire(run)
        return newest

    def _retire(self, run: RunDir) -> None:
        if self._runs.pop(run.path.name, None) is not None:
            self._past.add(
                run.path.name, run.state[3] if run.state else 0, is_empty=bool(run.state) and not run.files
            )

    def choose(self, run_name: str | None, *, is_named_elsewhere: bool = False) -> None:
        """Set `active` and `why`.

        Parameters
        ----------
        run_name
            What ``daq_run_name`` says.
        is_named_elsewhere
            Another module has that run: what this one has is over, unless it grows.
        """
        proposed = None if is_named_elsewhere else self._newest_by_name
        if run_name and self.has(run_name):
            proposed = self._runs[run_name]
        runs = [run for run in self.near if run.files]
        if proposed is not self._proposed or self._baseline_ns is None:
            is_first, self._proposed = self._baseline_ns is None, proposed
            newest_ns = max((run.alive_ns for run in runs), default=0)
            self._baseline_ns = time.time_ns() - RECENT_NS if is_first else newest_ns
        growing = max(runs, key=lambda run: run.alive_ns, default=None)
        self.why = ""
        if growing is not None and growing is not proposed and self._grows_instead(growing, proposed):
            instead = (
                f"instead of {proposed.path.name}, which stands still" if proposed else "though it is not named"
            )
            self.active = growing
            self.why = f"module {self.module_id}: {growing.path.name} grows and is followed {instead}"
        elif proposed is None or proposed.has_data or self.active not in runs:
            self.active = proposed
        # else: until the first frame of a new run comes, the one before it is the newest that there is

    def _grows_instead(self, growing: RunDir, proposed: RunDir | None) -> bool:
        assert self._baseline_ns is not None
        if growing.alive_ns <= self._baseline_ns or not growing.has_data:
            return False
        if proposed is None:
            return True
        is_still = time.time_ns() - proposed.alive_ns > proposed.still_after_ns
        return growing.alive_ns > proposed.alive_ns and is_still


def run_dirs(module_dir: Path) -> Iterator[Path]:
    """Yield the directories below a module that may be runs.

    Raises
    ------
    OSError
        `module_dir` is missing or unreadable.
    """
    for name in _run_names(module_dir):
        yield module_dir / name


def _run_names(module_dir: Path) -> Iterator[str]:
    with os.scandir(module_dir) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name != SNAPSHOT_DIR and _may_be_dir(entry):
                yield entry.name


def choose_runs(modules: Iterable[ModuleRuns], run_name: str | None) -> None:
    """Set the active run of each module, given what ``daq_run_name`` says."""
    modules = list(modules)
    is_somewhere = run_name is not None and any(module.has(run_name) for module in modules)
    for module in modules:
        module.choose(run_name, is_named_elsewhere=is_somewhere)


def active_runs(data_dir: Path) -> dict[int, str]:
    """Return the base name of the active run of each module that has one; looks into all runs.

    Raises
    ------
    DataDirError
        `data_dir` is missing or unreadable.
    """
    modules = []
    for module_id, path in module_dirs(data_dir).items():
        try:
            (runs := ModuleRuns(path, module_id)).list(everything=True)
        except OSError:  # the others are not concerned
            continue
        modules.append(runs)
    choose_runs(modules, active_run_name(data_dir))
    return {runs.module_id: runs.active.path.name for runs in modules if runs.active}
