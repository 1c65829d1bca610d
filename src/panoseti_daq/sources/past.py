"""Runs of the past of one module: of thousands of directories, no more than name and time is remembered."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from panoseti_daq.pff.names import start_of

N_REMEMBERED: Final = 32  # runs of a module whose files are known: by name, and as many by time
N_IN_TURN: Final = 64  # runs of the past that are looked into once a minute


@functools.lru_cache(maxsize=4096)  # a run has the same name in all modules
def _start_s(name: str) -> float | None:
    start = start_of(name)
    return None if start is None else start.timestamp()


class PastRuns:
    """Runs that began, and changed, before `N_REMEMBERED` others; for one thread.

    One of them may become active again: it is named, those that began later are deleted, its directory changes, or
    its files do while it is looked into in turn.

    Parameters
    ----------
    module_dir
        Holds the runs.
    """

    def __init__(self, module_dir: Path) -> None:
        self._module_dir = os.fspath(module_dir)
        self._changed_ns: dict[str, int] = {}  # by name, in the order of the turns
        self._empty: set[str] = set()  # no file of the writer, as long as the directory does not change
        self._newest_s: float | None = None  # of those that may hold files, the last start; None when unknown

    def __contains__(self, name: str) -> bool:
        return name in self._changed_ns

    def __len__(self) -> int:
        return len(self._changed_ns)

    def sort_out(self, names: Collection[str]) -> Collection[str]:
        """Remember the old ones of runs that were found; return the others."""
        if len(names) <= N_REMEMBERED:
            return names
        started = {name: start_s for name in names if (start_s := _start_s(name)) is not None}
        changed = {name: at for name in started if (at := self._changed(name)) is not None}
        recent = {name for name in names if name not in changed}  # without a time their files have to be seen
        for times in (started, changed):
            recent.update(sorted(changed, key=times.__getitem__)[-N_REMEMBERED:])
        for name in changed.keys() - recent:
            self.add(name, changed[name])
        return recent

    def add(self, name: str, changed_ns: int, *, is_empty: bool = False) -> None:
        """Remember a run, and when its directory changed."""
        self._changed_ns[name] = changed_ns
        if is_empty:
            self._empty.add(name)
        self._newest_s = None

    def keep(self, names: Collection[str]) -> None:
        """Forget all others."""
        for name in self._changed_ns.keys() - names:
            self.take(name)

    def take(self, name: str) -> str:
        """Forget a run, which is looked into from now on."""
        del self._changed_ns[name]
        self._empty.discard(name)
        self._newest_s = None
        return name

    def later_than(self, start_s: float) -> list[str]:
        """Return those that began later and may hold files, the last one first."""
        if self._newest_s is None:
            holders = self._changed_ns.keys() - self._empty
            self._newest_s = max((_start_s(name) or 0.0 for name in holders), default=0.0)
        if start_s >= self._newest_s:  # nearly always
            return []
        begun = {name: _start_s(name) or 0.0 for name in self._changed_ns.keys() - self._empty}
        return sorted((name for name in begun if begun[name] > start_s), key=begun.__getitem__, reverse=True)

    def to_look_into(self) -> Iterable[str]:
        """Yield those whose directories changed, and some whose turn it is."""
        changed = [name for name, before in self._changed_ns.items() if self._changed(name) != before]
        return dict.fromkeys([*changed, *itertools.islice(self._changed_ns, N_IN_TURN)])

    def _changed(self, name: str) -> int | None:
        try:
            return os.stat(f"{self._module_dir}/{name}").st_mtime_ns
        except OSError:
            return None
