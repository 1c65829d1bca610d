"""Many hosts, one stream: a task reads from each host, and one consumer takes what came."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from panoseti_daq.client.catch_up import CatchUp
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.latest import Arrival, Inbox
from panoseti_daq.client.retry import Asking, HostChange, HostFeed, HostReader

_log = logging.getLogger(__name__)

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
        Rules of calling hosts.
    catch_up
        Replaces waiting responses by newer ones; None where nothing is replaced.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        feeds: Mapping[str, HostFeed[_Response]],
        inbox: Inbox[_Response],
        asking: Asking,
        catch_up: CatchUp[_Response] | None = None,
    ) -> None:
        self._inbox = inbox
        self._catch_up = catch_up
        self._asking = asking
        self._error: RpcError | None = None
        self._closed = False
        self._hosts = [HostReader(host, feed, inbox, asking) for host, feed in feeds.items()]
        self._reader_of = {
            host.host: tasks.create_task(self._read(host), name=f"stream from {host.host}") for host in self._hosts
        }
        self._readers = set(self._reader_of.values())
        for reader in self._readers:
            reader.add_done_callback(self._reader_done)
        if not self._readers:
            self._end_watch()

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
        if not self._readers:
            self._end_watch()
        self._inbox.arrived.set()

    def _end_watch(self) -> None:
        if self._catch_up is not None:
            self._catch_up.close()

    def give_up(self, host: str, reason: str) -> bool:
        """End the stream of one host, which sent what is no frame; the others continue.

        Returns
        -------
        bool
            False if there are no others or the stream is persistent: then nothing happens.
        """
        reader = self._reader_of[host]
        is_open = reader in self._readers
        if self._asking.persistent or (is_open and not self._has_others()):
            return False
        if is_open:
            self._readers.discard(reader)
            reader.cancel()
            _log.warning("stream from %s ended: %s", host, reason)
            if self._asking.on_host_change is not None:
                self._asking.on_host_change(HostChange(host, connected=False, reason=reason))
        return True

    async def receive(self) -> Arrival[_Response]:
        """Return the next response.

        Raises
        ------
        StopAsyncIteration
            All hosts ended their streams.
        RpcError
            The last host failed.
        """
        while True:
            if self._catch_up is not None:
                await self._catch_up.wait(self._hosts)
            if (arrival := self._inbox.take()) is not None:
                if self._catch_up is not None:
                    self._catch_up.note(arrival.host, arrival.response)
                return arrival
            if not self._readers:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._inbox.arrived.clear()
            await self._inbox.arrived.wait()

    def take(self) -> Arrival[_Response] | None:
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


AnyMerged = MergedStream[Any]
"""Of responses of any kind."""
