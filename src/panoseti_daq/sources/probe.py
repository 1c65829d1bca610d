"""Probe of a data directory: whether a run is active (SPEC 4.1)."""

from __future__ import annotations

import glob
import os
import time
from pathlib import Path
from typing import Final

from panoseti_daq.config.settings import RunProbe
from panoseti_daq.errors import DataDirError
from panoseti_daq.pff.names import FILE_SUFFIX
from panoseti_daq.sources.runs import module_dirs

PROCESS_NAME: Final = "hashpipe"
PID_FILE: Final = "daq_hashpipe_pid"  # written by the control software when it starts Hashpipe
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
            newest_s, burst_s = _newest_growth(data_dir)
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
        pid = path.read_text(errors="replace").strip()
    except OSError as error:
        return f"{PID_FILE} cannot be read: {error.strerror}"
    # Its content is left out: clients, who choose the directory, receive the reason.
    if not pid.isdigit():
        return f"{PID_FILE} holds something else instead of a process number"
    return None if _process_name(pid) else f"the process of {PID_FILE} is gone"


# newest growth seen in a data directory, and the longest pause in it
_bursts: dict[Path, tuple[float, float]] = {}


def _newest_growth(data_dir: Path) -> tuple[float, float]:
    """Return when a file grew last, s since 1970, and the longest pause between bursts seen lately."""
    newest_s = _newest_mtime(data_dir)
    before_s, pause_s = _bursts.get(data_dir, (0.0, 0.0))
    if before_s and newest_s > before_s:
        pause_s = max(min(newest_s - before_s, _MAX_BURST_S), pause_s / 2)
    _bursts[data_dir] = newest_s, pause_s
    return newest_s, pause_s


def _newest_mtime(data_dir: Path) -> float:
    newest = 0.0
    try:
        directories = module_dirs(data_dir).values()
    except DataDirError:
        return newest
    for directory in directories:
        for path in glob.iglob(f"*/*{FILE_SUFFIX}", root_dir=directory):
            try:
                newest = max(newest, (directory / path).stat().st_mtime)
            except OSError:
                continue
    return newest
