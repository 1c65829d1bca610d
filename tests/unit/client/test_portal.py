"""Portal: calls in the event loop of another thread, and Ctrl-C at any moment of them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import pytest
from support.patience import PATIENCE_S

from panoseti_daq.client.portal import PORTALS, Portal
from panoseti_daq.errors import ClientStateError


@pytest.fixture
def portal() -> Iterator[Portal]:
    with PORTALS as portal:
        yield portal


async def answer() -> int:
    await asyncio.sleep(0)
    return 42


async def fail() -> None:
    raise KeyError("mine")


def test_a_call_returns_or_raises_what_its_function_does(portal: Portal) -> None:
    assert portal.start(answer).result() == 42
    failed = portal.start(fail)
    with pytest.raises(KeyError, match="mine"):
        failed.result()
    assert isinstance(failed.error, KeyError)


def test_users_share_one_portal_that_ends_after_the_last() -> None:
    with PORTALS as one:
        with PORTALS as other:
            assert one is other
        assert one.start(answer).result() == 42
    assert not one.thread.is_alive()
    with pytest.raises(ClientStateError, match="ended"):
        one.start(answer).result()


def test_a_loop_that_cannot_be_made_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_to_make() -> None:
        raise OSError("too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(asyncio.events, "new_event_loop", fail_to_make)
        with pytest.raises(OSError, match="too many"), PORTALS:
            pass
    with PORTALS as portal:
        assert portal.start(answer).result() == 42


def test_the_loop_may_not_wait_for_itself(portal: Portal) -> None:
    async def wait() -> None:
        portal.start(answer).result()

    with pytest.raises(ClientStateError, match="may not wait"):
        portal.start(wait).result()


def test_a_call_that_waits_when_the_portal_stops_ends() -> None:
    portal = Portal()
    waiting = portal.start(asyncio.Event().wait)
    portal.stop()
    with pytest.raises(ClientStateError, match="ended"):
        waiting.result()


def test_a_call_that_is_cancelled_before_it_begins_ends(portal: Portal) -> None:
    call = portal.start(asyncio.Event().wait)
    call.cancel()
    call.wait()
    assert call.error is None


def test_a_context_is_left_in_the_task_that_entered_it(portal: Portal) -> None:
    tasks = []

    @asynccontextmanager
    async def context() -> AsyncIterator[int]:
        tasks.append(asyncio.current_task())
        yield 42
        tasks.append(asyncio.current_task())

    with pytest.raises(KeyError, match="mine"), portal.entered(context()) as value:
        assert value == 42
        raise KeyError("mine")
    assert tasks[0] is tasks[1]


def test_what_raises_before_it_has_begun_raises_where_it_is_begun(portal: Portal) -> None:
    async def begin(begun: Callable[[int], object]) -> None:
        await fail()

    with pytest.raises(KeyError, match="mine"):
        portal.begin(begin)


@contextmanager
def interrupted_after(n_instructions: int) -> Iterator[None]:
    """Ctrl-C after so many instructions of this thread."""
    before, left = sys.gettrace(), n_instructions

    def trace(frame: FrameType, event: str, argument: object) -> object:
        nonlocal left
        frame.f_trace_opcodes = True
        left -= event == "opcode"
        if left < 0:
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.settrace(before)


def test_ctrl_c_at_any_instruction_of_a_call_leaves_the_loop_as_it_was(portal: Portal) -> None:
    n_instructions = n_done = 0
    while n_done < 3:  # the loop is sometimes faster
        try:
            with interrupted_after(n_instructions):
                assert portal.start(answer).result() == 42
            n_done += 1
        except KeyboardInterrupt:
            n_done = 0
        assert portal.start(answer).result() == 42
        n_instructions += 1
    assert n_instructions > 100


_CTRL_C_WHILE_IT_BEGINS = """
    import asyncio, signal, threading, time
    from panoseti_daq.client import DaqDataClient

    make_loop, main = asyncio.events.new_event_loop, threading.get_ident()

    def interrupt():
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.1)
        return make_loop()

    asyncio.events.new_event_loop = interrupt
    with DaqDataClient.connect("127.0.0.1:1"):
        pass
"""


def test_ctrl_c_while_the_loop_is_made_ends_the_script() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_CTRL_C_WHILE_IT_BEGINS)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, ended.stderr.rstrip().splitlines()[-1:]) == (-signal.SIGINT, ["KeyboardInterrupt"])
