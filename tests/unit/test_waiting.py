"""Waiting for a future where signals are handled."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from concurrent.futures import Future

import pytest
from support.patience import PATIENCE_S

from panoseti_daq.waiting import result_of

# Python's handler runs in the main thread. Another thread takes the signal, so that it does not interrupt the wait
# of the main thread: as if it came just before.
_SIGNAL_BESIDE_A_WAIT = """
    import asyncio, signal, sys, threading, time
    from concurrent.futures import Future
    from panoseti_daq.client.portal import Portal
    from panoseti_daq.waiting import result_of

    def interrupt(main):
        while not began or sys._current_frames()[main].f_code.co_name != "wait":
            time.sleep(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    began = []
    threading.Thread(target=interrupt, args=[threading.get_ident()], daemon=True).start()
    began.append(True)
    {wait}
"""


@pytest.mark.parametrize(
    "wait", ["result_of(Future())", "Portal().start(asyncio.Event().wait).result()"], ids=["future", "call"]
)
def test_a_signal_that_does_not_interrupt_the_wait_is_handled_all_the_same(wait: str) -> None:
    script = textwrap.dedent(_SIGNAL_BESIDE_A_WAIT).format(wait=wait)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr.rstrip().endswith("KeyboardInterrupt")


def test_what_the_future_raised_is_raised() -> None:
    future: Future[None] = Future()
    future.set_exception(TimeoutError("mine"))
    with pytest.raises(TimeoutError, match="mine"):
        result_of(future)
