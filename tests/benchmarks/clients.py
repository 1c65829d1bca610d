"""Many clients of one server: how much of the frames each gets, and what it costs the server.

Two kinds of work: 4 modules with two data products at 100 frames/s, and as fast as clients take it. For the second
a server can send no more than what is new: at most one frame per millisecond of each module and product, 8000 per
second to one client. The bare sender has no such bound: it writes the same message over and over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.bench import Bench
from benchmarks.floor import BareSender
from benchmarks.load import clients
from benchmarks.ours import Ours
from benchmarks.processes import cpu_s_of_all
from benchmarks.stage import System, stage
from benchmarks.table import FLOOR, OURS, Goal, Row, of_floor
from benchmarks.workload import BOTH, Workload
from benchmarks.writer import Feed

STEADY: Final = Workload(4, 100, BOTH)
FLOOD: Final = Workload(4, 1000, BOTH)
WARM_UP_S: Final = 1.0
MAX_WRITING_S: Final = 120.0
WINDOW_S: Final = 2.0
QUICK_S: Final = 1.0
SHARES: Final = {1: 99.0, 10: 97.0, 50: 75.0}  # % of the frames, by number of clients
CPU: Final = {10: 0.7, 50: 0.3}  # times the floor, per frame delivered
FAIRNESS: Final = 0.9
OF_FLOOR: Final = 0.7
FLOODED: Final = (1, 10, 50, 100)


@dataclass(frozen=True, slots=True)
class Served:
    """What clients got in a second, and what the server needed.

    Attributes
    ----------
    frames_per_s
        Of all clients.
    share
        Fraction of the frames written that came, mean over the clients, repeats not counted.
    fairness
        Frames of the client that got least, of the one that got most.
    n_silent
        Clients that got nothing.
    cpu_s_per_frame
        Of the server.
    cpu_share
        Of a core, the server.
    """

    frames_per_s: float
    share: float
    fairness: float
    n_silent: float
    cpu_s_per_frame: float
    cpu_share: float


def rows(bench: Bench) -> Iterator[Row]:
    systems: list[System] = [*bench.floor_and_ours, *bench.new_peer(Feed.SOCKET), *bench.old_peer]
    numbers = (10,) if bench.quick else tuple(SHARES)
    steady = _measured(bench, STEADY, numbers, systems[:2] if bench.quick else systems)
    for i, n_clients in enumerate(numbers):
        yield from _rows_of(n_clients, {name: [one[i] for one in found] for name, found in steady.items()})
    systems = [BareSender(), Ours(), *bench.new_peer(Feed.SOCKET)]
    numbers = (10,) if bench.quick else FLOODED
    flood = _measured(bench, FLOOD, numbers, systems[:2] if bench.quick else systems)
    for i, n_clients in enumerate(numbers):
        measured = {name: [one[i] for one in found] for name, found in flood.items()}
        rates = {name: [one.frames_per_s for one in found] for name, found in measured.items()}
        work = f"as fast as {_clients(n_clients)} take{'s' * (n_clients == 1)} it"
        yield Row.of(work, "frames to all", "1/s", rates, of_floor(rates[FLOOR], OF_FLOOR, at_least=True))
        cpu = {name: [one.cpu_s_per_frame for one in found] for name, found in measured.items()}
        yield Row.of(work, "server, per 1000 frames delivered", "ms", cpu, scale=1e6)


def _clients(n: int) -> str:
    return f"{n} client{'s' * (n > 1)}"


def _measured(
    bench: Bench, work: Workload, numbers: Sequence[int], systems: Sequence[System]
) -> Mapping[str, Sequence[Sequence[Served]]]:
    window_s = QUICK_S if bench.quick else WINDOW_S
    what = f"{', '.join(map(str, numbers))} clients on {work}"
    return bench.in_turn(what, systems, lambda system: serve(system, work, numbers, window_s))


def serve(system: System, work: Workload, numbers: Sequence[int], window_s: float) -> list[Served]:
    """One repetition: a fresh server, and one number of clients after the other."""
    served = []
    with stage(system, work) as running, running.writing(MAX_WRITING_S):
        for n_clients in numbers:
            with clients(running, n_clients) as load:
                time.sleep(WARM_UP_S)
                before, cpu_before, begin = load.counts(), cpu_s_of_all(running.pid), time.monotonic()
                time.sleep(window_s)
                after, cpu_after, end = load.counts(), cpu_s_of_all(running.pid), time.monotonic()
            got = [b - a for a, b in zip(before, after, strict=True)]
            distinct = 1.0 if system.name in (OURS, FLOOR) else _distinct(load.sample())
            served.append(_served(work, got, distinct, cpu_after - cpu_before, end - begin))
    return served


def _served(work: Workload, got: Sequence[int], distinct: float, used_s: float, took_s: float) -> Served:
    n_frames = sum(got)
    return Served(
        frames_per_s=n_frames / took_s,
        share=n_frames / took_s / len(got) / work.frames_per_s * distinct,
        fairness=min(got) / max(got) if any(got) else float("nan"),
        n_silent=sum(not n for n in got),
        cpu_s_per_frame=used_s / n_frames if n_frames else float("nan"),
        cpu_share=used_s / took_s,
    )


def _distinct(messages: Sequence[bytes]) -> float:
    """Fraction of the messages of the newest frames that are no repeats."""
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.client.images import received_frame

    if not messages:
        return 0.0
    frames = [received_frame(pb.StreamImagesResponse.FromString(message), "") for message in messages]
    return len({(frame.key, frame.header.pkt_num) for frame in frames}) / len(frames)


def _rows_of(n_clients: int, measured: Mapping[str, Sequence[Served]]) -> Iterator[Row]:
    work = f"{_clients(n_clients)} on {STEADY}"
    rates = {name: [one.frames_per_s for one in found] for name, found in measured.items()}
    yield Row.of(work, "frames to all", "1/s", rates)
    shares = {name: [one.share for one in found] for name, found in measured.items()}
    yield Row.of(work, "frames that a client gets", "%", shares, Goal(SHARES[n_clients], "", True), scale=100)
    if n_clients > 1:
        fairness = {name: [one.fairness for one in found] for name, found in measured.items()}
        yield Row.of(work, "least of most that a client gets", "", fairness, Goal(FAIRNESS, "", True))
        silent = {name: [one.n_silent for one in found] for name, found in measured.items()}
        yield Row.of(work, "silent clients", "", silent, Goal(0, ""))
    cpu = {name: [1e6 * one.cpu_s_per_frame for one in found] for name, found in measured.items()}
    goal = of_floor(cpu[FLOOR], CPU[n_clients]) if n_clients in CPU else None
    yield Row.of(work, "server, per 1000 frames delivered", "ms", cpu, goal)
    core = {name: [one.cpu_share for one in found] for name, found in measured.items()}
    yield Row.of(work, "server", "% of a core", core, scale=100)
