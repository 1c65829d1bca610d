from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A busy machine must not fail a property: the only limit is the timeout of pytest.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

END_WITHIN_S = 2.0  # a thread that was told to end may take so long
_NOT_OURS = ("pytest", "hypothesis")
_OF_THE_PROCESS = ("_poll_wrapper",)  # gRPC's poller, started once


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run in asyncio, by the plugin that anyio (which watchfiles needs) brings."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    """Fails a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + END_WITHIN_S
    while left := _ours(set(threading.enumerate()) - before):
        if time.monotonic() > deadline:
            pytest.fail(f"threads left behind: {', '.join(sorted(left))}")
        time.sleep(0.002)


def _ours(threads: set[threading.Thread]) -> list[str]:
    return [
        thread.name
        for thread in threads
        if not (thread.name.startswith(_NOT_OURS) or any(name in thread.name for name in _OF_THE_PROCESS))
    ]
