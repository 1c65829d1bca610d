"""A server at rest: 64 modules followed, a stream open, nothing appended; and its memory when it is busy."""

from __future__ import annotations

import time
from array import array
from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.bench import Bench
from benchmarks.floor import BareSender, Floor
from benchmarks.load import clients
from benchmarks.ours import Ours
from benchmarks.processes import cpu_s, resident_bytes
from benchmarks.stage import System, stage
from benchmarks.table import FLOOR, Row, of_floor
from benchmarks.workload import Workload
from benchmarks.writer import Appender, Feed

IDLE: Final = Workload(64, 1)
SETTLE_S: Final = 2.0  # until a server is idle
QUIET_S: Final = 1.6  # between two frames that come after a quiet spell
N_SINGLE_FRAMES: Final = 2
PATIENT_FLOOR: Final = Floor("floor, step 50 ms", step_ms=50)

MAX_IDLE: Final = 0.2  # times the floor, as is the next
MAX_FIRST_FRAME: Final = 2.0
N_CLIENTS: Final = 100
BARE: Final = BareSender(pause_s=0.02)  # as often as ours sends
MAX_MEMORY: Final = 1.5  # times the bare process

_Rest = tuple[float, list[float]]  # share of a core, and the latencies of single frames, ms


def rows(bench: Bench) -> Iterator[Row]:
    yield from _rest(bench)
    yield from _memory(bench)


def _rest(bench: Bench) -> Iterator[Row]:
    duration_s = 2.0 if bench.quick else 3.0
    what = f"{IDLE.n_modules} modules followed, nothing appended"
    systems = bench.floor_and_ours
    if not bench.quick:
        systems += [PATIENT_FLOOR, *bench.new_peer(Feed.SOCKET, Feed.FILE), *bench.old_peer]
    rest = bench.in_turn(what, systems, lambda system: at_rest(system, duration_s))
    cpu = {name: [100 * share for share, _ in rested] for name, rested in rest.items()}
    yield Row.of(what, "server", "% of a core", cpu, of_floor(cpu[FLOOR], MAX_IDLE))
    single = {name: [ms for _, found in rested for ms in found] for name, rested in rest.items()}
    yield Row.of(what, "first frame after the quiet", "ms", single, of_floor(single[FLOOR], MAX_FIRST_FRAME))


def at_rest(system: System, duration_s: float) -> _Rest:
    """Share of a core while nothing is appended, then how late single frames come."""
    with stage(system, IDLE) as running:
        with running.reading() as (_, arrived):
            appender = Appender(running.scene.data_dir, running.scene.scratch, IDLE, system.feed)
            time.sleep(SETTLE_S)
            before, begin = cpu_s(running.pid), time.monotonic()
            time.sleep(duration_s)
            used = (cpu_s(running.pid) - before) / (time.monotonic() - begin)
            written: dict[tuple[int, int], int] = {}
            for number in range(1, 1 + N_SINGLE_FRAMES):
                place = IDLE.places[-number]
                appender.append(place, number)
                written[place, number] = time.time_ns()
                time.sleep(QUIET_S)
        late = _lateness_ms(written, arrived.read_bytes())
        return used, late or [float("nan")]


def _lateness_ms(written: Mapping[tuple[int, int], int], arrived: bytes) -> list[float]:
    rows = array("q", arrived)
    first: dict[tuple[int, int], int] = {}
    for place, number, at_ns in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
        first.setdefault((place, number), at_ns)
    return [(first[key] - at_ns) / 1e6 for key, at_ns in written.items() if key in first]


def _memory(bench: Bench) -> Iterator[Row]:
    peers = [] if bench.quick else [*bench.new_peer(Feed.SOCKET), *bench.old_peer]
    what = f"{IDLE.n_modules} modules, {N_CLIENTS} clients"
    found = bench.in_turn(f"memory, {what}", [BARE, Ours(), *peers], memory)
    goal = of_floor(found[FLOOR], MAX_MEMORY)
    yield Row.of(what, "resident memory of the server", "MB", found, goal)


def memory(system: System) -> float:
    """Resident memory of a server with many streams, MB."""
    with stage(system, IDLE) as running, clients(running, N_CLIENTS), running.writing(10):
        time.sleep(3)
        return resident_bytes(running.pid) / 1e6
