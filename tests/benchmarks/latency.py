"""Latency from `write` in the writer to the image in an async client: ours, the bare floor and the peer.

``nox -s bench`` or, from tests/, ``python -m benchmarks.latency --help``. All systems do the same work in turn,
so that the noise of the machine hits all alike. Prints a table; ``--json FILE`` keeps the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.floor import Floor
from benchmarks.ours import Ours
from benchmarks.peer import Peer, hashpipe
from benchmarks.processes import Command, System, cpu_s
from benchmarks.results import Measured, summary
from benchmarks.workload import WARM_UP_S, Workload

WORKLOADS: Final = (Workload(1, 10), Workload(16, 100))
IDLE: Final = Workload(64, 1)
SETTLE_S: Final = 1.5  # after the last frame: the peer takes so long to see it; and until a server is idle


def measure(system: System, work: Workload, duration_s: float) -> Measured:
    """One repetition, in a fresh data directory with a fresh server and client."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch_name, ExitStack() as running:
        scratch = Path(scratch_name)
        data_dir, arrived, written = scratch / "data", scratch / "arrived", scratch / "written"
        work.prepare(data_dir)
        start = system.server(data_dir, scratch).running("listening on ", scratch / "server.log")
        server, address = running.enter_context(start)
        with system.client(address, data_dir, arrived).running("ready", scratch / "client.log") as (client, _):
            before = cpu_s(server.pid), cpu_s(client.pid)
            args = (data_dir, work.n_modules, work.rate_hz, duration_s, written)
            Command("-m", "benchmarks.writer", *map(str, args)).run()
            used_s = [cpu_s(p.pid) - b for p, b in zip((server, client), before, strict=True)]
            server_cpu, client_cpu = (s * work.rate_hz / work.n_frames(duration_s) for s in used_s)
            time.sleep(SETTLE_S)
        return Measured.join(work, written, arrived, server_cpu, client_cpu)


def measure_idle(system: System, duration_s: float) -> float:
    """Fraction of a core that a server uses with a stream open and nothing appended to 64 modules."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch_name, ExitStack() as running:
        scratch = Path(scratch_name)
        data_dir = scratch / "data"
        IDLE.prepare(data_dir)
        start = system.server(data_dir, scratch).running("listening on ", scratch / "server.log")
        server, address = running.enter_context(start)
        client = system.client(address, data_dir, scratch / "arrived").running("ready", scratch / "client.log")
        running.enter_context(client)
        time.sleep(2 * SETTLE_S)
        before, begun = cpu_s(server.pid), time.monotonic()
        time.sleep(duration_s)
        return (cpu_s(server.pid) - before) / (time.monotonic() - begun)


def print_table(work: Workload, results: Mapping[str, dict[str, Any]]) -> None:
    """One workload: a line per system, then the ratios."""
    print(f"\n{work}: medians (range)")
    print(f"  {'':13}{'p50 ms':>26}{'p99 ms':>26}{'delivered':>11}{'age ms':>9}{'server':>9}{'client':>9}")
    for name, result in results.items():
        at, span = result["median"], result["range"]
        p50, p99 = (f"{at[q]:.2f} ({span[q][0]:.2f}-{span[q][1]:.2f})" for q in ("p50_ms", "p99_ms"))
        print(
            f"  {name:13}{p50:>26}{p99:>26}{at['delivered']:>11.1%}{at['age_ms']:>9.1f}"
            f"{at['server_cpu']:>9.1%}{at['client_cpu']:>9.1%}"
        )
    ours = results["ours"]["median"]
    for name, other in ((name, result["median"]) for name, result in results.items() if name != "ours"):
        above, below = (ours, other) if name == "floor" else (other, ours)
        label = "ours / floor" if name == "floor" else f"{name} / ours"
        p50, p99 = (f"{above[q] / below[q]:.2f}" for q in ("p50_ms", "p99_ms"))
        print(f"  {label:20}p50 {p50}, p99 {p99}")


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _parser().parse_args(argv)
    repetitions, duration_s = (1, 3.0) if options.quick else (options.repetitions, options.duration)
    systems: list[System] = [Floor(), Ours()]
    load = os.getloadavg()[0]
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}")
    print(f"{repetitions} x {duration_s:g} s per system, after {WARM_UP_S:g} s that do not count", flush=True)
    report: dict[str, Any] = {
        "machine": platform.platform(),
        "n_cores": os.cpu_count(),
        "load_before": load,
        "python": platform.python_version(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "repetitions": repetitions,
        "duration_s": duration_s,
        "workloads": {},
    }
    with ExitStack() as running:
        if options.peer_python:
            systems.append(Peer(options.peer_python))
            running.enter_context(hashpipe(Path(running.enter_context(tempfile.TemporaryDirectory()))))
        for work in WORKLOADS:
            measured: dict[str, list[Measured]] = {system.name: [] for system in systems}
            for i in range(repetitions):
                for system in systems:
                    print(f"  {work}: {i + 1} of {repetitions}, {system.name}", file=sys.stderr)
                    measured[system.name].append(measure(system, work, duration_s))
            results = {name: summary(column) for name, column in measured.items()}
            print_table(work, results)
            report["workloads"][str(work)] = results
        print(f"\n{IDLE.n_modules} modules followed, one stream open, nothing appended: server's share of a core")
        idle = report["idle_server_cpu"] = {}
        for system in systems:
            idle[system.name] = measure_idle(system, duration_s)
            print(f"  {system.name:13}{idle[system.name]:.2%}")
    report["load_after"] = os.getloadavg()[0]
    print(f"load at the end {report['load_after']:.1f}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short repetition")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--duration", type=float, default=8.0, help="s per repetition and system")
    parser.add_argument("--peer-python", help="interpreter of an environment with panoseti-grpc 0.1.1.1")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    return parser


if __name__ == "__main__":
    main()
