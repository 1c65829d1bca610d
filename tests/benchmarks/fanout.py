"""The bridge to NATS: what it costs beside bare nats-py, and whether every frame is there once.

``python -m benchmarks.fanout cost [N_MODULES SECONDS]``: movies of 1000 frames/s per module through a node and a
bridge into a stream on disk; then the same bytes, published by nats-py alone. ``python -m benchmarks.fanout kills
[N_FRAMES]``: bridge and server are killed at random while frames are written; then all are read back. Prints what
it measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from support.nats import SITE, NatsServer, bridging
from support.rig import RUN, serving_process

from benchmarks.processes import cpu_s
from benchmarks.scratch import scratch
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.nats_link import NatsAddress, ask, connect
from panoseti_daq.fanout.conf import NatsPlaces, example_conf
from panoseti_daq.pff import DataProduct, Gap, Kind
from panoseti_daq.simulator.sky import ModuleSky

RATE_HZ: Final = 1000
TICK_S: Final = 0.1
SIZES: Final = ("--movie-gb", 20, "--pulse-height-gb", 1)
N_IN_FLIGHT: Final = 16  # as the bridge
BARE: Final = "BARE"


class Writer:
    """Appends the same tenth of a second of movie images to a file per module, again and again."""

    def __init__(self, data_dir: Path, n_modules: int) -> None:
        self._data_dir = data_dir
        sky = ModuleSky(1)
        n = round(RATE_HZ * TICK_S)
        self.piece = b"".join(sky.frame(DataProduct.IMG16, 1_767_225_600 * 10**9 + i * 10**6) for i in range(n))
        self.n_pieces, self.n_per_piece = 0, n
        self._files = []
        for module_id in range(1, n_modules + 1):
            directory = data_dir / f"module_{module_id}" / RUN
            directory.mkdir(parents=True)
            name = f"start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_{module_id}.seqno_0.pff"
            self._files.append((directory / name).open("wb", buffering=0))

    def write(self) -> None:
        for file in self._files:
            file.write(self.piece)
        self.n_pieces += 1

    def delete(self) -> None:
        """Delete the files."""
        for file in self._files:
            file.close()
        shutil.rmtree(self._data_dir)

    @property
    def n_bytes(self) -> int:
        return self.n_pieces * len(self.piece) * len(self._files)

    @property
    def n_frames(self) -> int:
        return self.n_pieces * self.n_per_piece * len(self._files)


def server_at(directory: Path) -> NatsServer:
    passwords = {user: user for user in ("bridge", "reader", "leaf", "admin")}
    places = NatsPlaces("127.0.0.1", -1, -1, -1, "", str(directory), max_file_gb=60)
    return NatsServer(directory, example_conf(SITE, places, passwords))


async def stored(nats: NatsServer, stream: str) -> int:
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "bench")
    try:
        return int((await ask(client, f"STREAM.INFO.{stream}", {}))["state"]["bytes"])
    finally:
        await client.close()


async def purge(nats: NatsServer, stream: str) -> None:
    """Delete what a stream holds."""
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "bench")
    try:
        await ask(client, f"STREAM.PURGE.{stream}", {})
    finally:
        await client.close()


async def bare(nats: NatsServer, n_bytes: int, n_per_s: float) -> float:
    """CPU seconds of this process for messages of the bridge's size, at the same rate, into a stream on disk."""
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "bench")
    js = client.jetstream(timeout=30)
    config = {"name": BARE, "subjects": ["bare"], "storage": "file", "max_bytes": 20_000_000_000}
    await ask(client, f"STREAM.CREATE.{BARE}", config)
    data, begin, sent = b"x" * 262_144, time.process_time(), 0
    free, start = asyncio.Semaphore(N_IN_FLIGHT), time.monotonic()

    async def send() -> None:
        await js.publish("bare", data)
        free.release()

    async with asyncio.TaskGroup() as tasks:
        while sent < n_bytes:
            await free.acquire()
            tasks.create_task(send())
            sent += len(data)
            if (early_s := start + sent / n_per_s - time.monotonic()) > 0.01:
                await asyncio.sleep(early_s)
    await client.close()
    return time.process_time() - begin


async def cost(directory: Path, n_modules: int, seconds: float) -> None:
    writer = Writer(directory / "data", n_modules)
    writer.write()
    follow = "--data-dir", directory / "data", "--run-probe", "none"
    server = server_at(directory / "nats")
    server.start()
    try:
        with (
            serving_process(*follow) as (node, address),
            bridging(server, address, "--from-start", *SIZES) as bridge,
        ):
            await asyncio.sleep(2)
            assert server.process is not None
            pids = bridge.pid, node.pid, server.process.pid
            before, begin = [cpu_s(pid) for pid in pids], time.monotonic()
            at = begin
            while time.monotonic() < begin + seconds:
                writer.write()
                at += TICK_S
                await asyncio.sleep(max(0.0, at - time.monotonic()))
            took_s = time.monotonic() - begin
            end = time.monotonic()
            stream = SITE.frames(Kind.MOVIE)
            while await stored(server, stream) < writer.n_bytes and time.monotonic() < end + 120:
                await asyncio.sleep(0.05)
            late_s = time.monotonic() - end
            used_s, node_s, nats_s = (cpu_s(pid) - n for pid, n in zip(pids, before, strict=True))
        rate = writer.n_bytes / took_s
        print(f"{n_modules} modules x {RATE_HZ} frames/s, {took_s:.0f} s: {rate / 1e6:.0f} MB/s written")
        print(f"all stored {late_s:.1f} s after the last was written")
        print(f"of a core: bridge {used_s / took_s:.2f}, node {node_s / took_s:.2f}, NATS {nats_s / took_s:.2f}")
        digest = await read_back(server, writer)
        print(f"read back: {writer.n_frames} frames, {digest}")
        # There is room on the disk for the frames twice, and not three times.
        writer.delete()
        await purge(server, stream)
        floor_s = await bare(server, writer.n_bytes, rate)
        print(f"bare nats-py {floor_s / took_s:.2f} of a core; bridge / bare {used_s / floor_s:.2f}")
    finally:
        server.kill()


async def read_back(nats: NatsServer, writer: Writer) -> str:
    """Read all frames of the run; raise unless each is there once, with its bytes."""
    expected = hashlib.sha256(writer.piece * writer.n_pieces).digest()
    hashes: dict[int, tuple[int, hashlib._Hash]] = {}
    n = 0
    async with (
        AioDaqDataClient.connect(nats.url()) as client,
        client.stream_blocks(since="run", wait_for_ready=True) as blocks,
    ):
        async for block in blocks:
            if isinstance(block, Gap):
                raise RuntimeError(f"a gap: {block}")
            number, digest = hashes.get(block.module_id, (0, hashlib.sha256()))
            if block.first_frame_number != number:
                raise RuntimeError(f"module {block.module_id}: {block.first_frame_number} and not {number}")
            digest.update(block.data)
            hashes[block.module_id] = number + len(block), digest
            n += len(block)
            if n >= writer.n_frames:
                break
    same = all(digest.digest() == expected for _, digest in hashes.values())
    return "0 missing, 0 twice, bytes of the files" if same else "OTHER BYTES"


async def kills(directory: Path, n_frames: int) -> None:
    writer = Writer(directory / "data", 4)
    writer.write()
    n_killed = {"bridge": 0, "server": 0}
    follow = "--data-dir", directory / "data", "--run-probe", "none"
    server = server_at(directory / "nats")
    server.start()
    begin = time.monotonic()
    with serving_process(*follow) as (_, address), ExitStack() as bridges:
        enter: Callable[[], object] = lambda: bridges.enter_context(  # noqa: E731
            bridging(server, address, "--from-start", *SIZES)
        )
        enter()
        while writer.n_frames < n_frames:
            for _ in range(random.randint(1, 100)):
                writer.write()
                await asyncio.sleep(TICK_S / 4)
            if random.random() < 0.5:
                n_killed["server"] += 1
                server.kill()
                await asyncio.sleep(random.uniform(0, 2))
                server.start()
            else:
                n_killed["bridge"] += 1
                await asyncio.to_thread(bridges.close)  # kills it
                await asyncio.to_thread(enter)
        written_s = time.monotonic() - begin
        digest = await read_back(server, writer)
    server.kill()
    print(f"{writer.n_frames} frames written in {written_s:.0f} s; killed: {n_killed}")
    print(f"read back {time.monotonic() - begin - written_s:.0f} s later: {digest}")


if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    with scratch() as made:
        if what == "cost":
            asyncio.run(cost(made, *(int(n) for n in numbers or (45, 120))))
        else:
            asyncio.run(kills(made, *(int(n) for n in numbers or (1_000_000,))))
