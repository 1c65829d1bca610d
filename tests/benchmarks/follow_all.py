"""Every frame of many modules, followed by one server.

A process writes img16 frames at a fixed rate as Hashpipe does, a megabyte at a time (SPEC 1.5); a client takes all
of them from a server. Counts what arrived, and measures what the server needs, and how long after it was due to be
written the last frame is there.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

from support.rig import serving_process

from benchmarks.bench import Bench
from benchmarks.processes import cpu_s
from benchmarks.table import OURS, Goal, Row
from benchmarks.workload import FRAME_SIZE_BYTES, IMG16, Workload, encoded_frame, file_of, place_of
from panoseti_daq.client import AioDaqDataClient, ReceivedBlock

STDIO_BYTES: Final = 1 << 20
DURATION_S: Final = 5.0
QUANTITIES: Final = (
    ("delivered", "%", Goal(100, "", at_least=True)),
    ("throughput", "MB/s", None),
    ("late by", "s", Goal(0.1, "")),
    ("server", "% of a core", Goal(40, "")),
)
WORKLOAD: Final = Workload(n_modules=64, rate_hz=1000)


def schedule(n_frames: int) -> list[tuple[float, int, int, int]]:
    """Return when each append is due, s, its module, and its bytes; their turns are spread over time."""
    total = n_frames * FRAME_SIZE_BYTES
    return sorted(
        (
            min(total, end) / (WORKLOAD.rate_hz * FRAME_SIZE_BYTES) + module_id / 1000,
            module_id,
            begin,
            min(total, end),
        )
        for module_id in WORKLOAD.module_ids
        for begin, end in ((at, at + STDIO_BYTES) for at in range(0, total, STDIO_BYTES))
    )


def write(data_dir: Path, n_frames: int, together: Barrier) -> None:
    """Append to all files, each a megabyte at a time and then its rest."""
    content = memoryview(encoded_frame() * n_frames)
    appends = schedule(n_frames)
    files = {
        module_id: file_of(data_dir, place_of(module_id, IMG16)).open("ab", buffering=0)
        for module_id in WORKLOAD.module_ids
    }
    together.wait()
    start = time.perf_counter()
    for due_s, module_id, begin, end in appends:
        time.sleep(max(0.0, start + due_s - time.perf_counter()))
        files[module_id].write(content[begin:end])


async def read(address: str, n_frames: int, together: Barrier) -> tuple[int, float]:
    """Frames that arrived, and the time that it took, s; gives up 10 s after the last one."""
    n_received = 0
    async with AioDaqDataClient.connect(address) as client:
        stream = aiter(client.stream_blocks(since="run"))
        together.wait()
        begin = last = time.perf_counter()
        try:
            while n_received < n_frames:
                async with asyncio.timeout(10):
                    block = await anext(stream)
                if isinstance(block, ReceivedBlock):
                    n_received += len(block)
                last = time.perf_counter()
        except TimeoutError:
            pass
    return n_received, last - begin


def measure(duration_s: float) -> dict[str, float]:
    memory = Path("/dev/shm")  # a disk that cannot keep up is not what is measured
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory if memory.is_dir() else None) as scratch:
        data_dir = Path(scratch)
        WORKLOAD.prepare(data_dir)
        spawn = multiprocessing.get_context("spawn")
        together = spawn.Barrier(2)
        n_written = round(WORKLOAD.rate_hz * duration_s)  # by each module
        writer = spawn.Process(target=write, args=(data_dir, n_written, together), daemon=True)
        writer.start()
        n_frames = WORKLOAD.n_modules * (1 + n_written)
        with serving_process("--data-dir", scratch, "--run-probe", "none", "--log-level", "error") as (server, at):
            before = cpu_s(server.pid)
            n_received, took_s = asyncio.run(read(at, n_frames, together))
            used_s = cpu_s(server.pid) - before
        writer.join()
    return {
        "delivered": 100 * n_received / n_frames,
        "throughput": n_received * FRAME_SIZE_BYTES / took_s / 1e6,
        "late by": took_s - schedule(n_written)[-1][0],
        "server": 100 * used_s / took_s,
    }


def rows(bench: Bench) -> Iterator[Row]:
    duration_s = 3.0 if bench.quick else DURATION_S
    results: list[dict[str, float]] = []
    for i in range(bench.n_repetitions):
        bench.say(f"all frames of {WORKLOAD}, {i + 1} of {bench.n_repetitions}")
        results.append(measure(duration_s))
    for quantity, unit, goal in QUANTITIES:
        found = {OURS: [result[quantity] for result in results]}
        yield Row.of(f"all frames of {WORKLOAD}, a megabyte at a time", quantity, unit, found, goal)
