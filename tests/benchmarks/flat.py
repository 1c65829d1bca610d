"""Start-up, memory and idle cost of a server against what it has to look after, which should not matter.

``python -m benchmarks.flat [--quick] [--figure FILE.svg]`` measures modules, clients, files of a run and runs of
the past, prints a table and draws it (matplotlib). Start-up is the processor time until the server listens: no
other process makes it longer. The medians of three; once with ``--quick``.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.load import clients
from benchmarks.ours import Ours, serve_command
from benchmarks.processes import Command, cpu_s, resident_bytes
from benchmarks.stage import Scene, Stage
from benchmarks.workload import RUN_DIR, Template, Workload, product_of

MODULES: Final = (1, 4, 16, 64, 255)
CLIENTS: Final = (1, 10, 100, 500)
FILES: Final = (1, 100, 10_000)
RUNS: Final = (1, 100, 2000)
N_MODULES_OF_RUNS: Final = 64
N_REPETITIONS: Final = 3
SETTLE_S: Final = 1.5
WINDOW_S: Final = 3.0
QUANTITIES: Final = ("processor time of the start, s", "resident memory, MB", "idle, % of a core")


@dataclass(frozen=True, slots=True)
class Case:
    """What a server looks after."""

    n_modules: int = 4
    n_clients: int = 0
    n_files: int = 1
    n_runs: int = 1

    def prepare(self, data_dir: Path) -> None:
        Workload(self.n_modules, 1).prepare(data_dir)
        frame = bytes(Template(product_of(2)))
        for number in range(1, self.n_files):
            name = f"start_2024-07-25T04:34:46Z.dp_img16.bpp_2.module_1.seqno_{number}.pff"
            (data_dir / "module_1" / RUN_DIR / name).write_bytes(frame)
        for number in range(1, self.n_runs):
            at = datetime(2023, 1, 1) + timedelta(hours=number)
            run = f"obs_Lick.start_{at:%Y-%m-%dT%H:%M:%SZ}.runtype_sci-data.pffd"
            for module_id in range(1, self.n_modules + 1):
                os.makedirs(data_dir / f"module_{module_id}" / run)


def measure(case: Case) -> tuple[float, float, float]:
    """See `QUANTITIES`."""
    memory = Path("/dev/shm")
    with ExitStack() as running:
        directory = tempfile.TemporaryDirectory(prefix="bench-", dir=memory if memory.is_dir() else None)
        scratch = running.enter_context(directory)
        scene = Scene(Workload(case.n_modules, 1), Path(scratch))
        case.prepare(scene.data_dir)
        command: Command = serve_command(scene.data_dir)
        command.args += ["--max-concurrent-rpcs", "600"]
        process, address = running.enter_context(command.running("listening on ", scene.scratch / "server.log"))
        start_s = cpu_s(process.pid)
        if case.n_clients:
            running.enter_context(clients(Stage(Ours(), scene, address, process.pid), case.n_clients))
        time.sleep(SETTLE_S)
        before, begin = cpu_s(process.pid), time.monotonic()
        time.sleep(WINDOW_S)
        idle = (cpu_s(process.pid) - before) / (time.monotonic() - begin)
        return start_s, resident_bytes(process.pid) / 1e6, 100 * idle


def measured(case: Case) -> list[float]:
    """Medians."""
    found = [measure(case) for _ in range(1 if "--quick" in sys.argv else N_REPETITIONS)]
    return [statistics.median(values) for values in zip(*found, strict=True)]


def axes() -> dict[str, dict[int, Case]]:
    """Cases by what grows, and how much of it there is."""
    return {
        "modules": {n: Case(n_modules=n) for n in MODULES},
        "clients": {n: Case(n_clients=n) for n in CLIENTS},
        "files of the run": {n: Case(n_files=n) for n in FILES},
        f"runs of {N_MODULES_OF_RUNS} modules": {n: Case(N_MODULES_OF_RUNS, n_runs=n) for n in RUNS},
    }


def draw(results: dict[str, dict[int, list[float]]], path: Path) -> None:
    """Draw one picture per quantity, a line for each thing that grows."""
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(QUANTITIES), figsize=(10, 3.2), layout="constrained")
    for i, (quantity, panel) in enumerate(zip(QUANTITIES, panels, strict=True)):
        for name, by_number in results.items():
            panel.plot(list(by_number), [values[i] for values in by_number.values()], "o-", ms=4, label=name)
        panel.margins(y=0.2)
        panel.set(xscale="log", xlabel="number", title=quantity, ylim=(0, None))
        panel.grid(alpha=0.3)
    panels[0].legend(fontsize=8)
    figure.savefig(path)


def main() -> None:
    figure = Path(sys.argv[sys.argv.index("--figure") + 1]) if "--figure" in sys.argv else None
    if figure is not None:
        import matplotlib  # where it is missing, that is said before anything is measured

        matplotlib.use("Agg")
    results: dict[str, dict[int, list[float]]] = {}
    print("| what grows | number |", " | ".join(QUANTITIES), "|", flush=True)
    print("|---|---|---|---|---|", flush=True)
    for name, cases in axes().items():
        results[name] = {}
        for number, case in cases.items():
            values = results[name][number] = measured(case)
            print(f"| {name} | {number} | {values[0]:.2f} | {values[1]:.0f} | {values[2]:.2f} |", flush=True)
    if figure is not None:
        draw(results, figure)


if __name__ == "__main__":
    main()
