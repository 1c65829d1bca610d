"""Which paths below a directory changed: inotify through watchfiles, or our own look when there is none.

The only user of watchfiles. Its `RustNotify` is called directly, because it takes the time between looks per
call: short while data flow (an append is seen after 1 to 2 ms), longer after a quiet second (64 idle modules
then cost 0.3 % of a core instead of 1.9 %).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchfiles._rust_notify import RustNotify

from panoseti_daq.errors import DataDirError

_log = logging.getLogger(__name__)

STEP_BUSY_MS: Final = 1  # smallest that watchfiles takes; it returns after one look without further changes
STEP_QUIET_MS: Final = 10  # latency of the first append after a quiet spell
DEBOUNCE_MS: Final = 4  # longest that a steady flow of changes is gathered
QUIET_AFTER_S: Final = 1.0
RESCAN_INTERVAL_S: Final = 5.0  # guards against events that never come

_MODIFIED: Final = 2  # watchfiles.Change.modified; 1 is added, 3 is deleted


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed.

    Attributes
    ----------
    modified
        Files that have other content.
    rescan
        Whether something appeared or vanished, or it is time for a look at everything.
    """

    modified: frozenset[str]
    rescan: bool


class DirectoryWatch:
    """Waits for changes below one directory, symlinked directories included.

    Owns an inotify instance until `close`. `wait` is for one thread; `stop` may be called from any.

    Parameters
    ----------
    root
        Directory to watch, with everything below it.
    rescan_interval_s
        At least this often `wait` asks for a look at everything.
    polling_interval_s
        Look at everything this often and do not use inotify at all; None to use inotify where it works.

    Raises
    ------
    DataDirError
        `root` is missing or unreadable.
    """

    def __init__(
        self,
        root: Path,
        *,
        rescan_interval_s: float = RESCAN_INTERVAL_S,
        polling_interval_s: float | None = None,
    ) -> None:
        try:
            os.scandir(root).close()  # RustNotify says nothing when it may ignore what it cannot read
        except OSError as error:
            raise DataDirError(f"cannot watch data directory {str(root)!r}: {error.strerror}") from error
        self._root = root
        self._stopping = threading.Event()
        self._rescan_interval_s = rescan_interval_s if polling_interval_s is None else polling_interval_s
        self._next_rescan = time.monotonic() + self._rescan_interval_s
        self._last_change = time.monotonic()
        self._notify: RustNotify | None = None
        self.mode = f"looking every {self._rescan_interval_s:g} s, as configured"
        if polling_interval_s is None:
            self._open()

    def _open(self) -> None:
        try:
            self._notify = RustNotify([str(self._root)], False, False, 0, True, True)
        except (FileNotFoundError, PermissionError) as error:
            raise DataDirError(f"cannot watch data directory {str(self._root)!r}: {error}") from error
        except OSError as error:  # inotify limits, or a file system without it
            self._rescan_interval_s = min(self._rescan_interval_s, 0.1)
            self._next_rescan = time.monotonic() + self._rescan_interval_s
            self.mode = f"looking every {self._rescan_interval_s:g} s, because inotify failed: {error}"
            _log.warning("%s: %s (for limits see fs.inotify.max_user_watches in sysctl)", self._root, self.mode)
        else:
            self.mode = "inotify"

    def reopen(self) -> None:
        """Watch anew, after the directory itself was replaced."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None
            self._open()

    def wait(self) -> Changes | None:
        """Block until something changed or a rescan is due; None after `stop`."""
        while not self._stopping.is_set():
            wait_s = self._next_rescan - time.monotonic()
            if wait_s <= 0:
                self._next_rescan = time.monotonic() + self._rescan_interval_s
                return Changes(frozenset(), rescan=True)
            if self._notify is None:
                self._stopping.wait(wait_s)
                continue
            busy = time.monotonic() - self._last_change < QUIET_AFTER_S
            wait_s = min(wait_s, QUIET_AFTER_S) if busy else wait_s
            step_ms = STEP_BUSY_MS if busy else STEP_QUIET_MS
            found = self._notify.watch(DEBOUNCE_MS, step_ms, max(1, int(wait_s * 1000)), self._stopping)
            if not isinstance(found, str):
                self._last_change = time.monotonic()
                modified = frozenset(path for change, path in found if change == _MODIFIED)
                return Changes(modified, rescan=any(change != _MODIFIED for change, _ in found))
        return None

    def stop(self) -> None:
        """Make `wait` return None soon, now and from then on."""
        self._stopping.set()

    def close(self) -> None:
        """Give the inotify instance back."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None
