"""All tests: properties without a deadline, SIGINT as a terminal sends it, and nothing left behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from support.leaks import Watched, none_left

# A busy machine must not fail a property: the only limit is the timeout of pytest.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# What a shell starts in the background ignores SIGINT, and its children inherit that: Ctrl-C would not reach them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run in asyncio, by the plugin that anyio (which watchfiles needs) brings."""
    return "asyncio"


@pytest.fixture(scope="session")
def watched() -> Iterator[Watched]:
    """Loops and hubs of all tests."""
    seen = Watched()
    with seen.watching():
        yield seen


@pytest.fixture(autouse=True)
def nothing_left_behind(watched: Watched) -> Iterator[None]:
    """Fail a test that leaves a thread, task, child process or subscription behind."""
    with none_left(watched):
        yield


@pytest.fixture
def threads_of_zarr(nothing_left_behind: None) -> Iterator[None]:
    """Ends the threads that zarr keeps for the life of a process; dask has none."""
    import dask
    from zarr.core.sync import cleanup_resources

    with dask.config.set(scheduler="synchronous"):
        yield
    cleanup_resources()
