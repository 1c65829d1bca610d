"""Frames at the period that they are written with: a client that asks for 0.01 s of a source of 100 frames/s.

``python -m benchmarks.period ADDRESS OUT INTERVAL_S`` is our client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.floor import Floor
from benchmarks.latency import measure
from benchmarks.ours import Ours
from benchmarks.processes import Arrivals, Command, note_arrival, run_client, writer_to
from benchmarks.stage import Scene
from benchmarks.table import FLOOR, Goal, Row, of_floor
from benchmarks.workload import Workload

WORK: Final = Workload(4, 100)
DURATION_S: Final = 5.0
P50_FACTOR: Final = 1.3


class AtItsPeriod(Ours):
    """Our server and a client that asks for the period of the source."""

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        return Command("-m", "benchmarks.period", address, str(out), str(1 / scene.work.rate_hz))


def rows(bench: Bench) -> Iterator[Row]:
    what = f"a client that asks for {1 / WORK.rate_hz:g} s, {WORK}"
    found = bench.in_turn(what, [Floor(), AtItsPeriod()], lambda system: measure(system, WORK, DURATION_S))
    p50 = {name: [m.p50_ms for m, _, _ in of_one] for name, of_one in found.items()}
    delivered = {name: [m.delivered for m, _, _ in of_one] for name, of_one in found.items()}
    yield Row.of(what, "p50", "ms", p50, of_floor(p50[FLOOR], P50_FACTOR))
    yield Row.of(what, "frames delivered", "%", delivered, Goal(99.9, "all", at_least=True), scale=100)


async def stream_images(
    address: str, arrivals: Arrivals[int], ready: Callable[[], None], interval_s: float
) -> None:
    from panoseti_daq.client import AioDaqDataClient

    async with (
        AioDaqDataClient.connect(address) as client,
        client.stream_images(update_interval_seconds=interval_s) as stream,
    ):
        ready()
        async for image in stream:
            note_arrival(arrivals, image)


if __name__ == "__main__":
    address, out, interval_s = sys.argv[1:]
    run_client(partial(stream_images, interval_s=float(interval_s)), address, writer_to(out))
