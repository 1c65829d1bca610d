"""The bare floors: as little as can do the work, with the same libraries.

``python -m benchmarks.floor serve DATA_DIR STEP_MS NEWEST`` follows files: watchfiles, one pread, what waits for
each client, a grpc.aio stream of raw bytes. ``python -m benchmarks.floor send PAUSE PORT`` writes one message over
and over, and answers Ping. ``python -m benchmarks.floor read ADDRESS OUT`` is the client.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import Arrivals, Command, run_client, writer_to
from benchmarks.stage import Scene
from benchmarks.workload import FRAME_SIZE_BYTES, Template, Workload, places_in, product_of
from benchmarks.writer import Feed

_PLACE: Final = struct.Struct("<II")  # place and frame number, before the frame
_STREAM: Final = "/bench.Floor/Stream"
SPARSE_HZ: Final = 100  # up to here every frame is sent; above, the newest of a file when it is looked at


@dataclass(frozen=True, slots=True)
class Floor:
    """Follows the files."""

    name: str = "floor"
    feed: Feed = Feed.FILE
    settle_s: float = 0.3
    step_ms: int = 1

    def server(self, scene: Scene) -> Command:
        newest = int(scene.work.rate_hz > SPARSE_HZ)
        return Command("-m", "benchmarks.floor", "serve", str(scene.data_dir), str(self.step_ms), str(newest))

    def prepare(self, address: str, scene: Scene) -> None:
        pass

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        return Command("-m", "benchmarks.floor", "read", address, str(out))

    def call(self, work: Workload) -> tuple[str, bytes]:
        return _STREAM, b""


@dataclass(frozen=True, slots=True)
class BareSender:
    """Looks at nothing and writes the same message of an image over and over, with `pause_s` between."""

    name: str = "floor"
    feed: Feed = Feed.FILE
    settle_s: float = 0.0
    pause_s: float = 0.0

    def server(self, scene: Scene) -> Command:
        return sender_command(self.pause_s)

    def prepare(self, address: str, scene: Scene) -> None:
        pass

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        raise NotImplementedError("its messages have no number")

    def call(self, work: Workload) -> tuple[str, bytes]:
        return _STREAM, b""


def sender_command(pause_s: float = 0.0, port: int = 0) -> Command:
    return Command("-m", "benchmarks.floor", "send", str(pause_s), str(port))


class _File:
    def __init__(self, path: Path, place: int) -> None:
        self.place = place
        self.fd = os.open(path, os.O_RDONLY)
        self.frame_bytes = len(bytes(Template(product_of(place))))
        self.number = os.fstat(self.fd).st_size // self.frame_bytes

    def new_frames(self, newest: bool) -> list[bytes]:
        if newest:
            self.number = max(self.number, os.fstat(self.fd).st_size // self.frame_bytes - 1)
        messages = []
        while (
            len(frame := os.pread(self.fd, self.frame_bytes, self.number * self.frame_bytes)) == self.frame_bytes
        ):
            messages.append(_PLACE.pack(self.place, self.number) + frame)
            self.number += 1
        return messages


class _Client:
    """What waits for one client: all messages, or the newest of each file."""

    def __init__(self, newest: bool) -> None:
        self._newest = newest
        self._n = 0
        self._waiting: dict[int, bytes] = {}
        self._arrived = asyncio.Event()

    def put(self, place: int, message: bytes) -> None:
        self._n += 1
        self._waiting[place if self._newest else self._n] = message
        self._arrived.set()

    async def get(self) -> bytes:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.pop(next(iter(self._waiting)))


async def serve(data_dir: str, step_ms: str, newest: str) -> None:
    from watchfiles import awatch

    files = {str(path): _File(path, place) for path, place in places_in(Path(data_dir))}
    clients: set[_Client] = set()

    async def stream(request: bytes, context: Any) -> None:
        clients.add(client := _Client(newest == "1"))
        try:
            while True:
                await context.write(await client.get())
        finally:
            clients.remove(client)

    async def follow() -> None:
        async for changes in awatch(data_dir, watch_filter=None, step=int(step_ms), debounce=5):
            for path in {path for _, path in changes}:
                if (file := files.get(path)) is not None:
                    for message in file.new_frames(newest == "1"):
                        for client in clients:
                            client.put(file.place, message)

    following = asyncio.create_task(follow(), name="follow")
    await _serve(stream)
    following.cancel()


async def send(pause_s: str, port: str) -> None:
    import numpy  # noqa: F401 - a server of images does

    message = bytes(FRAME_SIZE_BYTES)
    pause = float(pause_s)

    async def stream(request: bytes, context: Any) -> None:
        while True:
            await context.write(message)
            if pause:
                await asyncio.sleep(pause)

    await _serve(stream, int(port))


async def _serve(stream: Callable[[bytes, Any], Any], port: int = 0) -> None:
    import grpc

    async def ping(request: bytes, context: Any) -> bytes:
        return b""

    server = grpc.aio.server()
    unary: Any = grpc.unary_unary_rpc_method_handler
    streaming: Any = grpc.unary_stream_rpc_method_handler
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler("bench.Floor", {"Stream": streaming(stream)}),
            grpc.method_handlers_generic_handler("daqdata.DaqData", {"Ping": unary(ping)}),
        )
    )
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


async def read(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
    import time

    import grpc

    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_stream(_STREAM)
        stream = call(b"")
        ready()
        async for message in stream:
            now = time.time_ns()
            arrivals.extend((*_PLACE.unpack_from(message), now))


if __name__ == "__main__":
    if sys.argv[1] == "read":
        run_client(read, sys.argv[2], writer_to(sys.argv[3]))
    else:
        asyncio.run(serve(*sys.argv[2:]) if sys.argv[1] == "serve" else send(*sys.argv[2:]))
