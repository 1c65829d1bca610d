"""Age of images at a loop body that takes its time: ours, awaiting, blocking and without asyncio, and the peers.

The age is that of the image at the moment when the loop body gets it, from `write` in the writer. ``python -m
benchmarks.slow ADDRESS OUT KIND PAUSE_S`` is our client; KIND is awaits, blocks or sync.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.ours import Ours
from benchmarks.processes import Arrivals, Command, note_arrival, run_client, writer_to
from benchmarks.results import Measured
from benchmarks.stage import Scene, System, stage
from benchmarks.table import OURS, Goal, Row
from benchmarks.workload import BOTH, Workload
from benchmarks.writer import Feed

FEW_KEYS: Final = Workload(4, 100)
MANY_KEYS: Final = Workload(32, 10, BOTH)
MAX_AGE_MS: Final = 20.0  # at p99, besides one period of the source
_SAYS: Final = {"awaits": "awaits", "blocks": "blocks the event loop", "sync": "knows no asyncio"}
PAUSES_S: Final = (0.0, 0.05, 0.5, 5.0)
QUICK_PAUSES_S: Final = (0.05, 0.5)
N_IMAGES: Final = 5  # at the least, of the longest pause


@dataclass(frozen=True, slots=True)
class Slow:
    """A system whose client pauses after each image; see `System`."""

    system: System
    kind: str
    pause_s: float

    @property
    def name(self) -> str:
        return self.system.name

    @property
    def feed(self) -> Feed:
        return self.system.feed

    @property
    def settle_s(self) -> float:
        return self.pause_s

    def server(self, scene: Scene) -> Command:
        return self.system.server(scene)

    def prepare(self, address: str, scene: Scene) -> None:
        self.system.prepare(address, scene)

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        if self.name == OURS:
            command = Command("-m", "benchmarks.slow", address, str(out), self.kind, str(self.pause_s))
        else:
            command = self.system.client(address, scene, out)
            command.args.append(str(self.pause_s))
        command.end_timeout_s += self.pause_s  # a body that blocks sees SIGTERM behind it
        return command

    def call(self, work: Workload) -> tuple[str, bytes]:
        return self.system.call(work)


def rows(bench: Bench) -> Iterator[Row]:
    for pause_s in QUICK_PAUSES_S if bench.quick else PAUSES_S:
        for kind in _SAYS:
            peers = [] if kind != "awaits" or bench.quick else [*bench.new_peer(Feed.SOCKET), *bench.old_peer]
            yield _row(bench, FEW_KEYS, kind, pause_s, peers)
    yield _row(bench, MANY_KEYS, "blocks", 0.05, [])


def _row(bench: Bench, work: Workload, kind: str, pause_s: float, peers: list[System]) -> Row:
    systems: list[System] = [Slow(system, kind, pause_s) for system in (Ours(), *peers)]
    body = {"awaits": f"awaits {pause_s:g} s", "blocks": f"blocks for {pause_s:g} s"}.get(
        kind, f"takes {pause_s:g} s, sync"
    )
    what = f"loop body that {body}, {work}"
    found = bench.in_turn(what, systems, lambda system: measure(system, work, max(3.0, N_IMAGES * pause_s)))
    ages = {name: [one.p99_ms for one in measured] for name, measured in found.items()}
    goal = Goal(MAX_AGE_MS + 1e3 / work.rate_hz, "20 ms and a period")
    # Who hands out every image from the first on is at those of the warm-up when the run ends.
    return Row.of(what, "age of the image, p99", "ms", ages, goal, absent="backlog")


def measure(system: System, work: Workload, duration_s: float) -> Measured:
    """One repetition, in a fresh data directory with a fresh server and client."""
    with stage(system, work) as running:
        written = running.scene.scratch / "written"
        with running.reading() as (_, arrived):
            running.writer(duration_s, written).run()
        return Measured.join(work, written, arrived)


async def stream_images(
    address: str, arrivals: Arrivals[int], ready: Callable[[], None], kind: str, pause_s: float
) -> None:
    from panoseti_daq.client import AioDaqDataClient

    if kind == "sync":
        await asyncio.to_thread(stream_images_blocking, address, arrivals, ready, pause_s)
        return
    async with AioDaqDataClient.connect(address) as client, client.stream_images() as stream:
        ready()
        async for image in stream:
            note_arrival(arrivals, image)
            if kind == "blocks":
                time.sleep(pause_s)  # noqa: ASYNC251
            else:
                await asyncio.sleep(pause_s)


def stream_images_blocking(
    address: str, arrivals: Arrivals[int], ready: Callable[[], None], pause_s: float
) -> None:
    from panoseti_daq.client import DaqDataClient

    with DaqDataClient.connect(address) as client, client.stream_images() as stream:
        ready()
        for image in stream:
            note_arrival(arrivals, image)
            time.sleep(pause_s)


if __name__ == "__main__":
    address, out, kind, pause_s = sys.argv[1:]
    run_client(partial(stream_images, kind=kind, pause_s=float(pause_s)), address, writer_to(out))
