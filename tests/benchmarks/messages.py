"""One image on the wire: how large it is, and what it costs to decode.

The message is one that the server sent; decode.py measures the decoding in the python of each system.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.bench import Bench
from benchmarks.load import clients
from benchmarks.ours import Ours, stream_images_call
from benchmarks.processes import Command, site_of
from benchmarks.stage import System, stage
from benchmarks.table import OURS, Goal, Row, Value
from benchmarks.workload import FRAME_SIZE_BYTES, Workload
from benchmarks.writer import Feed

WORK: Final = Workload(1, 50)
MAX_SIZE_BYTES: Final = 2200
MAX_DICT_US: Final = 25.0
MAX_FRAME_US: Final = 8.0


class _OursForOldClients(Ours):
    name = "ours, to the peer's clients"

    def call(self, work: Workload) -> tuple[str, bytes]:
        return stream_images_call()


def rows(bench: Bench) -> Iterator[Row]:
    socket = bench.new_peer(Feed.SOCKET)
    systems = [Ours(), _OursForOldClients(), *bench.old_peer, *socket]
    received: dict[str, bytes] = {}
    for system in systems:
        bench.say(f"one message: {system.name}")
        received[system.name] = _message(system)
    sizes = {name: [len(message)] for name, message in received.items()} | {"in the file": [FRAME_SIZE_BYTES]}
    yield Row.of("one img16 frame", "size on the wire", "bytes", sizes, Goal(MAX_SIZE_BYTES, ""))
    commands = {OURS: ("dict", sys.executable)}
    if bench.old_peer_python:
        commands[bench.old_peer[0].name] = "peer", bench.old_peer_python
    if bench.new_peer_python:
        commands[socket[0].name] = "peer", bench.new_peer_python
    times: dict[str, Value | None] = {}
    for name, (what, python) in commands.items():
        times[name] = _decoding(bench, received[name], what, python)
    times["ours, every key read"] = _decoding(bench, received[OURS], "keys", sys.executable)
    yield Row("one img16 frame", "decoding to the documented dict", "us", times, Goal(MAX_DICT_US, ""))
    typed = {OURS: _decoding(bench, received[OURS], "frame", sys.executable)}
    typed["image and time read"] = _decoding(bench, received[OURS], "image", sys.executable)
    yield Row("one img16 frame", "decoding to a typed Frame", "us", typed, Goal(MAX_FRAME_US, ""))


def _message(system: System) -> bytes:
    with stage(system, WORK) as running:
        with clients(running, 1) as load, running.writing(2.0):
            time.sleep(2.0)
        return load.sample()[-1]


def _decoding(bench: Bench, message: bytes, what: str, python: str) -> Value | None:
    bench.say(f"decoding: {what}, {python}")
    file = Path("/tmp") / f"bench-message-{id(message)}"
    file.write_bytes(message)
    try:
        command = Command("-m", "benchmarks.decode", what, str(file), python=python, cwd=site_of(python))
        return Value.of(float(command.run().splitlines()[-1]) for _ in range(bench.n_repetitions))
    finally:
        file.unlink()
