"""Names of files and runs in messages from anybody."""

from __future__ import annotations

from typing import Final

from panoseti_daq.errors import PffError

_MAX_NAME_BYTES: Final = 255  # no file system has longer names


def check_name(name: str) -> None:
    """Refuse what may not be a base name, of a run or file, in a message from anybody.

    Raises
    ------
    PffError
        It is a path, hidden, or longer than a file system allows.
    """
    is_path = "/" in name or "\0" in name or name.startswith(".")
    if is_path or len(name.encode()) > _MAX_NAME_BYTES:
        shown = name if len(name) <= _MAX_NAME_BYTES else f"{name[:_MAX_NAME_BYTES]}..."
        raise PffError(f"{shown!r} is not the name of a run or file")
