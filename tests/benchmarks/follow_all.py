"""Every frame of many modules, followed by one server: ``python -m benchmarks.follow_all`` from tests/.

A process writes img16 frames at a fixed rate as Hashpipe does, a megabyte at a time (SPEC 1.5); a client takes all
of them from a server. Counts what arrived, and measures what the server needs. It never asserts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from benchmarks.workload import FRAME_SIZE_BYTES, Workload, encoded_frame, file_of
from rig import serving_process

from panoseti_daq.client import AioDaqDataClient, ReceivedBlock

STDIO_BYTES: Final = 1 << 20
WORKLOAD: Final = Workload(n_modules=64, rate_hz=1000)


def write(data_dir: Path, duration_s: float, go: Event) -> None:
    """Append to all files, each a megabyte at a time and then its rest; their turns are spread over time."""
    n_frames = round(WORKLOAD.rate_hz * duration_s)
    total = n_frames * FRAME_SIZE_BYTES
    content = memoryview(encoded_frame() * n_frames)
    appends = sorted(
        (
            min(total, end) / (WORKLOAD.rate_hz * FRAME_SIZE_BYTES) + module_id / 1000,
            module_id,
            begin,
            min(total, end),
        )
        for module_id in WORKLOAD.module_ids
        for begin, end in ((at, at + STDIO_BYTES) for at in range(0, total, STDIO_BYTES))
    )
    files = {module_id: file_of(data_dir, module_id).open("ab", buffering=0) for module_id in WORKLOAD.module_ids}
    go.wait()
    start = time.perf_counter()
    for due_s, module_id, begin, end in appends:
        time.sleep(max(0.0, start + due_s - time.perf_counter()))
        files[module_id].write(content[begin:end])


async def read(address: str, n_frames: int, go: Event) -> tuple[int, int, float]:
    """Frames that arrived, messages that were gaps, and the time that it took, s; gives up 10 s after the last one."""
    n_received = n_gaps = 0
    begin = last = time.perf_counter()
    async with AioDaqDataClient.connect(address) as client:
        stream = aiter(client.stream_frames(mode="all", since="run"))
        go.set()
        try:
            while n_received < n_frames:
                async with asyncio.timeout(10):
                    block = await anext(stream)
                if isinstance(block, ReceivedBlock):
                    n_received += len(block)
                else:
                    n_gaps += 1
                last = time.perf_counter()
        except TimeoutError:
            pass
    return n_received, n_gaps, last - begin


def cpu_s(pid: int) -> float:
    """Processor time that a process has used, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(duration_s: float) -> dict[str, float]:
    memory = Path("/dev/shm")  # a disk that cannot keep up is not what is measured
    with tempfile.TemporaryDirectory(prefix="bench-", dir=memory if memory.is_dir() else None) as scratch:
        data_dir = Path(scratch)
        WORKLOAD.prepare(data_dir)
        spawn = multiprocessing.get_context("spawn")
        go = spawn.Event()
        writer = spawn.Process(target=write, args=(data_dir, duration_s, go), daemon=True)
        writer.start()
        n_frames = WORKLOAD.n_modules * (1 + round(WORKLOAD.rate_hz * duration_s))
        with serving_process("--data-dir", scratch, "--run-probe", "none", "--log-level", "error") as (server, at):
            before = cpu_s(server.pid)
            n_received, n_gaps, took_s = asyncio.run(read(at, n_frames, go))
            used_s = cpu_s(server.pid) - before
        writer.join()
    return {
        "written": n_frames,
        "delivered": n_received,
        "gaps": n_gaps,
        "MB/s": n_received * FRAME_SIZE_BYTES / took_s / 1e6,
        "late by s": took_s - duration_s,
        "server, cores": used_s / took_s,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one repetition of 3 s")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args()
    duration_s, repetitions = (3.0, 1) if options.quick else (10.0, 5)
    results = [measure(duration_s) for _ in range(repetitions)]
    print(f"all frames of {WORKLOAD}, {duration_s:g} s: medians (range)")
    for name in results[0]:
        values = [result[name] for result in results]
        print(f"  {name:14} {statistics.median(values):12.2f} ({min(values):.2f}-{max(values):.2f})")
    if options.json:
        options.json.write_text(json.dumps(results))


if __name__ == "__main__":
    main()
