"""Life of a client: made, entered, left; one error for calls at any other time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Final

from panoseti_daq.errors import ClientStateError

_FORKED: Final = (
    "this process was forked after a client was open, and gRPC does not outlive that: start processes with"
    " multiprocessing.get_context('spawn')"
)


class ClientState(Enum):
    """Where a client is in its life; it goes one way."""

    NEW = auto()  # made: it knows its hosts, and has neither channels nor tasks
    OPEN = auto()  # entered: it has a channel per host, and a task group that its streams run in
    CLOSED = auto()  # left, or entering failed: streams, calls, tasks and channels have ended, for good


class _Process:
    """Whether clients were opened in this process, and whether it was forked after that."""

    def __init__(self) -> None:
        self.had_clients = False
        self.is_broken = False
        os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        self.is_broken = self.had_clients


_PROCESS: Final = _Process()


def works_here() -> bool:
    """Return whether clients work in this process, which is not the case in a fork of one with an open client."""
    return not _PROCESS.is_broken


def check_process() -> None:
    """Raise ClientStateError in a process that was forked after a client was open."""
    if not works_here():
        raise ClientStateError(_FORKED)


class Lifetime:
    """State of a client and the calls that run in it.

    Changed in the event loop of the client only; `state` may be read and `check` called from any thread.

    Parameters
    ----------
    owner
        Class of the client, for errors.
    statement
        What enters it: ``with`` or ``async with``.
    """

    def __init__(self, owner: str, statement: str) -> None:
        self.state = ClientState.NEW
        self._owner = owner
        self._statement = statement
        self._calls: set[asyncio.Timeout] = set()

    def open(self) -> None:
        """Take note that the client is entered.

        Raises
        ------
        ClientStateError
            It was entered before, this process was forked after a client was open, or no asyncio runs.
        """
        check_process()
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # as under trio
            raise ClientStateError(f"{self._owner} needs asyncio, and no event loop of it runs here") from None
        if self.state is not ClientState.NEW:
            raise self.error()
        self.state = ClientState.OPEN
        _PROCESS.had_clients = True

    def close(self) -> None:
        """Take note that the client is left, and end its calls; may be called again."""
        self.state = ClientState.CLOSED
        for call in self._calls:
            call.reschedule(asyncio.get_running_loop().time())

    def check(self) -> None:
        """Raise ClientStateError unless the client is open, in this process."""
        check_process()
        if self.state is not ClientState.OPEN:
            raise self.error()

    def error(self) -> ClientStateError:
        """Return what to raise in the state that the client is in."""
        return ClientStateError(
            {
                ClientState.NEW: f"{self._owner} is not open; use it as '{self._statement} ... as client'",
                ClientState.OPEN: f"{self._owner} is open already; each '{self._statement}' takes a new client",
                ClientState.CLOSED: f"{self._owner} is closed; make a new one for each '{self._statement}'",
            }[self.state]
        )

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Run a call in the client.

        Raises
        ------
        ClientStateError
            The client is not open, or was left before the call had ended: its channels close then.
        """
        self.check()
        end = asyncio.timeout(None)
        try:
            async with end:
                self._calls.add(end)
                yield
        except TimeoutError:
            if end.expired():
                raise self.error() from None
            raise
        finally:
            self._calls.discard(end)
        self.check()  # its answer may have come with the end: what it would begin now, nobody would end
