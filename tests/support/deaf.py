"""An inotify that is deaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from panoseti_daq.sources.inotify import Inotify
from panoseti_daq.sources.watch import DirectoryWatch, WatchIntervals


class Deaf(Inotify):
    """An inotify that tells nothing, as on a network file system."""

    def watch(self, directories: Iterable[str]) -> None:
        super().watch(())


def deaf_watch(look_s: float) -> Callable[..., DirectoryWatch]:
    """Return what makes the watch of a `RunSource` that hears nothing, and compares files every `look_s`."""
    return partial(DirectoryWatch, intervals=WatchIntervals(look_s=look_s), make_inotify=Deaf)
