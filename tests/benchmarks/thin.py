"""Age of images that come over a thin line, and of those that come beside it from other hosts.

The line is `line.thin_line`. ``python -m benchmarks.thin ADDRESS OUT KIND DATA_DIR`` is our client; KIND is
*alone* for one host behind the line, or *beside* for three hosts of which the last is behind it, and whose images
are not noted.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.bench import Bench
from benchmarks.line import thin_line
from benchmarks.ours import Ours, serve_command
from benchmarks.processes import Arrivals, Command, note_arrival, run_client, writer_to
from benchmarks.results import Measured
from benchmarks.slow import MAX_AGE_MS
from benchmarks.stage import Scene, System, stage
from benchmarks.table import Goal, Row
from benchmarks.workload import Workload

BYTES_PER_S: Final = 100e3
DELAY_S: Final = 0.05
MAX_AGE_S: Final = 1.0
ALONE: Final = Workload(16, 100)
BESIDE: Final = Workload(6, 100)  # two modules of each host
N_BESIDE: Final = 4  # modules of the two hosts that are not behind the line
DURATION_S: Final = 10.0
QUICK_DURATION_S: Final = 4.0
_LINE: Final = f"over {BYTES_PER_S / 1e3:g} kB/s and {DELAY_S * 1e3:g} ms"


class OverThinLine(Ours):
    """Our server, and our client behind a thin line or with one host behind it."""

    settle_s = 2.0

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def server(self, scene: Scene) -> Command:
        command = serve_command(scene.data_dir)
        if self.kind == "beside":
            command.args += ["--module-id", "1-2"]
        return command

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        return Command("-m", "benchmarks.thin", address, str(out), self.kind, str(scene.data_dir))


def rows(bench: Bench) -> Iterator[Row]:
    duration_s = QUICK_DURATION_S if bench.quick else DURATION_S
    what = f"{ALONE}, {_LINE}"
    found = bench.in_turn(what, [OverThinLine("alone")], lambda system: measure(system, ALONE, duration_s))
    for quantity, goal in (("p50", None), ("p99", Goal(MAX_AGE_S * 1e3, ""))):
        ages = {name: [getattr(one, f"{quantity}_ms") for one, _ in of_one] for name, of_one in found.items()}
        yield Row.of(what, f"age of the image, {quantity}", "ms", ages, goal)
    shares = {name: [share for _, share in of_one] for name, of_one in found.items()}
    yield Row.of(what, "least of most that a key gets", "", shares, Goal(0.8, "every key in turn", at_least=True))

    what = f"three hosts, one of them {_LINE}, {BESIDE}"
    found = bench.in_turn(what, [OverThinLine("beside")], lambda system: measure(system, BESIDE, duration_s))
    ages = {name: [one.p99_ms for one, _ in of_one] for name, of_one in found.items()}
    goal = Goal(MAX_AGE_MS + 1e3 / BESIDE.rate_hz, "20 ms and a period")
    yield Row.of(what, "age of the images of the other two, p99", "ms", ages, goal)


def measure(system: System, work: Workload, duration_s: float) -> tuple[Measured, float]:
    """One repetition; the ages, and the images of the rarest key as a share of those of the most frequent."""
    with stage(system, work) as running:
        written = running.scene.scratch / "written"
        with running.reading() as (_, arrived):
            running.writer(duration_s, written).run()
        _, counts = np.unique(np.fromfile(arrived, np.int64).reshape(-1, 3)[:, 0], return_counts=True)
        n_noted = sum(place // 2 <= N_BESIDE or work is ALONE for place in work.places)
        share = counts.min() / counts.max() if len(counts) == n_noted else 0.0
        return Measured.join(work, written, arrived), float(share)


@asynccontextmanager
async def _hosts(address: str, kind: str, data_dir: Path) -> AsyncIterator[list[str]]:
    async with AsyncExitStack() as running:
        addresses = [address]
        if kind == "beside":
            logs = Path(running.enter_context(tempfile.TemporaryDirectory()))
            for module_ids in ("3-4", "5-6"):
                command = serve_command(data_dir)
                command.args += ["--module-id", module_ids]
                log = logs / module_ids
                addresses.append(running.enter_context(command.running("listening on ", log))[1])
        addresses[-1] = await running.enter_async_context(thin_line(addresses[-1], BYTES_PER_S, DELAY_S))
        yield addresses


async def stream_images(
    address: str, arrivals: Arrivals[int], ready: Callable[[], None], kind: str, data_dir: Path
) -> None:
    from panoseti_daq.client import AioDaqDataClient

    async with (
        _hosts(address, kind, data_dir) as hosts,
        AioDaqDataClient.connect(hosts) as client,
        client.stream_images() as stream,
    ):
        ready()
        async for image in stream:
            if kind == "alone" or image["module_id"] <= N_BESIDE:
                note_arrival(arrivals, image)


if __name__ == "__main__":
    address, out, kind, data_dir = sys.argv[1:]
    client = partial(stream_images, kind=kind, data_dir=Path(data_dir))
    run_client(client, address, writer_to(out))
