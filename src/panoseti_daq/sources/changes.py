"""What a watch reports, and how often it looks without being told."""

from __future__ import annotations

from dataclasses import dataclass


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
    rang
        Whether something changed just now, after a quiet spell; the next changes say what.
    """

    modified: frozenset[str]
    rescan: bool
    look: bool = False
    rang: bool = False
