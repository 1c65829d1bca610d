"""Many frames and many connections: nothing grows."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from soak.clients import call_of
from soak.processes import Counts, patiently, running_server
from soak.scale import N_CONNECTIONS, N_FRAMES, note
from support.rig import RUN, recording, serving

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, ReceivedBlock
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import RunWriter

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300 + N_FRAMES / 200 + N_CONNECTIONS / 5)]

GROWTH: Final = 1.10  # of memory, from three tenths of the work to its end
SLACK_BYTES: Final = 4 << 20  # what an allocator does, in a short form
N_AT_ONCE: Final = 10
_OPTIONS: Final = (("grpc.use_local_subchannel_pool", 1),)


class Writing:
    """Writes frames in a thread, at most a number of them ahead of the reader; old files are deleted."""

    def __init__(self, data_dir: Path) -> None:
        self.n_read = 0
        self._stopping = threading.Event()
        self._data_dir = data_dir
        self.thread = threading.Thread(target=self._write, name="writer")

    def _write(self) -> None:
        sky = ModuleSky(1)
        products = (DataProduct.PH256, DataProduct.IMG8)
        frames = {p: [sky.frame(p, 1_767_225_600_000_000_000 + i) for i in range(53)] for p in products}
        run_dir = self._data_dir / "module_1" / RUN
        writer = RunWriter(run_dir, 1, max_file_frames=5000, keep_files=8)
        for i in range(N_FRAMES):
            while i - self.n_read > 10_000 and not self._stopping.is_set():
                time.sleep(0.005)
            if self._stopping.is_set():
                break
            product = products[i % 2]
            writer.write(product, frames[product][i % 53])
        writer.close()

    def stop(self) -> None:
        self._stopping.set()
        self.thread.join()


@contextmanager
def writing(data_dir: Path) -> Iterator[Writing]:
    data_dir.joinpath("module_1").mkdir(parents=True)
    writer = Writing(data_dir)
    try:
        yield writer
    finally:
        writer.stop()


async def visit(address: str, i: int) -> None:
    """A client that comes, takes one thing and goes: each with a connection of its own."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        if i % 3 == 0:
            status: Any = channel.unary_unary("/daqdata.DaqData/Status")
            await status(b"", wait_for_ready=True)
            return
        call = call_of(channel, ["all", "newest"][i % 2])
        assert await call.read() != grpc.aio.EOF
        if i % 4:
            call.cancel()  # else the channel is closed below it


async def visit_all(address: str, n: int) -> None:
    for begin in range(0, n, N_AT_ONCE):
        await asyncio.gather(*(visit(address, i) for i in range(begin, min(n, begin + N_AT_ONCE))))


async def follow(address: str, writer: Writing, counts: list[Counts], pid: int) -> None:
    """Take every frame; note what the server holds at each tenth of them."""
    async with AioDaqDataClient.connect(address) as client:
        newest = asyncio.create_task(take_newest(client), name="newest")
        try:
            stream = await client.stream_blocks(since="run")
            while not (await client.get_status(address)).streams:
                await asyncio.sleep(0.02)
            writer.thread.start()
            async for block in stream:
                assert isinstance(block, ReceivedBlock), block
                writer.n_read += len(block)
                while len(counts) < 10 * writer.n_read // N_FRAMES:
                    counts.append(Counts.of(pid))
                if writer.n_read == N_FRAMES:
                    break
        finally:
            newest.cancel()
            await asyncio.wait([newest])


async def take_newest(client: AioDaqDataClient) -> None:
    async for _ in client.stream_frames():
        pass


async def test_frames_leave_nothing_behind(tmp_path: Path) -> None:
    counts: list[Counts] = []
    data_dir = tmp_path / "data"
    with (
        writing(data_dir) as writer,
        running_server(data_dir, tmp_path / "log", "--log-level", "warning") as (server, address),
    ):
        begin = time.monotonic()
        await follow(address, writer, counts, server.pid)
        note(f"growth: {N_FRAMES} frames in {time.monotonic() - begin:.0f} s; " + told(counts))
        assert "Traceback" not in server.said
    check_flat(counts)
    shutil.rmtree(data_dir)


async def test_connections_leave_nothing_behind(tmp_path: Path) -> None:
    counts: list[Counts] = []
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16, 5)
        with running_server(tmp_path / "data", tmp_path / "log", "--log-level", "error") as (server, address):
            begin = time.monotonic()
            async with asyncio.timeout(None), AioDaqDataClient.connect(address) as client:
                for _ in range(10):
                    await visit_all(address, N_CONNECTIONS // 10)
                    while (await client.get_status(address)).streams:
                        await asyncio.sleep(0.02)
                    await asyncio.to_thread(settle, server.pid, counts)
            note(f"growth: {N_CONNECTIONS} connections in {time.monotonic() - begin:.0f} s; " + told(counts))
            assert "Traceback" not in server.said
    check_flat(counts)


def settle(pid: int, counts: list[Counts]) -> None:
    """Take the counts when they are no more than the first ones; a growth does not settle."""
    if counts:
        patiently(lambda: Counts.of(pid).descriptors <= counts[0].descriptors + 2)
    counts.append(Counts.of(pid))


def told(counts: list[Counts]) -> str:
    return f"after a tenth: {counts[0]}; after three: {counts[2]}; half: {counts[4]}; at the end: {counts[-1]}"


def check_flat(counts: list[Counts]) -> None:
    first = counts[2]  # by then all has been made that is kept
    assert max(c.rss_bytes for c in counts) <= GROWTH * first.rss_bytes + SLACK_BYTES
    # the threads of an executor are started one by one as they are needed
    assert counts[-1].threads <= first.threads + (os.cpu_count() or 1) + 4
    assert max(c.descriptors for c in counts[5:]) <= first.descriptors + 20


async def test_tasks_and_objects_of_a_server_do_not_grow(tmp_path: Path) -> None:
    """The same within this process, where the tasks can be counted."""
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 5)
        async with serving(tmp_path) as server:
            held: list[tuple[int, int]] = []
            for _ in range(3):
                await visit_all(server.address, 30)
                async with asyncio.timeout(5):
                    while server.acquisition.streams or len(asyncio.all_tasks()) > (held[0][0] if held else 10):
                        await asyncio.sleep(0.01)
                gc.collect()
                hub = server.acquisition.hub
                assert hub is not None and not hub.subscriptions
                held.append((len(asyncio.all_tasks()), n_messages()))
            assert held[2][0] <= held[0][0]
            assert held[2][1] <= held[1][1] + 5
    note(f"growth: tasks and protobuf messages in the server's process after 30, 60, 90 visits: {held}")


def n_messages() -> int:
    kinds = (pb.StreamImagesRequest, pb.StreamFramesRequest, pb.StatusResponse, pb.StreamFramesResponse)
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())
