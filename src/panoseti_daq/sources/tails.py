"""Tails of the files that are followed: few are open at once, and no deleted file stays open."""

from __future__ import annotations

import logging
import resource
import sys
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import FrameBlock, ModuleProduct
from panoseti_daq.sources.tail import Tail

_log = logging.getLogger(__name__)

_STILL_S: Final = 2.0  # after so long without growth, a file that grows again is the newer one
_KEPT: Final = 48  # descriptors of the server itself (20) and of its first clients
_FEWEST_OPEN: Final = 8


def most_open() -> int:
    """Return how many files may be open at once: half of what the process may open beside its own needs."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if allowed == resource.RLIM_INFINITY else max(_FEWEST_OPEN, (allowed - _KEPT) // 2)


class Tails:
    """Tails of the files that are followed; for one thread.

    Parameters
    ----------
    complain
        Called with what is wrong with a file.
    settled_after_s
        A file that a later one replaced is closed when it did not grow for this time.
    n_most_open
        Files that may be open at once; those that grew last stay open.

    Attributes
    ----------
    followed
        By path.
    """

    def __init__(self, complain: Callable[[str], None], settled_after_s: float, n_most_open: int) -> None:
        self.followed: dict[str, Tail] = {}
        self._complain = complain
        self._settled_after_s = settled_after_s
        self._n_most_open = n_most_open
        self._settled: dict[str, Tail] = {}  # complete, as far as we know; the cursor is kept
        self._gone: list[Tail] = []  # deleted, but what we hold open can be read to its end
        self._newest: dict[ModuleProduct, Tail] = {}

    def __contains__(self, path: object) -> bool:
        """Return whether the file at `path` is known: followed or settled."""
        return path in self.followed or path in self._settled

    def add(self, tail: Tail) -> None:
        """Follow another file; it is newer than all others of its module and product."""
        self.followed[str(tail.path)] = tail
        self._newest[tail.name.module_id, tail.name.product] = tail

    def drop(self, path: str) -> None:
        """Stop following a file."""
        if (tail := self.followed.pop(path, None)) is not None:
            tail.close()

    def renew(self, directory: Path) -> None:
        """Make the files of a directory newer than those of others."""
        known = [*self.followed.values(), *self._settled.values()]
        for tail in sorted(known, key=lambda tail: tail.generation):
            if tail.path.parent == directory:
                self._renew(tail)

    def _renew(self, tail: Tail) -> None:
        tail.renew()
        self._newest[tail.name.module_id, tail.name.product] = tail

    def let_go_of_gone(self) -> None:
        """Forget files that vanished, so that new ones of the same name are added; wake those that changed."""
        for path in [path for path, tail in self.followed.items() if not tail.stands()]:
            self._gone.append(self.followed.pop(path))
        for path, tail in list(self._settled.items()):
            if not tail.stands():
                del self._settled[path]
            elif tail.changed():
                self.followed[path] = self._settled.pop(path)

    def let_go_of_settled(self, present: Collection[str]) -> None:
        """Close files that a later one replaced and that have settled; `present` are those that were not."""
        now = time.monotonic()
        for path, tail in list(self.followed.items()):
            if path not in present and now - tail.grew_at > self._settled_after_s and not tail.changed():
                self._settle(tail)

    def modified(self) -> frozenset[str]:
        """Return the paths of files that changed since they were last read."""
        return frozenset(path for path, tail in self.followed.items() if tail.changed())

    def read(self, paths: Collection[str] | None = None) -> Iterator[FrameBlock]:
        """Yield what was appended to the files at `paths`; None for all that are followed."""
        tails = list(self.followed.values()) if paths is None else self._known(paths)
        gone, self._gone = self._gone, []
        try:
            # The last bytes of a file come before the beginning of its successor.
            for tail in sorted([*gone, *tails], key=lambda tail: tail.generation):
                try:
                    yield from self._read(tail)
                except PffError as error:
                    self._complain(f"{tail.path} is not followed: {error}")
                    self._settle(tail)
                except OSError as error:
                    if tail not in gone:
                        self._complain(f"{tail.path} cannot be read: {error.strerror}")
        finally:
            for tail in gone:
                tail.close()
                _log.info("%s is gone after %d frames", tail.path.name, tail.n_frames)

    def _read(self, tail: Tail) -> Iterator[FrameBlock]:
        is_gone = str(tail.path) not in self.followed
        if is_gone and not tail.is_open:  # another file may have its name by now
            return
        newest = self._newest.get((tail.name.module_id, tail.name.product), tail)
        if newest is not tail and tail.n_frames and time.monotonic() - newest.grew_at > _STILL_S and tail.grows():
            self._renew(tail)  # a name proposes, growth decides
        was_open = tail.is_open
        yield from tail.read()
        if not was_open:
            self._bound()

    def _bound(self) -> None:
        """Close the files that grew the longest ago, if too many are open; their cursors stay."""
        opened = [tail for tail in self.followed.values() if tail.is_open]
        if len(opened) > self._n_most_open:
            for tail in sorted(opened, key=lambda tail: tail.grew_at)[: len(opened) - self._n_most_open]:
                tail.close()

    def _known(self, paths: Collection[str]) -> list[Tail]:
        for path in paths:
            if path in self._settled:
                self.followed[path] = self._settled.pop(path)
        return [self.followed[path] for path in paths if path in self.followed]

    def _settle(self, tail: Tail) -> None:
        tail.close()
        if self.followed.pop(str(tail.path), None):
            self._settled[str(tail.path)] = tail

    def close(self) -> None:
        """Close all files."""
        for tail in [*self.followed.values(), *self._gone]:
            tail.close()
