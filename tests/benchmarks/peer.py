"""The package we succeed, panoseti-grpc 0.1.1.1, unchanged, in an environment of its own.

``python -m benchmarks.peer serve`` and ``python -m benchmarks.peer read ADDRESS DATA_DIR OUT``, both with the
peer's python, in the directory that holds its ``daq_data`` package. It polls as fast as it allows. Its server
always takes port 50051; here it is led to a free one.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import Arrivals, Command, run_client

POLL_INTERVAL_S: Final = 0.01  # the shortest that its server takes
MANY_MODULES: Final = 5
MANY_INTERVAL_S: Final = 0.05  # below, its server mutes a client that has many modules for good (full queue)


class Peer:
    """See the module.

    Parameters
    ----------
    python
        Interpreter of the environment that has it.
    """

    name = "peer 0.1.1.1"

    def __init__(self, python: str) -> None:
        find = "import importlib.util as u; print(u.find_spec('daq_data').submodule_search_locations[0])"
        found = subprocess.run([python, "-c", find], check=True, capture_output=True, text=True)
        self._python = python
        self._cwd = Path(found.stdout.strip()).parent

    def server(self, data_dir: Path, scratch: Path) -> Command:
        return Command("-m", "benchmarks.peer", "serve", python=self._python, cwd=self._cwd)

    def client(self, address: str, data_dir: Path, out: Path) -> Command:
        args = ("-m", "benchmarks.peer", "read", address, str(data_dir), str(out))
        return Command(*args, python=self._python, cwd=self._cwd)


@contextmanager
def hashpipe(scratch: Path) -> Iterator[None]:
    """A process of that name, without which the peer's server does not begin."""
    program = scratch / "hashpipe"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    process = subprocess.Popen([str(program), "100000"])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def serve() -> None:
    from grpc.aio import _server

    server_class: Any = _server.Server
    add_port = server_class.add_insecure_port

    def add_free_port(server: Any, address: str) -> int:
        port: int = add_port(server, "127.0.0.1:0")
        print(f"listening on 127.0.0.1:{port}", flush=True)
        return port

    server_class.add_insecure_port = add_free_port
    runpy.run_module("daq_data.server", run_name="__main__")


async def read(address: str, data_dir: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
    import logging

    from daq_data.client import AioDaqDataClient

    host, _, port = address.rpartition(":")
    AioDaqDataClient.GRPC_PORT = int(port)
    config = {"daq_nodes": [{"ip_addr": host, "data_dir": data_dir}]}
    many = len(list(Path(data_dir).iterdir())) >= MANY_MODULES
    hp_io = {"update_interval_seconds": POLL_INTERVAL_S, "simulate_daq": False, "force": False, "module_ids": []}
    async with AioDaqDataClient(config, None, log_level=logging.ERROR) as client:
        if not await client.init_hp_io(host, hp_io):
            raise RuntimeError("the peer's InitHpIo failed")
        stream = await client.stream_images(
            host,
            stream_movie_data=True,
            stream_pulse_height_data=True,
            update_interval_seconds=MANY_INTERVAL_S if many else POLL_INTERVAL_S,
        )
        ready()
        async for image in stream:
            now = time.time_ns()
            arrivals.extend((image["module_id"], image["frame_number"], now))


def _main(command: str, *args: str) -> None:
    if command == "serve":
        serve()
        return
    address, data_dir, out = args

    async def client(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
        await read(address, data_dir, arrivals, ready)

    run_client(client, address, out)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    _main(*sys.argv[1:])
