"""A TCP proxy that can stall and cut connections, as a gateway does."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Carries bytes between clients and one server while `flows` is set.

    Attributes
    ----------
    port
        TCP port on 127.0.0.1 at which it listens.
    flows
        Clear it to stall: connections are accepted and stay open, and nothing goes through.
    delay_s
        How long what is carried takes, s.
    n_connected
        Connections that were made so far.
    rate
        Bytes per second in each direction; infinite for no limit.
    """

    def __init__(self, target: str) -> None:
        self.port = 0
        self.flows = asyncio.Event()
        self.flows.set()
        self.delay_s = 0.0
        self.n_connected = 0
        self.rate = math.inf
        self._host, _, self._port = target.rpartition(":")
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def n_connections(self) -> int:
        return len(self._connections)

    def cut(self) -> None:
        """Break the connections that there are."""
        for connection in self._connections:
            connection.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self.n_connected += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            try:
                await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
            finally:
                far_writer.transport.abort()
        except (OSError, asyncio.CancelledError):
            pass  # asyncio logs what a connection's task raises
        finally:
            writer.transport.abort()
            self._connections.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self.flows.wait()
            await asyncio.sleep(self.delay_s + len(data) / self.rate)
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # one side left: end both


@asynccontextmanager
async def proxying(target: str) -> AsyncIterator[Proxy]:
    """A proxy before ``host:port`` `target`."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*proxy._connections, return_exceptions=True)
