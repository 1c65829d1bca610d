"""The bare floor: watchfiles, one pread, a grpc.aio stream of raw bytes, and nothing else.

``python -m benchmarks.floor serve DATA_DIR`` and ``python -m benchmarks.floor read ADDRESS OUT``.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import Arrivals, Command, run_client
from benchmarks.workload import FRAME_SIZE_BYTES, module_id_of

_PLACE: Final = struct.Struct("<II")  # module and frame number, before the frame


class Floor:
    """See the module."""

    name = "floor"

    def server(self, data_dir: Path, scratch: Path) -> Command:
        return Command("-m", "benchmarks.floor", "serve", str(data_dir))

    def client(self, address: str, data_dir: Path, out: Path) -> Command:
        return Command("-m", "benchmarks.floor", "read", address, str(out))


class _File:
    def __init__(self, path: str) -> None:
        self.module_id = module_id_of(path)
        self.fd = os.open(path, os.O_RDONLY)
        self.number = os.fstat(self.fd).st_size // FRAME_SIZE_BYTES


async def serve(data_dir: str) -> None:
    import grpc
    from watchfiles import Change, awatch

    files = {str(path): _File(str(path)) for path in Path(data_dir).glob("*/*/*.pff")}

    async def stream(request: bytes, context: Any) -> None:
        async for changes in awatch(data_dir, watch_filter=None, step=1, debounce=5):
            for change, path in changes:
                if change is not Change.modified or (file := files.get(path)) is None:
                    continue
                while len(frame := os.pread(file.fd, FRAME_SIZE_BYTES, file.number * FRAME_SIZE_BYTES)) == (
                    FRAME_SIZE_BYTES
                ):
                    await context.write(_PLACE.pack(file.module_id, file.number) + frame)
                    file.number += 1

    server = grpc.aio.server()
    method: Any = grpc.unary_stream_rpc_method_handler
    handler = grpc.method_handlers_generic_handler("bench.Floor", {"Stream": method(stream)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


async def read(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
    import time

    import grpc

    async with grpc.aio.insecure_channel(address) as channel:
        await channel.channel_ready()
        call: Any = channel.unary_stream("/bench.Floor/Stream")
        stream = call(b"")
        ready()
        async for message in stream:
            now = time.time_ns()
            arrivals.extend((*_PLACE.unpack_from(message), now))


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        run_client(read, *sys.argv[2:])
