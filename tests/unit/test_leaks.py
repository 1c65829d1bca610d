"""The check that every test ends in (support/leaks.py) finds what is left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from support.leaks import Watched, none_left

from panoseti_daq.hub import Hub
from panoseti_daq.pff import Selection


def leave_a_thread(stack: ExitStack) -> None:
    ended = threading.Event()
    threading.Thread(target=ended.wait, name="forgotten").start()
    stack.callback(ended.set)


def leave_a_task(_: ExitStack) -> None:
    async def main() -> None:
        forgotten = asyncio.create_task(asyncio.sleep(60), name="forgotten")
        assert not forgotten.done()

    asyncio.run(main())


def leave_a_process(stack: ExitStack) -> None:
    process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
    stack.callback(process.kill)


def leave_a_subscription(stack: ExitStack) -> None:
    loop = asyncio.new_event_loop()
    stack.callback(loop.close)
    stack.enter_context(Hub(loop).subscribe(Selection()))


@pytest.mark.parametrize(
    ("leave", "named"),
    [
        (leave_a_thread, "thread forgotten"),
        (leave_a_task, "task forgotten"),
        (leave_a_process, r"child process \d+"),
        (leave_a_subscription, "subscription .*Subscription"),
    ],
)
def test_what_is_left_behind_is_named(leave: Callable[[ExitStack], None], named: str, watched: Watched) -> None:
    with ExitStack() as stack:
        with pytest.raises(AssertionError, match=f"left behind: {named}"), none_left(watched, 0.05):
            leave(stack)
    watched.tasks.clear()
