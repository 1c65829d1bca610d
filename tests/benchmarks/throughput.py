"""Throughput of one stream of all frames, beside its floors.

The floors are `os.pread` of the same bytes, and a bare grpc.aio stream that reads the same file, a megabyte at a
time; all from the page cache. Both streams once more, with the frames written to files in memory.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any, Final

import grpc
from support.rig import RUN, START_NS, serving_process

from benchmarks.bench import Bench
from benchmarks.table import FLOOR, OURS, Row, of_floor
from panoseti_daq.allocator import keep_freed_memory
from panoseti_daq.client import AioDaqDataClient, ReceivedBlock
from panoseti_daq.client.record import Recorder
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.sky import ModuleSky

OF_FLOOR: Final = 0.8
OF_COPY: Final = 0.9  # of the bare stream, written to one file
PREAD: Final = "pread"
PRODUCT: Final = DataProduct.IMG16
MESSAGE_BYTES: Final = (1 << 20) // 2540 * 2540  # of the floors, which are the fastest so


def make_file(data_dir: Path, n_frames: int) -> Path:
    sky = ModuleSky(1)
    frames = b"".join(sky.frame(PRODUCT, START_NS + i * 1_000_000) for i in range(500))
    path = (
        data_dir / "module_1" / RUN / f"start_2026-01-01T00:00:00Z.dp_{PRODUCT.token}.bpp_2.module_1.seqno_0.pff"
    )
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        for _ in range(n_frames // 500):
            file.write(frames)
    return path


async def ours(address: str, n_bytes: int, out_dir: Path | None = None) -> float:
    """Bytes per second of a stream of all frames, recorded to `out_dir` as the command records them."""
    with ExitStack() as stack:
        recorder = stack.enter_context(closing(Recorder(out_dir))) if out_dir else None
        async with AioDaqDataClient.connect(address) as client:
            begin, received = time.perf_counter(), 0
            async for block in client.stream_blocks(since="run"):
                assert isinstance(block, ReceivedBlock)
                if recorder is not None:
                    recorder.write(block)
                received += len(block.data)
                if received >= n_bytes:
                    break
            return received / (time.perf_counter() - begin)


def pread(path: Path) -> float:
    """Bytes per second of reading the file."""
    fd = os.open(path, os.O_RDONLY)
    begin, at = time.perf_counter(), 0
    while data := os.pread(fd, MESSAGE_BYTES, at):
        at += len(data)
    os.close(fd)
    return at / (time.perf_counter() - begin)


def serve_bare(ports: Queue[int], path: Path) -> None:
    """A gRPC server that does nothing but read a file and write it."""

    async def run() -> None:
        keep_freed_memory()
        server = grpc.aio.server()
        fd = os.open(path, os.O_RDONLY)

        async def send(request: bytes, context: Any) -> None:
            at = 0
            while message := os.pread(fd, MESSAGE_BYTES, at):
                await context.write(message)
                at += len(message)

        make: Any = grpc.unary_stream_rpc_method_handler
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Bare", {"Send": make(send)}),))
        ports.put(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(run())


async def bare(port: int, out: Path | None = None) -> float:
    """Bytes per second of a bare grpc.aio stream, written to the file `out`."""
    with ExitStack() as stack:
        file = stack.enter_context(out.open("wb")) if out else None
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            begin, received = time.perf_counter(), 0
            stream: Any = channel.unary_stream("/Bare/Send")
            async for message in stream(b""):
                if file is not None:
                    file.write(message)
                received += len(message)
            return received / (time.perf_counter() - begin)


def measure(n_frames: int, repetitions: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """MB/s of streams, and of streams that are written to files."""
    results: dict[str, list[float]] = {name: [] for name in (OURS, FLOOR, PREAD)}
    recorded: dict[str, list[float]] = {name: [] for name in (OURS, FLOOR)}
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as scratch,
        tempfile.TemporaryDirectory(prefix="bench-", dir=memory if memory.is_dir() else None) as out,
    ):
        path = make_file(Path(scratch), n_frames)
        n_bytes = path.stat().st_size
        spawn = multiprocessing.get_context("spawn")
        ports: Queue[int] = spawn.Queue()
        server = spawn.Process(target=serve_bare, args=(ports, path), daemon=True)
        server.start()
        port = ports.get()
        with serving_process("--data-dir", scratch, "--run-probe", "none", "--log-level", "error") as (_, address):
            for i in range(repetitions):
                results[PREAD].append(pread(path) / 1e6)
                results[OURS].append(asyncio.run(ours(address, n_bytes)) / 1e6)
                results[FLOOR].append(asyncio.run(bare(port)) / 1e6)
                recorded[OURS].append(asyncio.run(ours(address, n_bytes, Path(out, str(i)))) / 1e6)
                shutil.rmtree(Path(out, str(i)))
                recorded[FLOOR].append(asyncio.run(bare(port, Path(out, "copy"))) / 1e6)
        server.kill()
    return results, recorded


def rows(bench: Bench) -> Iterator[Row]:
    bench.say("throughput of one stream of all frames")
    found, recorded = measure(20_000 if bench.quick else 400_000, bench.n_repetitions)
    goal = of_floor(found[FLOOR], OF_FLOOR, at_least=True)
    yield Row.of("one stream of all img16 frames", "throughput", "MB/s", found, goal)
    goal = of_floor(recorded[FLOOR], OF_COPY, at_least=True)
    yield Row.of("the same stream, recorded to files in memory", "throughput", "MB/s", recorded, goal)
