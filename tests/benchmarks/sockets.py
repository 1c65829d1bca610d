"""Hashpipe's sockets: latency from a record to a message at a client; ours, panoseti-grpc and the bare floor.

``python -m benchmarks.sockets [PYTHON_OF_A_PEER ...]``: 4 modules with img16 and ph256 at the 10 records/s that
Hashpipe sends at most, evenly in turn. All clients are the same bare one, in this process, as is the sender, in a
thread. ``python -m benchmarks.sockets floor DIRECTORY`` is the floor: an asyncio reader and a grpc.aio stream.
Prints a table; measures, never asserts.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.gateway import METHOD, process
from benchmarks.peer import hashpipe
from benchmarks.processes import cpu_s
from benchmarks.workload import Template
from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.node import SERVICE
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.sockets import format_record
from panoseti_daq.sources.sockets import path_of
from panoseti_daq.wire.image import read_image

PRODUCTS: Final = (DataProduct.IMG16, DataProduct.PH256)
MODULES: Final = range(1, 5)
RATE_HZ: Final = 10
WARM_UP_S: Final = 1.0
DURATION_S: Final = 5.0
REPETITIONS: Final = 3
INTERVAL_S: Final = 0.01  # the shortest that 0.4.21 takes
TEMPLATE: Final = "hashpipe_grpc.dp_{product}.sock"
PEER_SCRIPT: Final = Path(__file__).parents[1] / "interop" / "peer_scripts" / "server_on_any_port.py"

Place = tuple[int, int]  # module and number, which no two products share


@dataclass
class Seen:
    """When records were sent, and when they came, ns."""

    sent: dict[Place, int] = field(default_factory=dict)
    arrived: dict[Place, int] = field(default_factory=dict)

    def latencies_ms(self) -> list[float]:
        return sorted((at - self.sent[place]) / 1e6 for place, at in self.arrived.items() if place in self.sent)


def send(template: str, seen: Seen) -> None:
    """Play Hashpipe for the whole time; what is sent in the warm-up is not counted."""
    places = [(module_id, product) for module_id in MODULES for product in PRODUCTS]
    templates = {product: Template(product.token) for product in PRODUCTS}
    lines = {product: socket.socket(socket.AF_UNIX) for product in PRODUCTS}
    for product, line in lines.items():
        line.connect(str(path_of(template, product)))
    n = round((WARM_UP_S + DURATION_S) * RATE_HZ * len(places))
    begin = time.monotonic()
    for i in range(n):
        module_id, product = places[i % len(places)]
        record = format_record(module_id, templates[product].numbered(i), product)
        at_s = i / RATE_HZ / len(places)
        time.sleep(max(0.0, begin + at_s - time.monotonic()))
        if at_s >= WARM_UP_S:
            seen.sent[module_id, i] = time.time_ns()
        lines[product].send(record)
    time.sleep(0.5)
    for line in lines.values():
        line.close()


def place_of_record(message: bytes) -> Place:
    """Module and number in a record, as the floor hands it on."""
    return message[1], int(message[message.index(b'"pkt_num":') + 10 :][:11].strip(b" ,"))


def place_of_image(message: bytes) -> Place | None:
    image = pb.StreamImagesResponse.FromString(message).pano_image
    if not image.file:
        return None
    return image.module_id, read_image(image)[2].pkt_num[0]


async def receive(
    address: str, request: bytes, place_of: Callable[[bytes], Place | None], seen: Seen, ready: asyncio.Event
) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_stream(METHOD)
        await channel.channel_ready()
        stream = call(request)
        ready.set()
        async for message in stream:
            now = time.time_ns()
            if (place := place_of(message)) is not None:
                seen.arrived.setdefault(place, now)


async def floor(directory: str) -> None:
    """Read records of a known size, and write each to every client."""
    clients: set[asyncio.Queue[bytes]] = set()

    async def stream(request: bytes, context: Any) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        clients.add(queue)
        while True:
            await context.write(await queue.get())

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> None:
        while True:
            record = await reader.readexactly(size)
            for queue in clients:
                queue.put_nowait(record)

    for product in PRODUCTS:
        size = len(format_record(1, Template(product.token).numbered(0), product))
        path = str(path_of(f"{directory}/{TEMPLATE}", product))
        await asyncio.start_unix_server(lambda r, w, size=size: connected(r, w, size), path)  # type: ignore[misc]
    server = grpc.aio.server()
    streaming: Any = grpc.unary_stream_rpc_method_handler
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE[1:], {"StreamImages": streaming(stream)}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
    await server.wait_for_termination()


def images_request(encoding: pb.Encoding) -> bytes:
    return pb.StreamImagesRequest(
        stream_movie_data=True,
        stream_pulse_height_data=True,
        update_interval_seconds=INTERVAL_S,
        encoding=encoding,
    ).SerializeToString()


def init(address: str, data_dir: Path) -> None:
    """Tell a server of the peer to begin; only then it binds its sockets."""
    request = pb.InitHpIoRequest(data_dir=str(data_dir), update_interval_seconds=INTERVAL_S, force=True)
    with grpc.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(
            f"{SERVICE}/InitHpIo", response_deserializer=pb.InitHpIoResponse.FromString
        )
        call(request.SerializeToString(), timeout=30)


def measure(name: str, python: str) -> tuple[list[float], float, float]:
    """Latencies, ms; the share of the records that came, %; and the processor of the server, % of a core."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        template = str(scratch / TEMPLATE)
        if name == "floor":
            command = [sys.executable, "-m", "benchmarks.sockets", "floor", str(scratch)]
        elif python:
            stack.enter_context(hashpipe(scratch))  # without such a process the peer does not begin
            command = [str(Path(python).absolute()), "-E", str(PEER_SCRIPT), str(scratch)]
        else:
            serve = ("serve", "--port=0", "--log-level=error", "--socket-template", template)
            command = [sys.executable, "-m", "panoseti_daq", *serve]
        cwd = scratch if python else None  # the peer writes its log where it runs
        server, address = stack.enter_context(process(*command, cwd=cwd))
        if python:
            data_dir = scratch / "data"
            (data_dir / "module_1").mkdir(parents=True)
            init(address, data_dir)
        wait_for(template)
        encoding = pb.RAW if name == "ours" else pb.STRUCT
        place_of = place_of_record if name == "floor" else place_of_image
        seen = Seen()
        used = asyncio.run(_measure(address, images_request(encoding), place_of, seen, template, server.pid))
    return seen.latencies_ms(), 100 * len(seen.latencies_ms()) / len(seen.sent), used


def wait_for(template: str) -> None:
    deadline = time.monotonic() + 20
    while not all(path_of(template, product).exists() for product in PRODUCTS):
        if time.monotonic() > deadline:
            raise RuntimeError("the server made no sockets")
        time.sleep(0.05)
    time.sleep(0.5)


async def _measure(
    address: str,
    request: bytes,
    place_of: Callable[[bytes], Place | None],
    seen: Seen,
    template: str,
    pid: int,
) -> float:
    ready = asyncio.Event()
    receiving = asyncio.create_task(receive(address, request, place_of, seen, ready))
    await ready.wait()
    await asyncio.sleep(0.5)
    before = cpu_s(pid)
    sender = threading.Thread(target=send, args=(template, seen))
    sender.start()
    while sender.is_alive():
        await asyncio.sleep(0.1)
    used = 100 * (cpu_s(pid) - before) / (WARM_UP_S + DURATION_S)
    receiving.cancel()
    await asyncio.wait([receiving])
    return used


def main(pythons: list[str]) -> None:
    systems = {"ours": "", "ours, as the peer encodes": ""}
    systems |= {f"peer {Path(python).parents[1].name.removeprefix('peer_')}": python for python in pythons}
    systems["floor"] = ""
    rows: dict[str, dict[str, list[float]]] = {}
    for _ in range(REPETITIONS):
        for name, python in systems.items():
            latencies, share, used = measure(name, python)
            found = {"records that came, %": share, "server, % of a core": used}
            if latencies:
                found["latency p50, ms"] = statistics.median(latencies)
                found["latency p99, ms"] = latencies[int(len(latencies) * 0.99)]
            for row, value in found.items():
                rows.setdefault(row, {}).setdefault(name, []).append(value)
    print(json.dumps(rows, indent=1), file=sys.stderr)
    print(f"| quantity | {' | '.join(systems)} |\n|---|{'---|' * len(systems)}")
    for row, values in rows.items():
        cells = (f"{statistics.median(values[name]):.2f}" if name in values else "none" for name in systems)
        print(f"| {row} | {' | '.join(cells)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["floor"]:
        asyncio.run(floor(sys.argv[2]))
    else:
        main(sys.argv[1:])
