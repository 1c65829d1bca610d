"""One run, one table: ours, the peers and the bare floors on the same work.

From tests/: ``python -m benchmarks [--quick] [--only latency,clients]``; ``nox -s bench`` installs the peers
first. Medians of five with the range. It measures and prints, and never asserts.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.peer import hashpipe
from benchmarks.processes import TESTS_DIR
from benchmarks.table import Row, as_markdown, as_summary, print_rich

FAMILIES: Final = (
    "startup",
    "messages",
    "latency",
    "slow",
    "thin",
    "period",
    "clients",
    "workers",
    "idle",
    "throughput",
    "follow_all",
    "archive",
    "export",
    "events",
    "scale",
    "viewers",
)
QUICK_FAMILIES: Final = tuple(family for family in FAMILIES if family != "viewers")
LIBRARIES: Final = ("grpcio", "protobuf", "watchfiles", "numpy")


def main(argv: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(argv)
    bench = Bench(
        options.quick,
        options.repetitions or (1 if options.quick else 5),
        options.peer_python_0111,
        options.peer_python_035,
        options.pypff_python,
    )
    facts = _machine(bench)
    bench.say(_heading(facts))
    rows: list[Row] = []
    begin = time.monotonic()
    with ExitStack() as running:
        if bench.old_peer_python or bench.new_peer_python:
            running.enter_context(hashpipe(Path(running.enter_context(tempfile.TemporaryDirectory()))))
        for family in options.only or (QUICK_FAMILIES if bench.quick else FAMILIES):
            rows += _rows_of(family, bench)
            facts["took_s"] = round(time.monotonic() - begin)
            facts["load_after"] = os.getloadavg()
            facts["loop_ms"].append(_loop_ms())
            facts["load_by_family"][family] = os.getloadavg()[0]
            _write(options, facts, rows)  # a long run that is broken off leaves what it has
    print_rich(rows)
    print(f"{_heading(facts)}; took {facts['took_s']} s")


def _write(options: argparse.Namespace, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    if options.json:
        options.json.write_text(json.dumps({**facts, "rows": [row.as_dict() for row in rows]}, indent=1))
    if options.markdown:
        options.markdown.write_text(as_markdown(rows, _heading(facts)))
    if options.summary:
        options.summary.write_text(as_summary(rows, _heading(facts)))


def _rows_of(family: str, bench: Bench) -> list[Row]:
    if importlib.util.find_spec(f"benchmarks.{family}") is None:
        return []
    try:
        module: Any = importlib.import_module(f"benchmarks.{family}")
        if hasattr(module, "rows"):
            return list(module.rows(bench))
        quick = ["--quick"] * bench.quick  # it prints a table of its own
        subprocess.run([sys.executable, "-m", f"benchmarks.{family}", *quick], check=True, cwd=TESTS_DIR)
    except Exception as error:  # the other families are still worth having
        bench.say(f"{family} FAILED: {type(error).__name__}: {error}")
    return []


def _machine(bench: Bench) -> dict[str, Any]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": platform.platform(),
        "cpu": _cpu_name(),
        "n_cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "load_before": os.getloadavg(),
        "load_by_family": {},
        "loop_ms": [_loop_ms()],
        "repetitions": bench.n_repetitions,
    }


def _loop_ms() -> float:
    """How long a million additions of Python take: virtual machines do not always get the same processor."""
    return round(1000 * min(timeit.repeat(lambda: sum(range(1_000_000)), number=1, repeat=5)), 1)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _heading(facts: dict[str, Any]) -> str:
    libraries = ", ".join(f"{name} {number}" for name, number in facts["libraries"].items())
    load = f"load before {facts['load_before'][0]:.1f}"
    if "load_after" in facts:
        load += ", after (1, 5, 15 min) " + " ".join(f"{one:.1f}" for one in facts["load_after"])
    return (
        f"{facts['at']}: {facts['cpu']}, {facts['n_cores']} cores, {facts['machine']}, Python {facts['python']}, "
        f"{libraries}; {load}; 10^6 additions took {min(facts['loop_ms']):g} to {max(facts['loop_ms']):g} ms; "
        f"medians of {facts['repetitions']} with the range"
    )


def _families(text: str) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    if unknown := set(chosen) - set(FAMILIES):
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: there are {', '.join(FAMILIES)}")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one short repetition, and less of the peers")
    parser.add_argument("--repetitions", type=int, help="5, or 1 with --quick; of the peers at most 3")
    parser.add_argument("--only", type=_families, help=f"some of {','.join(FAMILIES)}")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    parser.add_argument("--summary", type=Path, help="file for the rows that have a goal, medians only")
    parser.add_argument("--peer-python-0111", help="interpreter that has panoseti-grpc 0.1.1.1")
    parser.add_argument("--peer-python-035", help="interpreter that has panoseti-grpc 0.3.5")
    parser.add_argument("--pypff-python", help="interpreter that has pypff")
    return parser


if __name__ == "__main__":
    main()
