"""An inotify that is deaf."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from panoseti_daq.sources.changes import WatchIntervals
from panoseti_daq.sources.watch import DirectoryWatch


class Deaf:
    """An inotify that tells nothing, as after an overflow of its queue or on a network file system."""

    def __init__(self, *_: object) -> None: ...

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stopping: object) -> str:
        stopping.wait(timeout_ms / 1000)  # type: ignore[attr-defined]
        return "timeout"

    def close(self) -> None: ...


def deaf_watch(look_s: float) -> Callable[..., DirectoryWatch]:
    """Return what makes the watch of a `RunSource` that hears nothing, and compares files every `look_s`."""
    return partial(DirectoryWatch, intervals=WatchIntervals(look_s=look_s), open_notify=Deaf)  # type: ignore[arg-type]
