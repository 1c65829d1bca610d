"""Several processes on one port: processor time per frame that clients get, beside that of one process.

``python -m benchmarks.workers [--quick]``. All processes of the server are counted. On a machine of two cores,
where the clients need them too, this says what the workers cost, and not how much more they carry.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from benchmarks.bench import Bench
from benchmarks.clients import STEADY, serve
from benchmarks.ours import Ours, serve_command
from benchmarks.processes import Command
from benchmarks.stage import Scene
from benchmarks.table import FLOOR, OURS, Row, of_floor, print_rich

N_CLIENTS: Final = (10, 50)
N_WORKERS: Final = 2
OF_ONE_PROCESS: Final = 1.25


class _Ours(Ours):
    def __init__(self, name: str, n_workers: int) -> None:
        self.name, self._n_workers = name, n_workers

    def server(self, scene: Scene) -> Command:
        command = serve_command(scene.data_dir)
        command.args += ["--workers", str(self._n_workers)]
        return command


def rows(bench: Bench) -> Iterator[Row]:
    systems = [_Ours(FLOOR, 1), _Ours(OURS, N_WORKERS)]
    found = bench.in_turn(
        f"{N_WORKERS} workers",
        systems,
        lambda system: serve(system, STEADY, N_CLIENTS, 1.0 if bench.quick else 3.0),
    )
    for i, n_clients in enumerate(N_CLIENTS):
        what = f"{N_WORKERS} workers beside one process (floor), {n_clients} clients on {STEADY}"
        cpu = {name: [1e6 * served[i].cpu_s_per_frame for served in all_] for name, all_ in found.items()}
        goal = of_floor(cpu[FLOOR], OF_ONE_PROCESS)
        yield Row.of(what, "all processes, per 1000 frames delivered", "ms", cpu, goal)
        share = {name: [served[i].share for served in all_] for name, all_ in found.items()}
        yield Row.of(what, "frames that a client gets", "%", share, scale=100)
        fairness = {name: [served[i].fairness for served in all_] for name, all_ in found.items()}
        yield Row.of(what, "least of most that a client gets", "", fairness)


if __name__ == "__main__":
    print_rich(rows(Bench("--quick" in sys.argv, n_repetitions=3)))
