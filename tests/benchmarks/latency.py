"""Latency from `write` in the writer to the image in an async client: ours, the bare floor and the peers.

Every system's own async client, with the documented dict (the floor: bytes). Newest wins at 1000 frames/s: a
stream gives at most one frame per module and millisecond, so frames are skipped; the latency is that of those that
came.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.bench import Bench
from benchmarks.processes import cpu_s
from benchmarks.results import Measured
from benchmarks.stage import System, stage
from benchmarks.table import FLOOR, Goal, Row, of_floor
from benchmarks.workload import Workload
from benchmarks.writer import Feed


@dataclass(frozen=True, slots=True)
class _Case:
    work: Workload
    duration_s: float
    p50_factor: float
    p99_factor: float
    sees_all: bool


CASES: Final = (
    _Case(Workload(1, 10), 4.0, 1.15, 1.5, sees_all=True),
    _Case(Workload(16, 100), 3.0, 1.3, 2.0, sees_all=True),
    _Case(Workload(16, 1000), 2.0, 1.3, 1.5, sees_all=False),
)
SERVER_FACTOR: Final = 0.8  # of the floor's processor time, at 16 x 1000

_One = tuple[Measured, float, float]  # and the server's and the client's share of a core


def rows(bench: Bench) -> Iterator[Row]:
    for case in CASES:
        systems = [*bench.floor_and_ours, *bench.new_peer(Feed.SOCKET, Feed.PIPE)]
        if case.sees_all:
            systems += bench.old_peer
        if bench.quick:
            systems = systems[: 3 if case is CASES[0] else 2]
        duration_s = min(2.0, case.duration_s) if bench.quick else case.duration_s

        def measure_one(system: System, work: Workload = case.work, duration_s: float = duration_s) -> _One:
            return measure(system, work, duration_s)

        yield from _rows_of(case, bench.in_turn(f"latency, {case.work}", systems, measure_one))


def measure(system: System, work: Workload, duration_s: float) -> _One:
    """One repetition, in a fresh data directory with a fresh server and client."""
    with stage(system, work) as running:
        written = running.scene.scratch / "written"
        with running.reading() as (client, arrived):
            before = cpu_s(running.pid), cpu_s(client.pid), time.monotonic()
            running.writer(duration_s, written).run()
            after = cpu_s(running.pid), cpu_s(client.pid), time.monotonic()
            time.sleep(system.settle_s)
        took_s = min(after[2] - before[2], work.n_frames(duration_s) / work.rate_hz)
        measured = Measured.join(work, written, arrived)
        return measured, (after[0] - before[0]) / took_s, (after[1] - before[1]) / took_s


def _rows_of(case: _Case, results: Mapping[str, Sequence[_One]]) -> Iterator[Row]:
    work = f"append to message, {case.work}"
    if not case.sees_all:
        work += ", newest wins"
    p50 = {name: [m.p50_ms for m, _, _ in found] for name, found in results.items()}
    p99 = {name: [m.p99_ms for m, _, _ in found] for name, found in results.items()}
    yield Row.of(work, "p50", "ms", p50, of_floor(p50[FLOOR], case.p50_factor))
    yield Row.of(work, "p99", "ms", p99, of_floor(p99[FLOOR], case.p99_factor))
    delivered = {name: [m.delivered for m, _, _ in found] for name, found in results.items()}
    goal = Goal(99.9, "what the interval allows", at_least=True) if case.sees_all else None
    yield Row.of(work, "frames delivered", "%", delivered, goal, scale=100)
    yield Row.of(work, "age of the data", "ms", {n: [m.age_ms for m, _, _ in f] for n, f in results.items()})
    server = {name: [100 * cpu for _, cpu, _ in found] for name, found in results.items()}
    goal = None if case.sees_all else of_floor(server[FLOOR], SERVER_FACTOR)
    yield Row.of(work, "server", "% of a core", server, goal)
    client = {name: [cpu for _, _, cpu in found] for name, found in results.items()}
    yield Row.of(work, "client", "% of a core", client, scale=100)
