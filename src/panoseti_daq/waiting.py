"""Waiting for a future in the main thread, where signals are handled."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Final, TypeVar

_STEP_S: Final = 0.2

_T = TypeVar("_T")


def result_of(future: Future[_T]) -> _T:
    """Return the result of `future`, or raise what it raised; a signal ends the wait or is handled in it.

    Python handles a signal that comes just before a wait for a lock at the end of that wait; so it waits in steps.
    """
    wait_for_any([future])
    return future.result()


def wait_for_any(futures: Collection[Future[Any]]) -> None:
    """Wait until one of `futures` is done, as `result_of` waits."""
    while not wait(futures, _STEP_S, FIRST_COMPLETED).done:
        pass
