"""Counts of work: no clock, and no machine that is busy."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count what this thread calls: `calls` of any function, and those of the system by name, as ``scandir``."""
    counts: Counter[str] = Counter()

    def note(frame: FrameType, event: str, called: Any) -> None:
        if event in ("call", "c_call"):
            counts["calls"] += 1
        if event == "c_call" and getattr(called, "__module__", "") == "posix":
            counts[called.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield counts
    finally:
        sys.setprofile(before)
