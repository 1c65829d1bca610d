"""A thin line: a proxy that carries a number of bytes per second from a server, and no more at once."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_CHUNK: Final = 1000  # bytes; 10 ms of 100 kB/s
_BUFFER: Final = 4096  # bytes of the kernel, which would hold a second of it otherwise


@asynccontextmanager
async def thin_line(address: str, bytes_per_s: float, delay_s: float) -> AsyncIterator[str]:
    """Give the address before a server, by which what it sends comes at `bytes_per_s`, `delay_s` late.

    What clients send is late, too, and of any size.
    """
    host, _, port = address.rpartition(":")
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)  # before it connects: the window it offers
        far.setblocking(False)
        await asyncio.get_running_loop().sock_connect(far, (host, int(port)))
        far_reader, far_writer = await asyncio.open_connection(sock=far, limit=_BUFFER)
        try:
            await asyncio.gather(
                _carry(reader, far_writer, float("inf"), delay_s),
                _carry(far_reader, writer, bytes_per_s, delay_s),
            )
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # asyncio logs what a connection's task raises
        finally:
            far_writer.transport.abort()
            writer.transport.abort()
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in connections:
            connection.cancel()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_s: float, delay_s: float
) -> None:
    loop = asyncio.get_running_loop()
    under_way: deque[tuple[float, bytes]] = deque()
    arrives = asyncio.Event()

    async def deliver() -> None:
        while True:
            while under_way:
                at, data = under_way[0]
                await asyncio.sleep(at - loop.time())
                writer.write(data)
                under_way.popleft()
            arrives.clear()
            await arrives.wait()

    delivering = asyncio.create_task(deliver(), name="deliver what is under way")
    free_at = 0.0
    try:
        while data := await reader.read(_CHUNK):
            free_at = max(free_at, loop.time()) + len(data) / bytes_per_s
            await asyncio.sleep(free_at - loop.time())
            under_way.append((free_at + delay_s, data))
            arrives.set()
        raise EOFError  # one side left: end both
    finally:
        delivering.cancel()
