"""Readers on NATS: walls to many, the age at a slow one, an outage of the server; beside bare nats-py.

``python -m benchmarks.fanout_readers walls [N_READERS SECONDS]``: raw subscribers of the walls that a bridge
publishes, then of as many bytes that nats-py alone publishes. ``slow [N_MODULES SECONDS]``: ages at a reader that
asks twice a second, of frames that are written ten times a second. ``outage [N_MODULES SECONDS]``: the server is
killed and comes back after a while; memory of the bridge, and when it has caught up. Prints what it measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from support.nats import SITE, NatsServer, bridging
from support.rig import RUN, serving_process

from benchmarks.fanout import SIZES, TICK_S, Writer, read_back, server_at, stored
from benchmarks.processes import Command, cpu_s
from benchmarks.scratch import scratch
from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.nats_link import NatsAddress, ask, connect, send
from panoseti_daq.client.nats_puller import Puller
from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import RunWriter
from panoseti_daq.wire.subjects import EVERYTHING

WALL: Final = SITE.wall(EVERYTHING)
BARE_WALL: Final = SITE.wall("bare")
PERIOD_S: Final = 0.1
PULL_S: Final = 0.5


class RawReader(asyncio.BufferedProtocol):
    """Subscribes to a subject and counts bytes, as a browser without a picture would."""

    def __init__(self, subject: str, user: str) -> None:
        self._subject, self._user = subject, user
        self._buffer = bytearray(262_144)
        self.n_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        options = {"verbose": False, "pedantic": False, "user": self._user, "pass": self._user, "headers": True}
        transport.write(f"CONNECT {json.dumps(options)}\r\nSUB {self._subject} 1\r\nPING\r\n".encode())

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.n_bytes += nbytes


async def count(nats: NatsServer, subject: str, n_readers: int, seconds: float) -> list[int]:
    """Bytes that each of some raw readers got within a time."""
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: RawReader(subject, "reader"), "127.0.0.1", nats.ports["client"])
        for _ in range(n_readers)
    ]
    await asyncio.sleep(2)
    before = [reader.n_bytes for _, reader in pairs]
    await asyncio.sleep(seconds)
    got = [reader.n_bytes - n for (_, reader), n in zip(pairs, before, strict=True)]
    for transport, _ in pairs:
        transport.close()
    return got


async def measured(what: str, nats: NatsServer, subject: str, n_readers: int, seconds: float) -> None:
    assert nats.process is not None
    before, own, begin = cpu_s(nats.process.pid), time.process_time(), time.monotonic()
    got = await count(nats, subject, n_readers, seconds)
    took_s = time.monotonic() - begin
    server, readers = (cpu_s(nats.process.pid) - before) / took_s, (time.process_time() - own) / took_s
    print(
        f"{what}: {n_readers} readers, {sum(got) / seconds / 1e6:.0f} MB/s, least/most {min(got) / max(got):.3f};"
        f" server {server:.2f}, all readers {readers:.2f} of a core"
    )


def night(data_dir: Path, n_modules: int) -> None:
    """Write movies and pulse heights of some modules, ten times a second, with the time of their writing."""
    modules = range(1, n_modules + 1)
    writers = {m: (RunWriter(data_dir / f"module_{m}" / RUN, m), ModuleSky(m)) for m in modules}
    print("ready", flush=True)
    at = time.monotonic()
    while True:
        for writer, sky in writers.values():
            for product in (DataProduct.IMG16, DataProduct.PH1024):
                writer.write(product, sky.frame(product, time.time_ns()))
        at = max(at + PERIOD_S, time.monotonic())
        time.sleep(at - time.monotonic())


async def with_night(directory: Path, n_modules: int, then: Callable[[NatsServer, int], Awaitable[None]]) -> None:
    """Do something while a bridge publishes; gets the server and the process of the bridge."""
    server = server_at(directory / "nats")
    server.start()
    # A process of its own: it would hold up the readers.
    write = Command("-m", "benchmarks.fanout_readers", "night", str(directory / "data"), str(n_modules))
    try:
        with (
            write.running("ready", directory / "night.log"),
            serving_process("--data-dir", directory / "data", "--run-probe", "none") as (_, address),
            bridging(server, address, *SIZES) as bridge,
        ):
            await asyncio.sleep(3)
            await then(server, bridge.pid)
    finally:
        server.kill()


async def walls(directory: Path, n_readers: int, seconds: float) -> None:
    async def then(server: NatsServer, bridge: int) -> None:
        before = cpu_s(bridge)
        await measured("walls of the bridge", server, WALL, n_readers, seconds)
        print(f"bridge {(cpu_s(bridge) - before) / (seconds + 2):.2f} of a core, with all frames")
        client = await connect(NatsAddress.parse(server.url("bridge", "")), "bench")
        [message] = await (await Puller.open(client, SITE.latest, WALL, deliver_policy="last_per_subject")).pull(
            1, 5
        )
        print(f"a wall has {len(message.data)} bytes")

        async def publish() -> None:
            while True:
                await send(client, BARE_WALL, message.data)
                await asyncio.sleep(1)

        publishing = asyncio.create_task(publish())
        await measured("as many bytes by bare nats-py", server, BARE_WALL, n_readers, seconds)
        publishing.cancel()
        await client.close()

    await with_night(directory, 45, then)


def shown(ages_s: list[float]) -> str:
    ms = [1000 * age for age in ages_s]
    return f"age median {median(ms):.0f}, p99 {quantiles(ms, n=100)[98]:.0f}, most {max(ms):.0f} ms of {len(ms)}"


async def slow(directory: Path, n_modules: int, seconds: float) -> None:
    async def then(server: NatsServer, bridge: int) -> None:
        ages: list[float] = []
        async with (
            AioDaqDataClient.connect(server.url()) as client,
            client.stream_frames(selection=Selection(update_interval_s=PULL_S)) as stream,
        ):
            end = time.monotonic() + seconds
            async for frame in stream:
                ages.append(time.time() - frame.time.unix_ns / 1e9)
                if time.monotonic() > end:
                    break
        print(f"slow reader of the bridge, written every {PERIOD_S * 1000:.0f} ms: {shown(ages)}")
        print(f"bare nats-py: {shown(await bare_ages(server, 2 * n_modules, seconds))}")

    await with_night(directory, n_modules, then)


async def bare_ages(server: NatsServer, n_keys: int, seconds: float) -> list[float]:
    """Ages of messages with the time in them, published as often, pulled as slowly."""
    client = await connect(NatsAddress.parse(server.url("bridge", "")), "bench")
    await ask(client, "STREAM.CREATE.BARE_NEWEST", {
        "name": "BARE_NEWEST", "subjects": ["newest.*"], "storage": "memory", "max_msgs_per_subject": 1,
        "max_bytes": 64_000_000,
    })  # fmt: skip

    async def publish() -> None:
        while True:
            for i in range(n_keys):
                await send(client, f"newest.{i}", time.time_ns().to_bytes(8, "little") + bytes(2200))
            await asyncio.sleep(PERIOD_S)

    publishing = asyncio.create_task(publish())
    puller = await Puller.open(client, "BARE_NEWEST", "newest.*", deliver_policy="last_per_subject")
    ages: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        messages, now_ns = await puller.pull(n_keys, 1.0), time.time_ns()
        ages += [(now_ns - int.from_bytes(message.data[:8], "little")) / 1e9 for message in messages]
        await asyncio.sleep(PULL_S)
    publishing.cancel()
    await client.close()
    return ages


def rss_mb(pid: int) -> float:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1000


async def outage(directory: Path, n_modules: int, seconds: float) -> None:
    writer = Writer(directory / "data", n_modules)
    writer.write()
    server = server_at(directory / "nats")
    server.start()

    async def write(for_s: float) -> list[float]:
        """Memory of the bridge, each second."""
        at, seen = time.monotonic(), [rss_mb(bridge.pid)]
        end = at + for_s
        while at < end:
            writer.write()
            at += TICK_S
            seen += [rss_mb(bridge.pid)] * (writer.n_pieces % 10 == 0)
            await asyncio.sleep(max(0.0, at - time.monotonic()))
        return seen

    stream = SITE.frames(Kind.MOVIE)
    try:
        with (
            serving_process("--data-dir", directory / "data", "--run-probe", "none") as (_, address),
            bridging(server, address, "--from-start", *SIZES) as bridge,
        ):
            before = await write(10)
            server.kill()
            n_before = writer.n_bytes
            during = await write(seconds)
            server.start()
            begin = time.monotonic()
            while await stored(server, stream) < writer.n_bytes and time.monotonic() < begin + 300:
                await asyncio.sleep(0.05)
            caught_s = time.monotonic() - begin
            after = rss_mb(bridge.pid)
        print(f"{n_modules} modules x 1000 frames/s; the server was away for {seconds:.0f} s")
        print(
            f"memory of the bridge: {max(before):.0f} MB before; while it was away {min(during):.0f} to"
            f" {max(during):.0f} MB; {after:.0f} MB when it had caught up"
        )
        missed_gb = (writer.n_bytes - n_before) / 1e9
        print(f"{missed_gb:.2f} GB were written meanwhile; all of it was there {caught_s:.1f} s after it was back")
        print(f"read back: {writer.n_frames} frames, {await read_back(server, writer)}")
    finally:
        server.kill()


_MEASURE: Final = {"walls": (walls, (1000, 20)), "slow": (slow, (45, 20)), "outage": (outage, (8, 60))}

if __name__ == "__main__":
    what, *numbers = sys.argv[1:]
    if what == "night":
        night(Path(numbers[0]), int(numbers[1]))
    measure, defaults = _MEASURE[what]
    with scratch() as made:
        asyncio.run(measure(made, *(int(n) for n in numbers or defaults)))
