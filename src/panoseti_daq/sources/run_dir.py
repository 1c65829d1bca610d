"""One directory that may be a run, and the files of the writer in it (SPEC 1.4)."""

from __future__ import annotations

import itertools
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.pff.names import is_of_writer, start_of
from panoseti_daq.sources.regular import State, state_of
from panoseti_daq.sources.snapshot import pff_name

STILL_NS: Final = 2_000_000_000  # a run stands still that did not grow for so long, and for three of its bursts
SAME_TIME_NS: Final = 100_000_000  # file systems keep times in steps: a directory may change twice within one


_N_EMPTY: Final = 8  # a writer may have opened files that hold nothing yet
_numbers: Final = itertools.count(1)


@dataclass(slots=True, eq=False)
class RunFile:
    """A file of the writer, as it was at the last look.

    Attributes
    ----------
    name, directory, file, inode, size_bytes, mtime_ns
        Of the file; `file` is its base name.
    first_bytes, first_ns
        Size at the first look, and when file and directory were last changed before.
    is_new
        It was not there when its directory was first listed.
    number
        Of all files that this process found, in the order in which it found them.
    """

    name: PffName
    directory: Path
    file: str
    inode: int
    size_bytes: int
    mtime_ns: int
    first_bytes: int
    first_ns: int
    is_new: bool
    number: int = field(default_factory=_numbers.__next__)

    @property
    def path(self) -> Path:
        """Where it is: not kept, as a run may have many files."""
        return self.directory / self.file

    @property
    def is_snapshot(self) -> bool:
        """Whether it is rewritten in place."""
        return ".dp_" not in f".{self.file}"

    @property
    def order(self) -> tuple[float, int, str]:
        """Order of the files of a product: by the start time in their name, then by seqno."""
        start = self.name.start
        return start.timestamp() if start else 0.0, self.name.seqno, self.file

    def look(self) -> None:
        """Take note of size and time."""
        status = os.stat(self.path)
        self.size_bytes, self.mtime_ns = status.st_size, status.st_mtime_ns


class RunDir:
    """A directory below ``module_N`` and the files of the writer in it; listed once per change.

    Attributes
    ----------
    start_s
        When it began: by its name, else by the names of its files; 0 when unknown.
    has_start
        Whether its name has a start time.
    files
        By base name, without the snapshots.
    in_order
        The same, of each product.
    snapshots
        Files that are rewritten in place.
    refused
        Why entries that look like files of a run are left out.
    state
        State of the directory when it was listed; empty before.
    was_there
        It was there when following began.
    alive_ns
        When something was last written, by the times of the newest files; 0 when there are none.
    n_changes
        How often files with data came or went.
    """

    def __init__(self, path: Path, module_id: int, *, was_there: bool = False) -> None:
        self.path = path
        self.module_id = module_id
        self.was_there = was_there
        self.files: dict[str, RunFile] = {}
        self.in_order: dict[DataProduct, list[RunFile]] = {}
        self.snapshots: list[RunFile] = []
        self.refused: list[str] = []
        self.state: State = ()
        self.alive_ns = self.n_changes = 0
        self.start_s = named.timestamp() if (named := start_of(path.name)) else 0.0
        self.has_start = named is not None
        self._fresh: dict[str, RunFile] = {}
        self._growing: list[RunFile] = []
        self._listed_ns = 0
        self._burst_ns = 0
        self._forgot = False

    @property
    def has_data(self) -> bool:
        """Whether one of its files does."""
        return any(file.size_bytes for file in self._growing)

    @property
    def still_after_ns(self) -> int:
        """It stands still when it did not grow for so long."""
        return max(STILL_NS, 3 * self._burst_ns)

    @property
    def changed_ns(self) -> int:
        """When it or one of its files changed."""
        return max(self.alive_ns, self.state[3] if self.state else 0)

    def look(self, *, everything: bool = False) -> bool:
        """List it if it changed, and look how its newest files are, or all empty ones; whether it was listed.

        Raises
        ------
        OSError
            It is missing or unreadable.
        """
        state = state_of(self.path)
        is_changed = state != self.state or state[3] > self._listed_ns - SAME_TIME_NS
        if is_changed:
            now_ns = time.time_ns()
            self._list(state[3])
            self.state, self._listed_ns = state, now_ns
        before = self.alive_ns
        old = [file for file in self.files.values() if not file.size_bytes] if everything else []
        began = [file for file in (*self._growing, *old) if self._look_at(file)]
        if began:
            self.n_changes += 1
            self._fresh |= {file.file: file for file in began}
            self._sort()
        self.alive_ns = max((file.mtime_ns for file in self._growing), default=0)
        if 0 < before < self.alive_ns:
            self._burst_ns = max(self.alive_ns - before, self._burst_ns // 2)
        return is_changed

    @staticmethod
    def _look_at(file: RunFile) -> bool:
        """Look at a file; whether it had no data before."""
        was_empty = not file.size_bytes
        try:
            file.look()
        except OSError:  # deleted just now: the next listing says so
            return False
        return was_empty and file.size_bytes > 0

    def _list(self, dir_changed_ns: int) -> None:
        known, self.files, self.snapshots, self.refused = self.files, {}, [], []
        with os.scandir(self.path) as entries:
            for entry in entries:
                file = known.get(entry.name)
                if file is None or file.inode != entry.inode():
                    file = self._file(entry, dir_changed_ns)
                    if file is None:
                        continue
                    if file.is_snapshot:
                        self.snapshots.append(file)
                        continue
                    self._fresh[entry.name] = file
                self.files[entry.name] = file
        self._forgot = False
        self.n_changes += self.files != known
        self._fresh = {name: file for name, file in self._fresh.items() if name in self.files}
        self._sort()

    def _sort(self) -> None:
        """Find the files that may grow: the last two of each product that hold data, and the last empty ones."""
        self.in_order, self._growing = {}, []
        for file in sorted(self.files.values(), key=lambda file: file.order):
            self.in_order.setdefault(file.name.product, []).append(file)
        for files in self.in_order.values():
            with_data = itertools.islice((file for file in reversed(files) if file.size_bytes), 2)
            empty = itertools.islice((file for file in reversed(files) if not file.size_bytes), _N_EMPTY)
            self._growing += sorted([*with_data, *empty], key=lambda file: file.order)
        if not self.has_start and self.files:
            self.start_s = min(files[0].order[0] for files in self.in_order.values())

    def _file(self, entry: os.DirEntry[str], dir_changed_ns: int) -> RunFile | None:
        """Return what an entry is; None when it is no file of the writer."""
        if not is_of_writer(entry.name):
            return None
        try:
            name, status = pff_name(entry.name, self.module_id), entry.stat()
        except (PffError, OSError):
            return None
        why = "" if stat.S_ISREG(status.st_mode) else "it is not a regular file"
        if name.module_id != self.module_id:
            why = f"it is of module {name.module_id}"
        if why:
            self.refused.append(f"{self.path / entry.name} is left out: {why}")
            return None
        is_new = bool(self.state) and (not self._forgot or status.st_mtime_ns > self._listed_ns)
        size, changed_ns = status.st_size, status.st_mtime_ns
        first = size, min(changed_ns, dir_changed_ns)
        return RunFile(name, self.path, entry.name, entry.inode(), size, changed_ns, *first, is_new)

    def take(self) -> list[RunFile]:
        """Files that nobody took yet, in order."""
        fresh, self._fresh = self._fresh, {}
        return sorted(fresh.values(), key=lambda file: file.order)

    def may_grow(self, file: RunFile) -> bool:
        """Whether a file holds data, or is one of the last empty ones."""
        return bool(file.size_bytes) or file in self._growing

    def newest(self) -> dict[DataProduct, RunFile]:
        """Return the newest file with data of each product."""
        return {file.name.product: file for file in self._growing if file.size_bytes}

    def forget_old(self) -> None:
        """Keep only the newest files; for a run that nobody reads."""
        if len(self.files) > len(self._growing):
            self._forgot = True
            self.files = {file.file: file for file in self._growing}
            self._fresh = {name: file for name, file in self._fresh.items() if name in self.files}
            self._sort()
