"""Leftovers that fail a test: threads, asyncio tasks, child processes and subscriptions of a hub."""

from __future__ import annotations

import asyncio
import asyncio.runners
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from panoseti_daq.hub import Hub
from support.patience import PATIENCE_S

_NOT_OURS = ("pytest", "hypothesis")
_OF_THE_PROCESS = ("_poll_wrapper",)  # gRPC's poller, started once
# gRPC's own task of each call, which waits for the status of a server that may be gone; no caller can end it.
_OF_GRPC = ("_AioCall._handle_status_once_received",)


def threads() -> set[Any]:
    """Return the threads that are ours."""
    return {
        thread
        for thread in threading.enumerate()
        if not (thread.name.startswith(_NOT_OURS) or any(name in thread.name for name in _OF_THE_PROCESS))
    }


def children() -> set[Any]:
    """Return the process ids of the children that run or that nobody waited for."""
    lists = Path("/proc/self/task").glob("*/children")
    return {int(pid) for children in lists for pid in _content(children).split()}


def _content(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # a thread that ended just now
        return ""


def _unless_closed(loop: asyncio.AbstractEventLoop) -> Any:
    """`call_soon_threadsafe` for gRPC, which tells the end of a cancelled call to a loop that may be closed.

    The error would be one of the next test, in whose loop gRPC polls.
    """
    call_soon_threadsafe = loop.call_soon_threadsafe
    return lambda *call, **context: None if loop.is_closed() else call_soon_threadsafe(*call, **context)


class Watched:
    """Loops that end and hubs that are made, from entering to leaving.

    Attributes
    ----------
    tasks
        Tasks that were still there when the event loop of a test, a fixture or a portal was closed.
    """

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self._hubs: weakref.WeakSet[Hub] = weakref.WeakSet()

    @property
    def subscriptions(self) -> set[Any]:
        """Subscriptions that are open."""
        return {subscription for hub in list(self._hubs) for subscription in hub.subscriptions}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Observe every event loop that closes and every hub that is made."""
        cancel_all_tasks, make_hub = asyncio.runners._cancel_all_tasks, Hub.__init__  # type: ignore[attr-defined]

        def note_tasks(loop: asyncio.AbstractEventLoop) -> None:
            left = {task: _name_of(task) for task in asyncio.all_tasks(loop) if not _is_of_pytest(task)}
            self.tasks += [f"{task.get_name()}: {name}" for task, name in left.items() if name not in _OF_GRPC]
            cancel_all_tasks(loop)
            setattr(loop, "call_soon_threadsafe", _unless_closed(loop))  # noqa: B010 - types know it as a method

        def note_hub(hub: Hub, *arguments: Any, **options: Any) -> None:
            make_hub(hub, *arguments, **options)
            self._hubs.add(hub)

        with ExitStack() as stack:
            stack.callback(setattr, asyncio.runners, "_cancel_all_tasks", cancel_all_tasks)
            stack.callback(setattr, Hub, "__init__", make_hub)
            asyncio.runners._cancel_all_tasks = note_tasks  # type: ignore[attr-defined]
            Hub.__init__ = note_hub  # type: ignore[method-assign, assignment]
            yield


def _name_of(task: asyncio.Task[Any]) -> str:
    return getattr(task.get_coro(), "__qualname__", "")


def _is_of_pytest(task: asyncio.Task[Any]) -> bool:
    return "TestRunner" in _name_of(task)


@contextmanager
def none_left(watched: Watched, within_s: float = PATIENCE_S) -> Iterator[None]:
    """Fail when what runs inside leaves anything behind.

    Raises
    ------
    AssertionError
        Names what was left.
    """
    before = {"thread": threads(), "child process": children(), "subscription": watched.subscriptions}
    watched.tasks.clear()
    yield
    deadline = time.monotonic() + within_s
    while left := _left(watched, before):
        assert time.monotonic() < deadline and not watched.tasks, f"left behind: {', '.join(left)}"
        time.sleep(0.002)


def _left(watched: Watched, before: dict[str, set[Any]]) -> list[str]:
    now = {"thread": threads(), "child process": children(), "subscription": watched.subscriptions}
    left = [f"{what} {getattr(one, 'name', one)}" for what, there in now.items() for one in there - before[what]]
    return sorted([*left, *(f"task {name}" for name in watched.tasks)])
