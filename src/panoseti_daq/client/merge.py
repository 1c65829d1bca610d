"""Many hosts, one stream: a task reads from each host, and one consumer takes what came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.latest import Inbox, NewestInbox
from panoseti_daq.client.loop_watch import LoopWatch
from panoseti_daq.client.retry import Asking, HostFeed, HostReader

_log = logging.getLogger(__name__)

# After the event loop stood still, a reader has caught up when nothing came for so long, or when it read more than
# gRPC's window (64 KiB) and one message of the server, which waited for it, hold.
_CAUGHT_UP_AFTER_S: Final = 0.002
_MOST_THAT_WAITED: Final = 150  # frames; those of ph256 have 0.6 kB

_Response = TypeVar("_Response")


class MergedStream(Generic[_Response]):
    """Responses of several hosts; the inbox says what waits for the consumer, and what a slow one gets.

    When the last host is gone, so is the stream, with that host's error. See `HostReader` for when that is.

    Parameters
    ----------
    tasks
        Owner of the reading tasks.
    feeds
        What is asked of each host.
    inbox
        What waits for the consumer.
    asking
        How hosts are asked.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        feeds: Mapping[str, HostFeed[_Response]],
        inbox: Inbox[_Response],
        asking: Asking,
    ) -> None:
        self._inbox = inbox
        self._error: RpcError | None = None
        self._closed = False
        self._hosts = [HostReader(host, feed, inbox, asking, self._has_others) for host, feed in feeds.items()]
        self._readers = {
            tasks.create_task(self._read(host), name=f"stream from {host.host}") for host in self._hosts
        }
        for reader in self._readers:
            reader.add_done_callback(self._reader_done)
        self._watch = LoopWatch() if self._readers and isinstance(inbox, NewestInbox) else None

    def _has_others(self) -> bool:
        return len(self._readers) > 1

    async def _read(self, host: HostReader[_Response]) -> None:
        error = await host.run()
        if error is not None:
            self._error = error
            if self._has_others():  # else the consumer gets it, and may ask again every second
                _log.warning("stream from %s ended: %s", host.host, error)

    def _reader_done(self, reader: asyncio.Task[None]) -> None:
        self._readers.discard(reader)
        if not self._readers and self._watch is not None:
            self._watch.close()
        self._inbox.arrived.set()

    async def receive(self) -> tuple[str, _Response]:
        """Return the next response and the host it comes from.

        Raises
        ------
        StopAsyncIteration
            All hosts ended their streams.
        RpcError
            The last host failed.
        """
        while True:
            if self._watch is not None and self._watch.stood_still():
                await self._catch_up()
            if (response := self._inbox.take()) is not None:
                return response
            if not self._readers:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._inbox.arrived.clear()
            await self._inbox.arrived.wait()

    async def _catch_up(self) -> None:
        """Let the readers take what waited in gRPC while the event loop stood still, so that it is replaced."""
        at_first = {host: host.n_read for host in self._hosts}
        behind = set(self._hosts)
        while behind:
            before = {host: host.n_read for host in behind}
            await asyncio.sleep(_CAUGHT_UP_AFTER_S)
            behind = {h for h in behind if before[h] < h.n_read < at_first[h] + _MOST_THAT_WAITED}

    def take(self) -> tuple[str, _Response] | None:
        """Return the next response if there is one; from any thread."""
        return self._inbox.take()

    def close(self) -> None:
        """End all calls; may be called again, then from any thread."""
        if self._closed:
            return
        self._closed = True
        self._inbox.clear()
        for reader in self._readers:
            reader.cancel()
