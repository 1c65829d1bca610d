"""Clients that vanish, and clients that take nothing."""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from soak.clients import take_first
from soak.processes import Actor, Counts, patiently, program, running, running_server
from soak.scale import N_VANISHING, STALLED_PHASE_S, note
from support.proxy import proxying
from support.rig import Recorder, recording

from panoseti_daq.client import DaqDataClient
from panoseti_daq.pff import DataProduct

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]

IMG16: Final = DataProduct.IMG16
N_PROCESSES: Final = 4
LEFT_WHILE_WRITING: Final = "grpc._cython.cygrpc.ExecuteBatchError"
N_FAST = N_STALLED = 50
PERIOD_S: Final = 0.05  # 20 frames/s to 50 clients: a third of a core of a DAQ node


def n_streams(address: str) -> int:
    with DaqDataClient.connect(address) as client:
        return len(client.get_status(address).streams)


@contextmanager
def there(mode: str, address: str, n: int, log: Path) -> Iterator[Actor]:
    """`n` clients in one process, all of which stream."""
    with running(Actor(mode, program("clients", mode, address, n), log), f"{n} there") as actor:
        yield actor


def settled(pid: int, at_most: Counts) -> Counts:
    """What a process holds once it has let go of what it can; fails while it holds more than before."""
    patiently(lambda: Counts.of(pid).descriptors <= at_most.descriptors)
    patiently(lambda: Counts.of(pid).threads <= at_most.threads)
    return Counts.of(pid)


def test_clients_that_are_killed_give_everything_back(tmp_path: Path) -> None:
    n_each = N_VANISHING // N_PROCESSES
    options = ("--max-concurrent-rpcs", N_VANISHING, "--log-level", "warning")
    with recording(tmp_path / "data") as recorder:
        recorder.write(IMG16, 50)
        with running_server(tmp_path / "data", tmp_path / "log", *options) as (server, address):
            before = None
            for turn in range(3):
                with ExitStack() as clients:
                    for i in range(N_PROCESSES):
                        log = tmp_path / f"{turn}_{i}"
                        clients.enter_context(there(["newest", "all"][i % 2], address, n_each, log))
                    assert n_streams(address) == N_VANISHING  # every slot is taken
                    during = Counts.of(server.pid)
                    recorder.write(IMG16, 10)
                patiently(lambda: n_streams(address) == 0)
                if before is None:  # the first turn starts the threads that stay
                    settled(server.pid, replace(during, descriptors=during.descriptors - N_VANISHING + 10))
                    before = Counts.of(server.pid)
                after = settled(server.pid, before)
            note(f"vanishing: {N_VANISHING} killed, 3 times; before: {before}; with: {during}; after: {after}")
            assert "Traceback" not in server.said


# odd night 66
async def test_lossless_clients_that_leave_together_give_every_file_back(tmp_path: Path) -> None:
    n_rounds, n_clients, n_modules = 6, 8, 16
    with ExitStack() as recorders:
        for module_id in range(1, n_modules + 1):
            recorders.enter_context(recording(tmp_path / "data", module_id)).write(IMG16, 400)
        with running_server(tmp_path / "data", tmp_path / "log", "--log-level", "warning") as (server, address):
            before = None
            counted = []
            async with proxying(address) as proxy:
                for turn in range(n_rounds):
                    through = f"127.0.0.1:{proxy.port}"
                    clients = await asyncio.gather(
                        *(take_first(through, "all", is_deaf=False) for _ in range(n_clients))
                    )
                    assert await asyncio.to_thread(n_streams, address) == n_clients
                    if turn % 2:
                        proxy.cut()
                    else:
                        for _, call in clients:
                            call.cancel()
                    await asyncio.to_thread(patiently, lambda: n_streams(address) == 0)
                    await asyncio.gather(*(channel.close() for channel, _ in clients))
                    before = before or Counts.of(server.pid)
                    counted.append((await asyncio.to_thread(settled, server.pid, before)).descriptors)
            note(f"leaving together: {n_clients} lossless clients of {n_modules} modules: descriptors {counted}")
            assert "Traceback" not in server.said


async def test_clients_whose_connections_are_cut_give_everything_back(tmp_path: Path) -> None:
    n_clients = N_VANISHING // 4
    with recording(tmp_path / "data") as recorder:
        recorder.write(IMG16, 5)
        with running_server(tmp_path / "data", tmp_path / "log", "--log-level", "warning") as (server, address):
            before = None
            async with proxying(address) as proxy:
                for _ in range(3):
                    through = f"127.0.0.1:{proxy.port}"
                    clients = await asyncio.gather(
                        *(take_first(through, "newest", is_deaf=False) for _ in range(n_clients))
                    )
                    assert await asyncio.to_thread(n_streams, address) == n_clients
                    proxy.cut()
                    await asyncio.to_thread(patiently, lambda: n_streams(address) == 0)
                    await asyncio.gather(*(channel.close() for channel, _ in clients))
                    before = before or Counts.of(server.pid)
            assert before is not None
            after = await asyncio.to_thread(settled, server.pid, before)
            note(f"vanishing: {n_clients} cut connections, 3 times; before: {before}; after: {after}")
            assert "Traceback" not in server.said


@asynccontextmanager
async def writing(recorder: Recorder) -> AsyncIterator[None]:
    """Frames at a steady rate as long as the block."""

    async def write() -> None:
        while True:
            recorder.write(IMG16)
            await asyncio.sleep(PERIOD_S)

    task = asyncio.create_task(write(), name="writer")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def seen_by_fast(recorder: Recorder, address: str, tmp_path: Path) -> list[dict[str, Any]]:
    """What 50 fast clients see of the frames of one phase."""
    n_before = len(recorder.frames[IMG16])
    last = n_before + round(STALLED_PHASE_S / PERIOD_S)
    log = tmp_path / f"fast_{time.monotonic_ns()}"
    fast = Actor("fast", program("clients", "fast", address, N_FAST, last), log)
    fast.start()
    try:
        await asyncio.to_thread(patiently, lambda: n_streams(address) >= N_FAST, 120)
        async with writing(recorder):
            while len(recorder.frames[IMG16]) <= last:
                await asyncio.sleep(PERIOD_S)
        assert fast.process is not None
        assert await asyncio.to_thread(fast.process.wait, 60) == 0, fast.said
    finally:
        fast.clean_up()
    seen: list[dict[str, Any]] = json.loads(fast.said)
    return seen


def p99_ms(seen: list[dict[str, Any]]) -> float:
    latencies: list[float] = [x for client in seen for x in client["latencies"]]
    return 1000 * statistics.quantiles(latencies, n=100)[98]


async def test_fast_clients_get_their_frames_beside_stalled_ones(tmp_path: Path) -> None:
    """Each of the fast ones gets the last frame; how late the frames are is measured, alone and beside."""
    options = ("--max-concurrent-rpcs", 200, "--stalled-client-timeout", 3600, "--log-level", "warning")
    alone, beside, n_dropped = [], [], []
    with recording(tmp_path / "data") as recorder:
        recorder.write(IMG16)
        with running_server(tmp_path / "data", tmp_path / "log", *options) as (server, address):
            for turn in range(2):
                alone.append(await seen_by_fast(recorder, address, tmp_path))
                with there("deaf", address, N_STALLED, tmp_path / f"deaf_{turn}"):
                    async with writing(recorder):  # until what lies between is full
                        await asyncio.to_thread(patiently, lambda: n_stalled(address) >= N_STALLED, 120)
                    beside.append(await seen_by_fast(recorder, address, tmp_path))
                    assert n_stalled(address) == N_STALLED  # nobody was ended, and nobody got what it did not take
            assert set(tracebacks(server.said)) <= {LEFT_WHILE_WRITING}
    for phase in (*alone, *beside):
        assert len(phase) == N_FAST
        n_dropped.append(sum(client["dropped"] for client in phase))
    figures = [", ".join(f"{p99_ms(seen):.2f}" for seen in phases) for phases in (alone, beside)]
    note(
        f"stalled: p99 of {N_FAST} fast clients at {1 / PERIOD_S:.0f} frames/s, {STALLED_PHASE_S:g} s each, load"
        f" {os.getloadavg()[0]:.1f}: alone {figures[0]} ms; beside {N_STALLED} stalled ones {figures[1]} ms;"
        f" frames dropped for fast clients in turn: {n_dropped[0::1]}"
    )


def tracebacks(said: str) -> list[str]:
    """Last lines of the tracebacks in a log."""
    return re.findall(r"^Traceback \(most recent.*?\n(?:[ +|].*\n)*(\S+?):.*$", said, re.MULTILINE)


async def test_a_client_that_leaves_while_it_is_written_to_is_no_error(tmp_path: Path) -> None:
    with recording(tmp_path / "data") as recorder:
        recorder.write(IMG16)
        with running_server(tmp_path / "data", tmp_path / "log") as (server, address):
            with there("deaf", address, 5, tmp_path / "deaf"):
                async with writing(recorder):
                    await asyncio.to_thread(patiently, lambda: n_stalled(address) >= 5, 120)
            await asyncio.to_thread(patiently, lambda: n_streams(address) == 0)
            assert not tracebacks(server.said)


def n_stalled(address: str) -> int:
    """Streams for which frames were dropped."""
    with DaqDataClient.connect(address) as client:
        return sum(stream.dropped > 0 for stream in client.get_status(address).streams)
