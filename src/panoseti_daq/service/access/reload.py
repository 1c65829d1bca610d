"""Reloading of files that may be replaced while the server runs: certificates and tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

LOOK_EVERY_S: Final = 1.0
# Two to four stat calls: cheaper than an inotify instance, and they see a renamed link (as Kubernetes and certbot
# replace files) and NFS as well.

Fingerprint = tuple[tuple[int, int, int] | None, ...]
"""Changes when files are replaced or rewritten."""


class Reloadable(Protocol):
    """Something made from files."""

    async def reload(self) -> None:
        """Take the files as they are now if they changed; keep what there is when they are bad, and log it."""
        ...


def fingerprint_of(*files: Path) -> Fingerprint:
    """Return the fingerprint of files; a missing file has one, too."""
    return tuple(map(_fingerprint, files))


def _fingerprint(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


async def keep_up_to_date(reloadables: Sequence[Reloadable]) -> None:
    """Look at the files every `LOOK_EVERY_S` until cancelled."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for reloadable in reloadables:
            await reloadable.reload()
