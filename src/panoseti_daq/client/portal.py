"""Portal: the event loop, in a thread of its own, of blocking clients, viewers and the demo.

Ctrl-C may come between any two instructions of the main thread. A lock that this thread holds then would stop the
loop for ever, and each Future of `concurrent.futures` has one: so what waits here takes from a `SimpleQueue`, as C
code does in one piece.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread, current_thread
from typing import Any, Final, Generic, ParamSpec, TypeVar

from panoseti_daq.errors import ClientStateError

_STEP_S: Final = 0.2
_ENDED: Final = "the client is closed, and its event loop has ended"

_P = ParamSpec("_P")
_T = TypeVar("_T")
_V = TypeVar("_V")


class Call(Generic[_T]):
    """A call in the event loop of a portal, which another thread waits for.

    That thread never holds the task: Python forgets the task by callbacks, in which Ctrl-C would be lost, in the
    thread that drops it last.

    Attributes
    ----------
    task
        For the event loop alone; None before the call began and after it ended.
    begun_with
        What it was said to have begun with, see `Portal.begin`; at most one.
    is_done
        Whether it returned, raised or was cancelled.
    error
        What it raised; None also when it was cancelled.

    Raises
    ------
    ClientStateError
        On making it: the event loop has ended, or this is its thread.
    """

    def __init__(self, portal: Portal, function: Callable[[Call[_T]], Awaitable[_T]]) -> None:
        if current_thread() is portal.thread:
            raise ClientStateError("what the event loop of a client calls may not wait for that event loop")
        self.task: asyncio.Task[None] | None = None
        self.begun_with: list[Any] = []
        self.is_done = False
        self.error: BaseException | None = None
        self._results: list[_T] = []  # none or one
        self._loop = portal.loop
        self._news: SimpleQueue[None] = SimpleQueue()
        try:
            self._loop.call_soon_threadsafe(portal._begin, self, function)
        except RuntimeError:
            raise ClientStateError(_ENDED) from None

    async def run(self, function: Callable[[Call[_T]], Awaitable[_T]]) -> None:
        """Call the function, in the event loop."""
        try:
            self._results.append(await function(self))
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.error = error

    def note_end(self) -> None:
        """Take note that it has ended, in the event loop."""
        self.task = None
        self.is_done = True
        self._news.put(None)

    def note_begun(self, value: object) -> None:
        """Take note that it has begun, in the event loop."""
        self.begun_with.append(value)
        self._news.put(None)

    def wait(self, for_begin: bool = False) -> None:
        """Wait for the end, or until it has begun; signals are handled, and one that raises ends the call.

        Python handles a signal that comes just before a wait at the end of that wait; so it waits in steps.

        Raises
        ------
        ClientStateError
            The event loop ended before.
        """
        try:
            while not self._has_come(for_begin):
                if self._loop.is_closed():
                    raise ClientStateError(_ENDED)
                with suppress(Empty):
                    self._news.get(timeout=_STEP_S)
        finally:
            if not self._has_come(for_begin):
                self.cancel()

    def _has_come(self, begin_is_enough: bool) -> bool:
        return self.is_done or (begin_is_enough and bool(self.begun_with))

    def result(self) -> _T:
        """Return what it returns, or raise what it raises; see `wait`."""
        self.wait()
        if self.error is not None:
            raise self.error
        if not self._results:
            raise ClientStateError(_ENDED)
        return self._results[0]

    def cancel(self) -> None:
        """End it, whatever it raises; from any thread."""
        with suppress(RuntimeError):  # it ended with its loop
            self._loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()


class Portal:
    """An event loop in a thread of its own, until `stop`.

    Attributes
    ----------
    loop, thread
        Both.

    Raises
    ------
    OSError
        No loop can be made.
    """

    def __init__(self) -> None:
        began: SimpleQueue[asyncio.AbstractEventLoop | OSError] = SimpleQueue()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
        self.thread = Thread(target=self._run, args=[began], name="portal", daemon=True)
        self.thread.start()
        found = began.get()
        if isinstance(found, OSError):
            raise found
        self.loop = found

    def _run(self, began: SimpleQueue[asyncio.AbstractEventLoop | OSError]) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve(began))
        except OSError as error:  # no loop: too many files are open
            began.put(error)

    async def _serve(self, began: SimpleQueue[asyncio.AbstractEventLoop | OSError]) -> None:
        began.put(asyncio.get_running_loop())
        await self._stopping.wait()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self, call: Call[_T], function: Callable[[Call[_T]], Awaitable[_T]]) -> None:
        if self._stopping.is_set():
            return

        def forget(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            call.note_end()

        call.task = self.loop.create_task(call.run(function), name="call from another thread")
        call.task.add_done_callback(forget)
        self._tasks.add(call.task)

    def start(self, function: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> Call[_T]:
        """Call a function in the loop; ClientStateError when it has ended."""
        return Call(self, lambda _: function(*args, **kwargs))

    def begin(self, function: Callable[[Callable[[_V], object]], Awaitable[_T]]) -> tuple[Call[_T], _V]:
        """Call a function in the loop, and wait until it calls what it is given, with a value: return both.

        What it raises before is raised here.
        """
        call: Call[_T] = Call(self, lambda call: function(call.note_begun))
        call.wait(for_begin=True)
        if not call.begun_with:
            call.result()
        return call, call.begun_with[0]

    def entered(self, manager: AbstractAsyncContextManager[_T]) -> AbstractContextManager[_T]:
        """Return what enters a context in the loop, and leaves it there at the end of the block."""
        return _Entered(self, manager)

    def stop(self) -> None:
        """End all calls and the loop, and wait for that; may be called again."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._stopping.set)
        self.thread.join()


class _Entered(AbstractContextManager[_T]):
    # No generator, which would be left when it is forgotten.

    def __init__(self, portal: Portal, manager: AbstractAsyncContextManager[_T]) -> None:
        self._portal = portal
        self._manager = manager
        self._leaving = asyncio.Event()

    def __enter__(self) -> _T:
        self._holding, value = self._portal.begin(self._hold)
        return value

    async def _hold(self, begun: Callable[[_T], object]) -> None:
        async with self._manager as value:
            begun(value)
            await self._leaving.wait()

    def __exit__(self, *raised: object) -> None:
        with suppress(RuntimeError):
            self._portal.loop.call_soon_threadsafe(self._leaving.set)
        self._holding.result()


class Portals:
    """One portal as long as it has users: ``with PORTALS as portal``, from any thread.

    One and not several: grpc.aio hands events of one loop to another, which complains when that one was closed
    meanwhile.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._portal: Portal | None = None
        self._n_users = 0

    def __enter__(self) -> Portal:
        with self._lock:
            portal = self._portal = self._portal or Portal()
            self._n_users += 1
            return portal

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._n_users -= 1
            if self._n_users:
                return
            portal, self._portal = self._portal, None
        if portal is not None:
            portal.stop()


PORTALS: Final = Portals()
"""The portal of this process."""
