"""Retry loop of one host: its delays, its final errors, its notifications."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, Protocol, TypeVar

from grpc import StatusCode
from grpc.aio import AioRpcError

from panoseti_daq.client.errors import RpcError, readable, unreadable
from panoseti_daq.client.latest import Inbox
from panoseti_daq.errors import PffError

if TYPE_CHECKING:
    from panoseti_daq.client.call import StreamCall

_log = logging.getLogger(__name__)

FIRST_RETRY_S: Final = 0.2
LAST_RETRY_S: Final = 5.0
RETRY_FACTOR: Final = 1.6

# Retrying cannot change these.
_FINAL: Final = frozenset(
    {
        StatusCode.INVALID_ARGUMENT,
        StatusCode.UNIMPLEMENTED,
        StatusCode.UNAUTHENTICATED,
        StatusCode.PERMISSION_DENIED,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.DATA_LOSS,
    }
)

_Response = TypeVar("_Response")


class HostChange(NamedTuple):
    """A host began to stream, was lost, came back, or is still lost for another reason.

    Attributes
    ----------
    host
        Which DAQ node.
    connected
        Whether it streams now.
    reason
        Why it was lost; empty when it streams.
    """

    host: str
    connected: bool
    reason: str = ""


OnHostChange = Callable[[HostChange], object]


class Asking(NamedTuple):
    """Rules of calling hosts for their frames.

    Attributes
    ----------
    wait_for_ready
        Wait for a host that does not answer yet instead of failing.
    persistent
        Retry whatever a stream ended with, without end: nothing is final.
    ends_with_server
        A server that ends its stream on purpose, as during a restart, ends it without an error: so the clients of
        panoseti-grpc.
    on_host_change
        Called when a host begins to stream, is lost or comes back; in the event loop, so it must not block.
    """

    wait_for_ready: bool = False
    persistent: bool = False
    ends_with_server: bool = False
    on_host_change: OnHostChange | None = None

    def note_silent(self, host: str, why: str) -> None:
        """Report a host that does not answer before it ever streamed."""
        if self.on_host_change is not None:
            self.on_host_change(HostChange(host, connected=False, reason=why))


class HostFeed(Protocol[_Response]):
    """Calls to one host, repeated when it was lost."""

    def call(self, *, again: bool) -> StreamCall[_Response]:
        """Make the call; `again` when the host was lost."""
        ...

    def new_in(self, message: _Response) -> Iterable[_Response]:
        """Return the new responses of a message, and note them."""
        ...

    def lost(self) -> None:
        """Take note that the host was lost."""
        ...


def retry_delay_s(n_failures: int) -> float:
    """Return the delay after the n-th failure in a row: exponential, with jitter to spread clients out."""
    import random  # rarely needed, and it takes a millisecond

    n_longer = min(n_failures - 1, 100)  # more is past LAST_RETRY_S anyway, and in hours past what a float holds
    longest = min(LAST_RETRY_S, FIRST_RETRY_S * RETRY_FACTOR**n_longer)
    return longest * random.uniform(0.5, 1.0)


class HostReader(Generic[_Response]):
    """Reader of the stream of one host into an inbox, until the host is gone for good.

    A host that streamed is retried whatever its stream ended with, after delays that grow to `LAST_RETRY_S`: it
    may only be restarting, and the caller decides when it is enough. A status that retrying cannot change ends it
    at once, except with `Asking.persistent`.

    Parameters
    ----------
    host, feed
        The host, and the calls to it.
    inbox
        Where responses go.
    asking
        Rules of calling it.

    Attributes
    ----------
    n_read, last
        Responses that came, and the last of them.
    """

    def __init__(
        self,
        host: str,
        feed: HostFeed[_Response],
        inbox: Inbox[_Response],
        asking: Asking,
    ) -> None:
        self.host = host
        self.n_read = 0
        self.last: _Response | None = None
        self._feed = feed
        self._inbox = inbox
        self._asking = asking
        self._n_failures = 0
        self._was_there = False
        self._reported: StatusCode | None = None  # why it is lost; None while it streams

    async def run(self) -> RpcError | None:
        """Read; return the error that the host ended with, None when it ended on purpose and that is the end."""
        while True:
            try:
                await self._read()
                if self._asking.ends_with_server:
                    return None
                self._note_lost(StatusCode.OK, "the server ended the stream")
            except (AioRpcError, PffError) as error:
                lost = RpcError(self.host, unreadable(error) if isinstance(error, PffError) else error)
                if lost.code() is StatusCode.CANCELLED and self._asking.ends_with_server:
                    return None
                if not self._may_come_back(lost.code()):
                    return lost
                self._note_lost(lost.code(), str(lost))
            self._feed.lost()
            await asyncio.sleep(retry_delay_s(self._n_failures))

    async def _read(self) -> None:
        call = self._feed.call(again=self._n_failures > 0)
        try:
            await call.wait_for_connection()
            self._note_connected()
            async for message in call:
                for response in self._feed.new_in(readable(message)):
                    self.n_read += 1
                    self.last = response
                    self._inbox.put(self.host, response)
                await self._inbox.room()
        finally:
            call.cancel()

    def _may_come_back(self, code: StatusCode) -> bool:
        if self._asking.persistent or code is StatusCode.UNAVAILABLE:  # it answered a moment ago, or is waited for
            return True
        return code not in _FINAL and self._was_there

    def _note_connected(self) -> None:
        if self._reported is not None and self._was_there:
            _log.warning("stream from %s is back", self.host)
        self._n_failures, self._was_there, self._reported = 0, True, None
        self._notify(HostChange(self.host, connected=True))

    def _note_lost(self, code: StatusCode, reason: str) -> None:
        self._n_failures += 1
        is_news, self._reported = code is not self._reported, code
        what = "stream from %s lost" if self._was_there else "no stream from %s"
        _log.log(logging.WARNING if is_news else logging.DEBUG, what + ", asking again: %s", self.host, reason)
        if is_news:
            self._notify(HostChange(self.host, connected=False, reason=reason))

    def _notify(self, change: HostChange) -> None:
        if self._asking.on_host_change is not None:
            self._asking.on_host_change(change)
