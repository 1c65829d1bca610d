"""Probe of a data directory: whether a run is active (SPEC 4.1)."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Final

from panoseti_daq.config.settings import RunProbe
from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.sources.regular import open_regular
from panoseti_daq.sources.runs import LOOK_AT_ALL_S, ModuleRuns, module_dirs

PROCESS_NAME: Final = "hashpipe"
PID_FILE: Final = "daq_hashpipe_pid"  # written by the control software when it starts Hashpipe
_MOST_PID_CHARACTERS: Final = 100
_DEAD: Final = ("Z", "X")  # states of a zombie in /proc/PID/stat
# The writer hands out blocks of 16384 packets, over all modules of the node (SPEC 1.5): 82 s at 200 packets/s.
GROWN_WITHIN_S: Final = 600.0
_N_BURSTS_LATE: Final = 3
_MAX_BURST_S: Final = 3600.0


def why_inactive(probe: RunProbe, data_dir: Path, process_name: str = PROCESS_NAME) -> str | None:
    """Return the reason why no run is active in `data_dir` according to `probe`; None when one is.

    Reads /proc or the directory tree: call it in a thread.
    """
    match probe:
        case RunProbe.NONE:
            return None
        case RunProbe.PROCESS:
            found = any(_process_name(pid) == process_name for pid in os.listdir("/proc") if pid.isdigit())
            return None if found else f"no process is named {process_name!r}"
        case RunProbe.PID_FILE:
            return _why_pid_inactive(data_dir / PID_FILE)
        case RunProbe.GROWTH:
            newest_s, burst_s = _growths.setdefault(data_dir, _Growth(data_dir)).look()
            within_s = max(GROWN_WITHIN_S, _N_BURSTS_LATE * burst_s)
            return None if newest_s >= time.time() - within_s else f"no PFF file grew within {within_s:.3g} s"


def _process_name(pid: str) -> str:
    """Return the name of a process; empty when there is none, or only its exit code, which nobody fetched."""
    try:
        stat = Path("/proc", pid, "stat").read_text(errors="replace")
    except OSError:
        return ""
    name, _, fields = stat.partition("(")[2].rpartition(")")  # the name may hold parentheses
    return "" if fields.lstrip().startswith(_DEAD) else name


def _why_pid_inactive(path: Path) -> str | None:
    try:
        with open(open_regular(path), errors="replace") as file:
            pid = file.read(_MOST_PID_CHARACTERS).strip()
    except PffError:
        return f"{PID_FILE} is not a regular file"
    except OSError as error:
        return f"{PID_FILE} cannot be read: {error.strerror}"
    # Its content is left out: clients, who choose the directory, receive the reason.
    if not pid.isdigit():
        return f"{PID_FILE} holds something else instead of a process number"
    return None if _process_name(pid) else f"the process of {PID_FILE} is gone"


class _Growth:
    """Growth below a data directory; old runs are looked into as seldom as the source does. For any thread."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._modules: dict[int, ModuleRuns] = {}
        self._look_at_all_at = 0.0
        self._newest_s = self._pause_s = 0.0
        self._lock = threading.Lock()

    def look(self) -> tuple[float, float]:
        """Return when a file grew last, s since 1970, and the longest pause between bursts seen lately."""
        with self._lock:
            newest_s = self._newest()
            if self._newest_s and newest_s > self._newest_s:
                self._pause_s = max(min(newest_s - self._newest_s, _MAX_BURST_S), self._pause_s / 2)
            self._newest_s = newest_s
            return newest_s, self._pause_s

    def _newest(self) -> float:
        try:
            dirs = module_dirs(self._data_dir)
        except DataDirError:
            return 0.0
        everything = time.monotonic() >= self._look_at_all_at
        if everything:
            self._look_at_all_at = time.monotonic() + LOOK_AT_ALL_S
        self._modules = {m: self._modules.get(m) or ModuleRuns(path, m) for m, path in dirs.items()}
        return max((_newest_of(runs, everything=everything) for runs in self._modules.values()), default=0.0)


def _newest_of(runs: ModuleRuns, *, everything: bool) -> float:
    try:
        runs.list(everything=everything)
    except OSError:  # the other modules are not concerned
        return 0.0
    return max((run.alive_ns for run in runs.near), default=0) / 1e9


_growths: dict[Path, _Growth] = {}
