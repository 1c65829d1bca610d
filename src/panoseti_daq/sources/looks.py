"""Looks at directories and files that notice what events did not report: comparison with the last scan."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from panoseti_daq.sources.regular import State, state_of

_EVENT_WITHIN_NS: Final = 300_000_000  # a change older than this was missed by events


@dataclass(frozen=True, slots=True)
class Look:
    """Result of one look at the followed files.

    Attributes
    ----------
    modified
        Files that are not as they were when they were last read.
    rescan
        Whether something appeared or vanished.
    missed
        Of `modified` those that changed so long ago that an event should have reported it.
    """

    modified: frozenset[str]
    rescan: bool
    missed: frozenset[str]


class LastScan:
    """States of directories, and of other paths that matter, as they were at the last scan; for one thread."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def begin(self) -> None:
        """Begin a new scan."""
        self._states = {}

    def note(self, paths: Iterable[Path]) -> None:
        """Remember the states of directories, before they are listed."""
        for path in paths:
            # The first state counts: what changes while the scan runs is then found by the next look.
            if str(path) not in self._states:
                try:
                    self._states[str(path)] = state_of(path)
                except OSError:
                    continue

    def note_as(self, path: Path, state: State) -> None:
        """Remember a state that is known, unless there is one."""
        self._states.setdefault(str(path), state)

    @property
    def identities(self) -> dict[str, tuple[int, int]]:
        """Device and inode of each path."""
        return {path: (state[0], state[1]) for path, state in self._states.items()}

    @property
    def is_over(self) -> bool:
        """Whether something appeared in a directory or vanished since."""
        for path, before in self._states.items():
            try:
                if state_of(path) != before:
                    return True
            except OSError:
                return True
        return False


def missed_by_events(modified: Iterable[str]) -> frozenset[str]:
    """Return those of the files that changed so long ago that an event should have reported it."""
    before_ns = time.time_ns() - _EVENT_WITHIN_NS
    return frozenset(path for path in modified if _is_older(path, before_ns))


def _is_older(path: str, unix_ns: int) -> bool:
    try:
        return os.stat(path).st_mtime_ns < unix_ns
    except OSError:
        return False
