"""Waits before anything happens: import, help, the first answer of a server."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.bench import Bench
from benchmarks.floor import sender_command
from benchmarks.ours import AS_INSTALLED, serve_command
from benchmarks.peer import NewPeer, OldPeer
from benchmarks.processes import Command, cpu_s, site_of
from benchmarks.table import FLOOR, OURS, Row, of_floor
from benchmarks.workload import Workload
from benchmarks.writer import Feed

MAX_IMPORT: Final = 1.2  # times grpc, protobuf and numpy
MAX_HELP: Final = 2.0  # times the interpreter and typer
MAX_START: Final = 2.0  # times a bare server that imports numpy
ANSWER_TIMEOUT_S: Final = 30.0

_Times = tuple[float, float]  # s, by the clock and of the processor
_Measure = Callable[[], _Times]
_OLD: Final = "peer 0.1.1.1"
_NEW: Final = "peer 0.3.5 socket"


def rows(bench: Bench) -> Iterator[Row]:
    imports: dict[str, _Measure] = {
        FLOOR: lambda: _import("grpc.aio, numpy, google.protobuf.struct_pb2", sys.executable),
        OURS: lambda: _import("panoseti_daq.client", sys.executable),
    }
    helps: dict[str, _Measure] = {
        "python, nothing imported": lambda: _run("-c", "pass"),
        FLOOR: lambda: _run("-c", "import typer"),
        OURS: lambda: _run("-c", AS_INSTALLED, "--help"),
    }
    if old := bench.old_peer_python:
        imports[_OLD] = lambda: _import("daq_data.client", old)
        helps[_OLD] = lambda: _run("-m", "daq_data.cli", "--help", python=old)
    if new := bench.new_peer_python:
        imports[_NEW] = lambda: _import("panoseti_grpc.daq_data.client", new)
        helps[_NEW] = lambda: _run("-m", "panoseti_grpc.daq_data.cli", "--help", python=new)
    yield from _rows_of("import of the client", _in_turn(bench, "import", imports), MAX_IMPORT)
    yield from _rows_of("--help", _in_turn(bench, "--help", helps), MAX_HELP)
    yield from _rows_of("serve to first answered Ping", _in_turn(bench, "start", _starts(bench)), MAX_START)


def _rows_of(what: str, found: Mapping[str, Sequence[_Times]], factor: float) -> Iterator[Row]:
    by_clock = {name: [at for at, _ in times] for name, times in found.items()}
    yield Row.of("before anything happens", what, "s", by_clock, of_floor(by_clock[FLOOR], factor))
    of_processor = {name: [at for _, at in times] for name, times in found.items()}
    yield Row.of("before anything happens", f"{what}, processor time", "s", of_processor)


def _starts(bench: Bench) -> dict[str, _Measure]:
    starts: dict[str, _Measure] = {
        FLOOR: lambda: _start(lambda port, _: sender_command(port=port)),
        OURS: lambda: _start(lambda port, scratch: serve_command(scratch / "data", port)),
    }
    if bench.old_peer_python:
        old = OldPeer(bench.old_peer_python)
        starts[_OLD] = lambda: _start(lambda port, _: old.serve_on(port))
    if bench.new_peer_python:
        new = NewPeer(bench.new_peer_python, Feed.SOCKET)
        starts[_NEW] = lambda: _start(new.serve_on)
    return starts


def _in_turn(bench: Bench, what: str, measures: dict[str, _Measure]) -> dict[str, list[_Times]]:
    found: dict[str, list[_Times]] = {name: [] for name in measures}
    for i in range(bench.n_repetitions):
        for name, measure in measures.items():
            if i >= bench.n_repetitions_of(name):
                continue
            bench.say(f"{what}: {name}, {i + 1} of {bench.n_repetitions}")
            try:
                found[name].append(measure())
            except Exception as error:  # a peer may fail; the others are still worth knowing
                bench.say(f"{what}: {name} FAILED: {error}")
    return found


def _import(module: str, python: str) -> _Times:
    code = (
        "from time import perf_counter as clock, process_time as cpu; begin = clock(), cpu()\n"
        f"import {module}; print(clock() - begin[0], cpu() - begin[1])"
    )
    by_clock, cpu = Command("-c", code, python=python, cwd=site_of(python)).run().splitlines()[-1].split()
    return float(by_clock), float(cpu)


def _run(*args: str, python: str = sys.executable) -> _Times:
    command = Command(*args, python=python, cwd=site_of(python))
    before, begin = os.times(), time.perf_counter()
    command.run()
    by_clock, after = time.perf_counter() - begin, os.times()
    of_children = after.children_user + after.children_system - before.children_user - before.children_system
    return by_clock, of_children


def _start(command: Callable[[int, Path], Command]) -> _Times:
    """From the start of the process until Ping is answered."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch, socket.socket() as free:
        Workload(1, 1).prepare(Path(scratch, "data"))
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        begin = time.perf_counter()
        with command(port, Path(scratch)).started(Path(scratch, "log")) as process:
            while not _is_open(port):
                if time.perf_counter() - begin > ANSWER_TIMEOUT_S:
                    raise TimeoutError("the server does not listen")
                time.sleep(0.002)
            _ping(f"127.0.0.1:{port}")
            return time.perf_counter() - begin, cpu_s(process.pid)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ping(address: str) -> None:
    import grpc

    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary("/daqdata.DaqData/Ping")
        call(b"", timeout=ANSWER_TIMEOUT_S)
