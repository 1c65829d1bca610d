"""Watch of directories: inotify through watchfiles, or regular looks of our own where inotify fails.

The only user of watchfiles. Its `RustNotify` is called directly, because it takes the time between looks per
call: short while data flow (an append is seen after 1 to 2 ms). It is not asked while a `Bell` is silent: quiet
modules cost nothing, and the first append after a quiet spell is seen at once, by a look at the files, before
watchfiles says which of them it was.

RustNotify says nothing when the kernel's queue of events overflows, when it may ignore errors and the limit of
watches is reached, or when a directory that came later cannot be watched; inotify itself says nothing of what
other hosts write to a network file system. So the directories are named one by one, no error is ignored, and a
look at the followed files every `WatchIntervals.look_s` finds unreported changes: see `DirectoryWatch.distrust`.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

from panoseti_daq.errors import DataDirError
from panoseti_daq.printable import sendable
from panoseti_daq.sources.bell import Bell
from panoseti_daq.sources.changes import Changes, WatchIntervals

_log = logging.getLogger(__name__)

STEP_BUSY_MS: Final = 1  # smallest that watchfiles takes; it returns after one look without further changes
STEP_QUIET_MS: Final = 8  # where there is no bell: seen after 8 to 16 ms; 64 modules: 0.3 % of a core
DEBOUNCE_MS: Final = 1  # longest that a steady flow of changes is gathered
QUIET_AFTER_S: Final = 1.0
# After a change watchfiles is asked for so long, should its thread be late; half of it when the bell was silenced.
# It is not silenced after each change of a dense flow: 40 us of the time until the frames are sent.
SILENT_AFTER_S: Final = 0.05
MAX_DISTRUST_S: Final = 3600.0

_INTERVALS: Final = WatchIntervals()
_MODIFIED: Final = 2  # watchfiles.Change.modified; 1 is added, 3 is deleted


class DirectoryWatch:
    """Watch of changes in directories below one root.

    Owns an inotify instance until `close`. `stop` may be called from any thread, the rest is for one.

    Parameters
    ----------
    root
        Data directory.
    polling_interval_s
        Look at the followed files this often and do not use inotify at all; None to use inotify where it works.
    intervals
        Intervals of looks without an event.
    open_notify
        Opens an inotify instance.

    Attributes
    ----------
    mode
        How changes are noticed, and the reason when not by events.

    Raises
    ------
    DataDirError
        `root` is missing or unreadable.
    """

    def __init__(
        self,
        root: Path,
        *,
        polling_interval_s: float | None = None,
        intervals: WatchIntervals = _INTERVALS,
        open_notify: Callable[..., RustNotify] = RustNotify,
    ) -> None:
        try:
            os.scandir(root).close()
        except OSError as error:
            raise DataDirError(f"cannot watch data directory {str(root)!r}: {error.strerror}") from error
        self._root = root
        self.mode = ""
        self._stopping = threading.Event()
        self._may_use_events = polling_interval_s is None
        self._directories: list[str] = [str(root)]
        self._notify: RustNotify | None = None
        self._bell = Bell()
        self._intervals = intervals
        self._open_notify = open_notify
        self._last_change = time.monotonic()
        self._ask_until = self._last_change + QUIET_AFTER_S
        self._rang = False  # and watchfiles has not yet said why
        self._is_silenced = True  # nothing that watchfiles reported may ring the bell
        self._next_rescan = self._last_change + intervals.rescan_s
        self._distrust_s = intervals.distrust_s
        self._is_distrusted = False
        self._open_again = math.inf  # without a reason to
        if polling_interval_s is not None:
            self._poll(polling_interval_s, "as configured")
        else:
            self._open()

    @property
    def uses_events(self) -> bool:
        """Whether inotify is expected to report changes."""
        return self._notify is not None

    def watch(self, directories: Collection[str]) -> None:
        """Watch the entries of `directories` from now on; earlier changes are not reported."""
        self._directories = sorted(directories)
        if self._may_use_events and not self._is_distrusted:
            self._open()

    def _open(self) -> None:
        old, self._notify = self._notify, None
        while True:
            try:
                there = [path for path in self._directories if _can_be_watched(path)]
                self._notify = self._open_notify(there, False, False, 0, False, False)
                self._hang_bell(there)
            except FileNotFoundError:  # it was just deleted
                continue
            except (OSError, WatchfilesRustInternalError) as error:  # limits, or a file system without inotify
                self._open_again = (
                    time.monotonic() + self._intervals.distrust_s
                )  # what is used up may be free by then
                hint = "for limits see fs.inotify.max_user_watches and max_user_instances in sysctl"
                self._poll(self._intervals.polling_s, f"because inotify failed: {error} ({hint})", warn=True)
            else:
                self.mode = "inotify"
                self._open_again = math.inf
                self._look_interval_s = min(self._intervals.look_s, self._intervals.rescan_s)
                self._next_look = time.monotonic() + self._look_interval_s
            break
        if old is not None:
            old.close()

    def _hang_bell(self, directories: list[str]) -> None:
        """Let the bell ring for the same directories; without it watchfiles is asked more often."""
        try:
            self._bell.hang(directories)
        except OSError as error:
            _log.debug("no bell for %s: %s", self._root, error)

    def _poll(self, interval_s: float, why: str, warn: bool = False) -> None:
        self._look_interval_s = interval_s
        self._next_look = time.monotonic() + interval_s
        mode = f"polling every {interval_s:g} s, {why}"
        if warn and self.mode != mode:
            _log.warning("%s: %s", self._root, mode)
        self.mode = mode

    def distrust(self, what: str) -> None:
        """Poll for a while, because inotify did not report `what`; then try it again."""
        self._is_distrusted = True
        self._open_again = time.monotonic() + self._distrust_s
        self._distrust_s = min(2 * self._distrust_s, MAX_DISTRUST_S)
        if self._notify is not None:
            self._notify.close()
            self._notify = None
        self._bell.take_down()
        why = "its queue was too short (fs.inotify.max_queued_events) or the file system has no events"
        self._poll(self._intervals.polling_s, f"because inotify did not report {what}: {why}", warn=True)

    def rest(self, at_least_s: float) -> None:
        """Block until the last change is `at_least_s` ago, or `stop`: what comes meanwhile is seen together."""
        if (rest_s := self._last_change + at_least_s - time.monotonic()) > 0:
            self._stopping.wait(rest_s)

    def wait(self) -> Changes | None:
        """Block until something changed, or a look or rescan is due; None after `stop`."""
        while not self._stopping.is_set():
            now = time.monotonic()
            if self._open_again <= now:
                self._is_distrusted = False
                self._open()
                return Changes(frozenset(), rescan=True)
            wait_s = min(self._next_look, self._next_rescan) - now
            modified: frozenset[str] = frozenset()
            appeared = False
            if self._notify is None:
                self._stopping.wait(max(0.0, wait_s))
            elif self._bell.is_hung and now >= self._ask_until and wait_s > 0:
                if not self._is_silenced:
                    self._bell.silence()
                    self._is_silenced = True
                    self._ask_until = now + SILENT_AFTER_S / 2
                elif self._bell.wait(wait_s) and not self._stopping.is_set():
                    self._rang = True
                    self._last_change = time.monotonic()
                    self._ask_until = self._last_change + QUIET_AFTER_S
                    return Changes(frozenset(), rescan=False, rang=True)
            else:
                modified, appeared = self._events(self._notify, wait_s)
            if self._stopping.is_set():
                break
            now = time.monotonic()
            look, rescan = self._next_look <= now, self._next_rescan <= now
            if look:
                self._next_look = now + self._look_interval_s
            if rescan:
                self._next_rescan = now + self._intervals.rescan_s
            if modified or appeared or look or rescan:
                return Changes(modified, appeared or rescan, look and not appeared)
        return None

    def _events(self, notify: RustNotify, wait_s: float) -> tuple[frozenset[str], bool]:
        """Files that were modified, and whether something appeared or vanished, within `wait_s`."""
        now = time.monotonic()
        busy = now < self._ask_until or wait_s <= 0
        if busy:
            wait_s = min(wait_s, self._ask_until - now)
        step_ms = STEP_BUSY_MS if busy else STEP_QUIET_MS
        try:
            found = notify.watch(DEBOUNCE_MS, step_ms, max(1, int(wait_s * 1000)), self._stopping)
        except WatchfilesRustInternalError as error:
            self.distrust(f"what happened ({error})")
            return frozenset(), True
        if self._rang or not isinstance(found, str):
            self._rang = False
            self._last_change = time.monotonic()
            self._ask_until = self._last_change + (SILENT_AFTER_S / 2 if self._bell.is_hung else QUIET_AFTER_S)
            self._is_silenced = False
        if isinstance(found, str):
            return frozenset(), False
        modified = frozenset(path for change, path in found if change == _MODIFIED)
        return modified, any(change != _MODIFIED for change, _ in found)

    def stop(self) -> None:
        """Make `wait` return None soon, now and from then on."""
        self._stopping.set()
        self._bell.ring()

    def close(self) -> None:
        """Give the inotify instances back."""
        self._bell.close()
        if self._notify is not None:
            self._notify.close()
            self._notify = None


def _can_be_watched(path: str) -> bool:
    """Whether a directory is there and readable, and has a name that watchfiles takes; looks notice the others."""
    return sendable(path) == path and os.path.isdir(path) and os.access(path, os.R_OK)
