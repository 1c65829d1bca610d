"""An inotify that is deaf."""

from __future__ import annotations


class Deaf:
    """An inotify that tells nothing, as after an overflow of its queue or on a network file system."""

    def __init__(self, *_: object) -> None: ...

    def watch(self, debounce_ms: int, step_ms: int, timeout_ms: int, stopping: object) -> str:
        stopping.wait(timeout_ms / 1000)  # type: ignore[attr-defined]
        return "timeout"

    def close(self) -> None: ...
