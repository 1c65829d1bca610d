"""Files that may be replaced while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from panoseti_daq.errors import ConfigError

LOOK_EVERY_S: Final = 1.0
# Two to four stat calls: cheaper than an inotify instance, and they see a renamed link (as Kubernetes and certbot
# replace files) and NFS as well.
MAX_FILE_BYTES: Final = 1 << 20  # a bundle of all public authorities has a quarter of it

Signature = tuple[tuple[int, int, int] | None, ...]
"""What changes when files are replaced or rewritten."""


class Reloadable(Protocol):
    """Something made from files."""

    async def reload(self) -> None:
        """Take the files as they are now if they changed; keep what there is when they are bad, and log it."""
        ...


def signature_of(*files: Path) -> Signature:
    """Signature of files; a file that is not there has one, too."""
    return tuple(map(_sign, files))


def _sign(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def read_config(file: Path, key: str, allowed: str) -> bytes:
    """Content of a small file.

    Parameters
    ----------
    file
        What to read.
    key
        Setting that names it, for the error.
    allowed
        What the file may be, for the error.

    Raises
    ------
    ConfigError
        It cannot be read, or is far too large.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{key}: {file} cannot be read: {error.strerror}; {allowed}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{key}: {file} has more than {MAX_FILE_BYTES} bytes; {allowed}")
    return content


async def keep_up_to_date(reloadables: Sequence[Reloadable]) -> None:
    """Look at the files again and again until it is cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for reloadable in reloadables:
            await reloadable.reload()
