"""Level of a data directory: what to say when it is a module, a run, or the directory above."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Final

from panoseti_daq.pff.names import FILE_SUFFIX, module_dir_id

_N_ENTRIES: Final = 100  # that are looked at, and how many of these are looked into
_N_NAMED: Final = 5


def why_no_modules(data_dir: Path) -> str:
    """Return what lies in a data directory without ``module_N``, and what was expected."""
    names = _names(data_dir)
    expected = "expected: the directory that holds module_N/RUN/FILE"
    if module_dir_id(data_dir.name) is not None:
        return f"{data_dir} is the directory of a module; {expected}, which is {data_dir.parent}"
    if any(name.endswith(FILE_SUFFIX) for name in names):
        return f"{data_dir} holds {FILE_SUFFIX} files itself, as a run does; {expected}"
    for name in names:
        if any(module_dir_id(below) is not None for below in _names(data_dir / name)):
            return f"{data_dir} holds no module_N, but {data_dir / name} does; {expected}"
    more = ", ..." if len(names) > _N_NAMED else ""
    there_are = f"there are: {', '.join(map(repr, names[:_N_NAMED]))}{more}" if names else "it is empty"
    return f"{data_dir} holds no module_N yet; {there_are}"


def _names(directory: Path) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in islice(entries, _N_ENTRIES))
    except OSError:  # a file, or nothing that we may read
        return []
