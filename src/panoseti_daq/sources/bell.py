"""Bell: wakes a thread as soon as something changes in some directories, by an inotify instance of its own.

watchfiles has to be asked again and again, and each question takes time; it is not asked while the bell is silent.
The bell does not say what changed: watchfiles knows that.
"""

from __future__ import annotations

import ctypes
import os
import select
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

# inotify(7): modified, moved from and to, created, deleted, the directory itself deleted or moved
_MASK: Final = 0x2 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
_EVENTS_BYTES: Final = 1 << 16


class Bell:
    """Bell for changes in directories, until `close`; `ring` is for any thread, the rest for one."""

    def __init__(self) -> None:
        self._rung = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._changes: int | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    @property
    def is_hung(self) -> bool:
        """Whether it rings for changes."""
        return self._changes is not None

    def hang(self, directories: Iterable[str]) -> None:
        """Ring for changes in `directories` from now on, and for no others.

        Raises
        ------
        OSError
            The system has no inotify, or its limits are reached; it rings for nothing then.
        """
        self.take_down()
        libc = ctypes.CDLL(None, use_errno=True)
        if (changes := libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)) < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        for directory in directories:
            if libc.inotify_add_watch(changes, os.fsencode(directory), _MASK) < 0:
                os.close(changes)
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
        self._changes = changes

    def take_down(self) -> None:
        """Ring for no changes."""
        if self._changes is not None:
            os.close(self._changes)
            self._changes = None

    def silence(self) -> None:
        """Forget the changes until now."""
        with suppress(BlockingIOError):  # when there is no more
            while self._changes is not None:
                os.read(self._changes, _EVENTS_BYTES)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a change that was not forgotten, or for `ring`; return False after `timeout_s` without."""
        waiting = select.poll()
        for descriptor in (self._changes, self._rung):
            if descriptor is not None:
                waiting.register(descriptor, select.POLLIN)
        return bool(waiting.poll(max(0, round(timeout_s * 1000))))

    def ring(self) -> None:
        """Make every `wait` return, now and from then on; nothing once it is closed."""
        with self._lock:  # the number of a closed descriptor may be that of somebody else's file by now
            if not self._is_closed:
                os.eventfd_write(self._rung, 1)

    def close(self) -> None:
        """Give everything back."""
        self.take_down()
        with self._lock:
            self._is_closed = True
            os.close(self._rung)
