"""The package we succeed, panoseti-grpc 0.1.1.1 and 0.3.5, unchanged, each in an environment of its own.

``python -m benchmarks.peer serve PORT [MODE SOCKETS]`` and ``python -m benchmarks.peer read ADDRESS DATA_DIR
INTERVAL OUT``, both with the peer's python. 0.1.1.1 polls files as fast as it allows. 0.3.5 has three ways to its
frames: a Unix socket that the writer sends to, files with a named pipe that tells of an append, and polled files.
Its server always takes port 50051; here it is led to a free one.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.processes import Arrivals, Command, note_arrival, run_client, writer_to
from benchmarks.stage import Scene
from benchmarks.workload import Workload
from benchmarks.writer import Feed, socket_of

OLD: Final = "peer 0.1.1.1"
NEW: Final = "peer 0.3.5"
POLL_INTERVAL_S: Final = 0.01  # the shortest that the server of 0.1.1.1 takes
MANY_PLACES: Final = 5
MANY_INTERVAL_S: Final = 0.05  # below, its server mutes a client that has many modules for good (full queue)
NEW_INTERVAL_S: Final = 0.001  # the shortest that the server of 0.3.5 takes


class _Peer:
    name = ""
    settle_s = 0.3

    def __init__(self, python: str) -> None:
        self._python = python

    def _run(self, *args: str, cwd: Path | None = None) -> Command:
        return Command("-m", "benchmarks.peer", *args, python=self._python, cwd=cwd)

    def _interval_s(self, work: Workload) -> float:
        raise NotImplementedError

    def prepare(self, address: str, scene: Scene) -> None:
        _init_hp_io(address, scene.data_dir, self._shortest_s)

    @property
    def _shortest_s(self) -> float:
        raise NotImplementedError

    def call(self, work: Workload) -> tuple[str, bytes]:
        from benchmarks.ours import stream_images_call

        return stream_images_call(interval_s=self._interval_s(work))


class OldPeer(_Peer):
    """0.1.1.1.

    Parameters
    ----------
    python
        Interpreter of the environment that has it.
    """

    name = OLD
    feed = Feed.FILE
    settle_s = 1.0
    _shortest_s = POLL_INTERVAL_S

    def __init__(self, python: str) -> None:
        super().__init__(python)
        find = "import importlib.util as u; print(u.find_spec('daq_data').submodule_search_locations[0])"
        found = subprocess.run([python, "-c", find], check=True, capture_output=True, text=True)
        self.cwd = Path(found.stdout.strip()).parent  # it looks for its files from there

    def _interval_s(self, work: Workload) -> float:
        return MANY_INTERVAL_S if len(work.places) >= MANY_PLACES else POLL_INTERVAL_S

    def server(self, scene: Scene) -> Command:
        return self.serve_on(0)

    def serve_on(self, port: int) -> Command:
        return self._run("serve", str(port), cwd=self.cwd)

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        args = (address, str(scene.data_dir), str(self._interval_s(scene.work)), str(out))
        return self._run("read", *args, cwd=self.cwd)


class NewPeer(_Peer):
    """0.3.5.

    Parameters
    ----------
    python
        Interpreter of the environment that has it.
    feed
        How frames get to it; `Feed.FILE` for polled files.
    """

    _shortest_s = NEW_INTERVAL_S

    def __init__(self, python: str, feed: Feed) -> None:
        super().__init__(python)
        self.feed = feed
        self.name = f"{NEW} {'polled' if feed is Feed.FILE else feed.value}"

    def _interval_s(self, work: Workload) -> float:
        return NEW_INTERVAL_S

    def server(self, scene: Scene) -> Command:
        return self.serve_on(0, scene.scratch)

    def serve_on(self, port: int, scratch: Path) -> Command:
        mode = {Feed.FILE: "filesystem_poll", Feed.PIPE: "filesystem_pipe", Feed.SOCKET: "uds"}[self.feed]
        return self._run("serve", str(port), mode, str(scratch), cwd=scratch)  # it writes its log below

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        args = (address, str(scene.data_dir), str(NEW_INTERVAL_S), str(out))
        return self._run("read", *args, cwd=scene.scratch)


def _init_hp_io(address: str, data_dir: Path, interval_s: float) -> None:
    import grpc

    from panoseti_daq._proto import daq_data_pb2 as pb

    request = pb.InitHpIoRequest(data_dir=str(data_dir), update_interval_seconds=interval_s)
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(
            "/daqdata.DaqData/InitHpIo",
            request_serializer=pb.InitHpIoRequest.SerializeToString,
            response_deserializer=pb.InitHpIoResponse.FromString,
        )
        if not call(request, timeout=30).success:
            raise RuntimeError("the peer's InitHpIo failed")


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


def serve(port: str, mode: str = "", scratch: str = "") -> None:
    from grpc.aio import _server

    server_class: Any = _server.Server
    add_port = server_class.add_insecure_port

    def add_free_port(server: Any, address: str) -> int:
        taken: int = add_port(server, f"127.0.0.1:{port}")
        print(f"listening on 127.0.0.1:{taken}", flush=True)
        return taken

    server_class.add_insecure_port = add_free_port
    if not mode:
        runpy.run_module("daq_data.server", run_name="__main__")
        return
    module: Any = importlib.import_module("panoseti_grpc.daq_data.server")
    resources: Any = importlib.import_module("panoseti_grpc.daq_data.resources")
    config = resources.load_package_json("panoseti_grpc.daq_data", "config/daq_data_server_config.json")
    del config["unix_domain_socket"]
    for name, method in config["acquisition_methods"].items():
        method["enabled"] = name == mode
    config["acquisition_methods"]["uds"]["socket_path_template"] = str(socket_of(Path(scratch), "{dp_name}"))
    asyncio.run(module.serve(config))


async def read(
    address: str,
    data_dir: str,
    interval_s: float,
    arrivals: Arrivals[int],
    ready: Callable[[], None],
    pause_s: float = 0.0,
) -> None:
    import logging

    is_old = importlib.util.find_spec("panoseti_grpc") is None
    name = "daq_data.client" if is_old else "panoseti_grpc.daq_data.client"
    client_class: Any = importlib.import_module(name).AioDaqDataClient
    host, _, port = address.rpartition(":")
    client_class.GRPC_PORT = int(port)
    config = {"daq_nodes": [{"ip_addr": host, "data_dir": data_dir}]}
    async with client_class(config, None, log_level=logging.ERROR) as client:
        stream = await client.stream_images(
            host, stream_movie_data=True, stream_pulse_height_data=True, update_interval_seconds=interval_s
        )
        ready()
        async for image in stream:
            note_arrival(arrivals, image)
            if pause_s:
                await asyncio.sleep(pause_s)


def _main(command: str, *args: str) -> None:
    if command == "serve":
        serve(*args)
        return
    address, data_dir, interval_s, out, *pause_s = args

    async def client(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
        await read(address, data_dir, float(interval_s), arrivals, ready, *map(float, pause_s))

    run_client(client, address, writer_to(out))


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    _main(*sys.argv[1:])
