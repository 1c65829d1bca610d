"""Modules of a data directory, and the active run of each (SPEC 1.4)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.pff import RunName
from panoseti_daq.pff.names import module_dir_id

RUN_NAME_FILE: Final = "daq_run_name"  # the control software names the active run in it


def module_dirs(data_dir: Path) -> dict[int, Path]:
    """Return the directories ``module_N`` of a data directory, by module; symlinks count.

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
    except (
        OSError
    ):  # a link that leads nowhere we may go: opening it gives the reason, and the others are unaffected
        return True


def active_run_name(data_dir: Path) -> str | None:
    """Return the name of the active run as the control software wrote it; None when it did not."""
    try:
        return (data_dir / RUN_NAME_FILE).read_text(errors="replace").strip()
    except OSError:
        return None


def active_run(module_dir: Path, run_name: str | None) -> Path | None:
    """Return the run directory to follow: the one that `run_name` names, else the one that started last."""
    if run_name and os.path.isdir(named := module_dir / run_name):  # False for a name that no file can have
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
