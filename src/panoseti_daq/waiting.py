"""Waiting for a future in the main thread, where signals are handled."""

from __future__ import annotations

from concurrent.futures import Future, wait
from typing import Final, TypeVar

_STEP_S: Final = 0.2

_T = TypeVar("_T")


def result_of(future: Future[_T]) -> _T:
    """Return the result of `future`, or raise what it raised; signals are handled meanwhile, and may not raise.

    Python handles a signal that comes just before a wait for a lock at the end of that wait; so it waits in steps.
    """
    while not wait([future], _STEP_S).done:
        pass
    return future.result()
