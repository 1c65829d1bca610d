"""As modules and clients grow: what a frame costs our server when it is written, and when it is delivered.

Every module appends img16 at 10 frames/s, the rate at which nights are watched. The cost of following a frame
shows with one client, the cost of a further client in what is delivered; both should stay flat or fall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks.bench import Bench
from benchmarks.clients import QUICK_S, Served, serve
from benchmarks.ours import Ours
from benchmarks.stage import System
from benchmarks.table import Row
from benchmarks.workload import Workload

RATE_HZ: Final = 10
MODULES: Final = (1, 4, 16, 64)
CLIENTS: Final = (1, 10, 100)
WINDOW_S: Final = 2.0


def rows(bench: Bench) -> Iterator[Row]:
    modules, numbers = ((16,), (1, 10)) if bench.quick else (MODULES, CLIENTS)
    window_s = QUICK_S if bench.quick else WINDOW_S

    for n_modules in modules:
        work = Workload(n_modules, RATE_HZ)

        def measure(system: System, work: Workload = work) -> list[Served]:
            return serve(system, work, numbers, window_s)

        found = bench.in_turn(f"scale: {work}", [Ours()], measure)[Ours.name]
        for i, n_clients in enumerate(numbers):
            yield from _rows_of(work, n_clients, [one[i] for one in found])


def _rows_of(work: Workload, n_clients: int, found: Sequence[Served]) -> Iterator[Row]:
    what = f"scale: {work}, {n_clients} client{'s' * (n_clients > 1)}"
    per_frame = [one.cpu_share / work.frames_per_s for one in found]
    yield Row.of(what, "server, per frame written", "us", {Ours.name: per_frame}, scale=1e6)
    per_delivery = [one.cpu_s_per_frame for one in found]
    yield Row.of(what, "server, per frame delivered", "us", {Ours.name: per_delivery}, scale=1e6)
    yield Row.of(what, "server", "% of a core", {Ours.name: [one.cpu_share for one in found]}, scale=100)
    yield Row.of(what, "frames that a client gets", "%", {Ours.name: [one.share for one in found]}, scale=100)
