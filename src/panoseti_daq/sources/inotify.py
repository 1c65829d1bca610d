"""Inotify: wakes a thread as soon as something changes in some directories, and says what."""

from __future__ import annotations

import ctypes
import errno
import functools
import math
import os
import select
import threading
from collections.abc import Iterable
from contextlib import suppress
from struct import Struct
from typing import Final, NamedTuple

# inotify(7): modified, attributes
_MODIFIED: Final = 0x2 | 0x4
# Moved from and to, created, deleted, the directory itself deleted or moved.
_APPEARED: Final = 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
# Unmounted, and the queue overflowed: then everything may have changed.
_LOST: Final = 0x2000 | 0x4000
_MASK: Final = _MODIFIED | _APPEARED | 0x01000000  # of directories only
_EVENT: Final = Struct("iIII")  # watch, mask, cookie, length of the name that follows
_EVENTS_BYTES: Final = 1 << 16
_MOST_KNOWN: Final = 4096
_UNREADABLE: Final = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG}
_REASONS: Final = {
    errno.ENOSPC: "OS file watch limit reached",  # by default "no space left on device"
    errno.EMFILE: "too many inotify instances, or open files",
}


class Found(NamedTuple):
    """Result of one read.

    Attributes
    ----------
    modified
        Paths that have other content or attributes.
    appeared
        Whether something appeared or vanished, or events were lost.
    """

    modified: frozenset[str]
    appeared: bool


class Inotify:
    """Changes of the entries of directories, until `close`; `ring` is for any thread, the rest for one.

    The kernel queues events (fs.inotify.max_queued_events); when that is full, `read` reports that something
    appeared.
    """

    def __init__(self) -> None:
        self._rung = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._events: int | None = None
        self._directories: dict[int, list[str]] = {}  # by watch; several paths may lead to one directory
        self._known: dict[bytes, tuple[str, ...]] = {}  # paths of modifications that came before
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def is_watching(self) -> bool:
        """Whether changes are reported."""
        return self._events is not None

    def watch(self, directories: Iterable[str]) -> None:
        """Report changes in `directories` from now on, and in no others.

        Those that are missing or unreadable are left out.

        Raises
        ------
        OSError
            The system has no inotify, or its limits are reached; nothing is reported then.
        """
        self.forget()
        events = _checked(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        try:
            for directory in directories:
                watch = _libc().inotify_add_watch(events, os.fsencode(directory), _MASK)
                if watch >= 0 or ctypes.get_errno() not in _UNREADABLE:  # looks notice these
                    self._directories.setdefault(_checked(watch), []).append(directory)
        except OSError:
            os.close(events)
            self._directories.clear()
            raise
        self._events = events

    def forget(self) -> None:
        """Report no changes, not even those until now."""
        self._directories.clear()
        self._known.clear()
        if self._events is not None:
            os.close(self._events)
            self._events = None

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change that was not read, or for `ring`; return False after `timeout_s` without."""
        waiting = select.poll()
        for descriptor in (self._events, self._rung):
            if descriptor is not None:
                waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(max(0, math.ceil(timeout_s * 1000))))

    def read(self) -> Found:
        """Return what changed since the last call; does not wait."""
        modified: set[str] = set()
        appeared = False
        with suppress(BlockingIOError):  # when there is no more
            while self._events is not None:
                data = os.read(self._events, _EVENTS_BYTES)
                appeared |= self._note(data, modified)
                if len(data) < _EVENTS_BYTES // 2:  # it did not end for lack of room
                    break
        return Found(frozenset(modified), appeared)

    def _note(self, data: bytes, modified: set[str]) -> bool:
        """Add what was modified; return whether something appeared."""
        at, appeared, known = 0, False, self._known
        while at < len(data):
            watch, mask, _, n_bytes = _EVENT.unpack_from(data, at)
            begin, at = at, at + _EVENT.size + n_bytes
            if (paths := known.get(data[begin:at])) is None:  # nearly always the same files are written
                appeared |= bool(mask & (_APPEARED | _LOST))
                if not mask & _MODIFIED:
                    continue
                name = os.fsdecode(data[begin + _EVENT.size : at].rstrip(b"\0"))
                paths = tuple(os.path.join(d, name) if name else d for d in self._directories.get(watch, ()))
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[data[begin:at]] = paths
            modified.update(paths)
        return appeared

    def ring(self) -> None:
        """Make every `wait` return, now and from then on; nothing once it is closed."""
        with self._lock:  # the number of a closed descriptor may be that of somebody else's file by now
            if not self._is_closed:
                os.eventfd_write(self._rung, 1)

    def close(self) -> None:
        """Give everything back."""
        self.forget()
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._rung)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    """Return what a function of libc returned, unless it failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, _REASONS.get(number, os.strerror(number)))
    return result
