"""Watch of directories: inotify, or regular looks where inotify fails.

A change after a quiet spell is reported at once. While data flow, changes are gathered for `GATHER_S`, so that
many files are read together and each file less often.

Inotify says nothing of what other hosts write to a network file system, nor of a directory that came later and is
not named yet. So the directories are named one by one, and a look at the followed files every
`WatchIntervals.look_s` finds unreported changes: see `DirectoryWatch.distrust`.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.errors import DataDirError
from panoseti_daq.sources.inotify import Found, Inotify

_log = logging.getLogger(__name__)

GATHER_S: Final = 0.003  # between two reports while data flow
MAX_DISTRUST_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class WatchIntervals:
    """Intervals of looks without an event.

    Attributes
    ----------
    look_s
        Compare the followed files this often: bounds how late a change without an event is seen.
    rescan_s
        Look at everything this often: guards against what a comparison does not see; takes 0.4 ms per module.
    polling_s
        Compare this often where inotify fails: 64 modules of 4 files cost 1 % of a core.
    distrust_s
        Try inotify again after this time, and after twice as long each further time.
    """

    look_s: float = 5.0
    rescan_s: float = 60.0
    polling_s: float = 0.1
    distrust_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes reported by events, and what is due.

    Attributes
    ----------
    modified
        Files that have other content.
    rescan
        Whether something appeared or vanished, or it is time for a look at everything.
    look
        Whether it is time to compare every followed file with what is known of it.
    """

    modified: frozenset[str]
    rescan: bool
    look: bool = False


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
    make_inotify
        Makes the inotify.

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
        intervals: WatchIntervals = WatchIntervals(),
        make_inotify: Callable[[], Inotify] = Inotify,
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
        self._inotify = make_inotify()
        self._intervals = intervals
        self._gathered_at = 0.0  # when changes were last reported
        self._next_rescan = time.monotonic() + intervals.rescan_s
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
        return self._inotify.is_watching

    def watch(self, directories: Collection[str]) -> None:
        """Watch the entries of `directories` from now on; earlier changes are not reported."""
        self._directories = sorted(directories)
        if self._may_use_events and not self._is_distrusted:
            self._open()

    def _open(self) -> None:
        try:
            self._inotify.watch(self._directories)
        except OSError as error:  # limits, or a file system without inotify
            self._open_again = time.monotonic() + self._intervals.distrust_s  # what is used up may be free by then
            hint = "for limits see fs.inotify.max_user_watches and max_user_instances in sysctl"
            why = f"because inotify failed: {error.strerror or error} ({hint})"
            self._poll(self._intervals.polling_s, why, warn=True)
        else:
            self.mode = "inotify"
            self._open_again = math.inf
            self._look_interval_s = min(self._intervals.look_s, self._intervals.rescan_s)
            self._next_look = time.monotonic() + self._look_interval_s

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
        self._inotify.forget()
        why = "its queue was too short (fs.inotify.max_queued_events) or the file system has no events"
        self._poll(self._intervals.polling_s, f"because inotify did not report {what}: {why}", warn=True)

    def wait(self) -> Changes | None:
        """Block until something changed, or a look or rescan is due; None after `stop`."""
        while not self._stopping.is_set():
            now = time.monotonic()
            if self._open_again <= now:
                self._is_distrusted = False
                self._open()
                return Changes(frozenset(), rescan=True)
            wait_s = min(self._next_look, self._next_rescan) - now
            modified, appeared = self._changes(wait_s)
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

    def _changes(self, wait_s: float) -> Found:
        """Files that were modified, and whether something appeared or vanished, within `wait_s`."""
        if not self._inotify.wait(wait_s) or self._stopping.is_set():
            return Found(frozenset(), appeared=False)
        if (rest_s := self._gathered_at + GATHER_S - time.monotonic()) > 0:
            time.sleep(rest_s)
        self._gathered_at = time.monotonic()
        return self._inotify.read()

    def stop(self) -> None:
        """Make `wait` return None soon, now and from then on."""
        self._stopping.set()
        self._inotify.ring()

    def close(self) -> None:
        """Give the inotify instance back."""
        self._inotify.close()
