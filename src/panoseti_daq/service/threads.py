"""Threads of their own for what may hang: a dead file server stops no other use, nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Final, TypeVar

_log = logging.getLogger(__name__)

_N_READING: Final = min(32, (os.cpu_count() or 1) + 4)
END_MARGIN_S: Final = 5.0  # beyond the grace period of calls; systemd kills later

_T = TypeVar("_T")


def in_own_thread(use: str, function: Callable[..., _T], *arguments: object) -> asyncio.Future[_T]:
    """Call a function in a new thread, which never keeps the process from ending.

    Parameters
    ----------
    use
        Name of the thread.
    function, arguments
        What to call.

    Returns
    -------
    asyncio.Future
        Its result; who cancels it no longer waits for the thread.
    """
    called: Future[_T] = Future()

    def hand_over(kind: object, error: BaseException | None, trace: object) -> bool:
        if error is not None:
            called.set_exception(error)
        return error is not None

    def run() -> None:
        if called.set_running_or_notify_cancel():
            with contextlib.ExitStack() as stack:
                stack.push(hand_over)
                called.set_result(function(*arguments))

    threading.Thread(target=run, name=use, daemon=True).start()
    return asyncio.wrap_future(called)


def reading_threads(stack: AsyncExitStack) -> Executor:
    """Return threads that read files for streams of all frames; `stack` lets go of them, and waits for none."""
    threads = ThreadPoolExecutor(_N_READING, thread_name_prefix="read files")
    stack.callback(threads.shutdown, wait=False)
    return threads


def stopped_by_signal(grace_s: float) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; the process ends not much later, by force if need be.

    Parameters
    ----------
    grace_s
        Time that calls may take to end, s.
    """
    stopping = asyncio.Event()

    def stop() -> None:
        if not stopping.is_set():
            _end_process_after(grace_s + END_MARGIN_S)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    return stopping


def _end_process_after(limit_s: float) -> None:
    """End this process after a time, unless it ended by itself: a thread that reads may hang for ever.

    Parameters
    ----------
    limit_s
        Time from now, s.
    """

    def end() -> None:
        _log.critical("ending by force: a read hangs, or a call does not end, for %.3g s", limit_s)
        logging.shutdown()
        os._exit(1)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
