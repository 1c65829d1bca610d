"""Gateways beside one another: ours, that of panoseti-grpc 0.4.21, and a bare grpc.aio relay.

``python -m benchmarks.gateway [PYTHON_OF_THE_PEER]``: two nodes of ours with 8 modules x 20 frames/s each, a
gateway of each kind in turn, and its clients in this process. ``python -m benchmarks.gateway relay ADDRESS ...``
is the bare relay: one stream of each node, and each message as it came to every client. Prints a table; measures,
never asserts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import grpc

from benchmarks.processes import cpu_s
from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.node import SERVICE
from panoseti_daq.wire.newest import responses_in

HOSTS: Final = ("127.0.0.1", "127.0.0.2")  # the peer's gateway takes one port for all nodes
PORT: Final = 50461
N_MODULES: Final = 8
RATE_HZ: Final = 20
N_CLIENTS: Final = (1, 10, 50)
WINDOW_S: Final = 3.0
LATENCY_S: Final = 8.0
AWAY_S: Final = 10.0
METHOD: Final = f"{SERVICE}/StreamImages"
PEER_SCRIPT: Final = Path(__file__).parents[1] / "interop" / "peer_scripts" / "gateway.py"

Frame = tuple[int, int, str]  # module, number, file


@contextmanager
def process(*command: str, cwd: Path | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process, and where it says that it listens."""
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=cwd
    ) as started:
        assert started.stderr is not None
        drain = threading.Thread(target=started.stderr.read)
        try:
            lines = []
            for line in started.stderr:
                lines.append(line)
                if line.startswith("listening on "):
                    break
            else:
                raise RuntimeError(f"it did not start: {''.join(lines)}")
            drain.start()
            yield started, line.split()[2]
        finally:
            started.kill()
            if drain.ident:
                drain.join()


def node(i: int) -> Any:
    modules = [f"--sim-module-id={i * N_MODULES + k + 1}" for k in range(N_MODULES)]
    command = ("serve", "--simulate", "--no-sim-do-ph", "--run-probe=none", "--max-concurrent-rpcs=300", *modules)
    return process(sys.executable, "-m", "panoseti_daq", *command, f"--host={HOSTS[i]}", f"--port={PORT}")


def gateway(kind: str, peer: str, directory: Path) -> Any:
    addresses = [f"{host}:{PORT}" for host in HOSTS]
    if kind == "ours":
        nodes = [f"--node=daq{i}={address}" for i, address in enumerate(addresses)]
        return process(sys.executable, "-m", "panoseti_daq", "serve", "--port=0", "--log-level=error", *nodes)
    if kind == "bare relay":
        return process(sys.executable, "-m", "benchmarks.gateway", "relay", *addresses)
    return process(peer, "-E", str(PEER_SCRIPT), str(PORT), str(directory), *HOSTS)


async def relay(addresses: list[str]) -> None:
    """Carry messages as they are, one stream of each node for all clients, from the first client on."""
    wanted = asyncio.Event()
    clients: set[asyncio.Queue[bytes]] = set()

    async def stream(request: bytes, context: Any) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        clients.add(queue)
        wanted.set()
        try:
            while True:
                await context.write(await queue.get())
        finally:
            clients.remove(queue)

    async def read(address: str) -> None:
        await wanted.wait()
        request = pb.StreamImagesRequest(stream_movie_data=True, update_interval_seconds=0.01, encoding=pb.RAW)
        async with grpc.aio.insecure_channel(address) as channel:
            call: Any = channel.unary_stream(METHOD)
            async for message in call(request.SerializeToString()):
                for queue in clients:
                    queue.put_nowait(message)

    server = grpc.aio.server()
    streaming: Any = grpc.unary_stream_rpc_method_handler
    handlers = {"StreamImages": streaming(stream)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE[1:], handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"listening on 127.0.0.1:{port}", file=sys.stderr, flush=True)
    await asyncio.gather(*map(read, addresses))


class Client:
    """One client with a connection of its own, that counts frames."""

    def __init__(self) -> None:
        self.n = {0: 0, 1: 0}  # frames of each node
        self.arrived: dict[Frame, int] = {}
        self.notes = False

    async def run(self, *addresses: str) -> None:
        async with asyncio.TaskGroup() as tasks:
            for address in addresses:
                tasks.create_task(self._read(address))

    async def _read(self, address: str) -> None:
        request = pb.StreamImagesRequest(
            stream_movie_data=True, update_interval_seconds=0.01, encoding=pb.RAW, batches=not self.notes
        )
        async with grpc.aio.insecure_channel(address, (("grpc.use_local_subchannel_pool", 1),)) as channel:
            call: Any = channel.unary_stream(METHOD, response_deserializer=pb.StreamImagesResponse.FromString)
            async for message in call(request.SerializeToString(), wait_for_ready=True):
                now = time.monotonic_ns()
                for response in responses_in(message):
                    image = response.pano_image
                    self.n[int(image.module_id > N_MODULES)] += 1
                    if self.notes:
                        self.arrived.setdefault((image.module_id, image.frame_number, image.file), now)


@asynccontextmanager
async def clients(n: int, address: str) -> AsyncIterator[list[Client]]:
    """Clients that stream, warmed up."""
    some = [Client() for _ in range(n)]
    tasks = [asyncio.create_task(client.run(address)) for client in some]
    await asyncio.sleep(1.5)
    try:
        yield some
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def shares(some: list[Client], window_s: float) -> list[float]:
    """Percent of the frames of each node that clients get, mean."""
    before = [dict(client.n) for client in some]
    await asyncio.sleep(window_s)
    got = [statistics.mean(client.n[i] - b[i] for client, b in zip(some, before, strict=True)) for i in range(2)]
    return [100 * n / (N_MODULES * RATE_HZ * window_s) for n in got]


async def streams_at_nodes() -> list[int]:
    found = []
    for host in HOSTS:
        async with grpc.aio.insecure_channel(f"{host}:{PORT}") as channel:
            status: Any = channel.unary_unary(
                f"{SERVICE}/Status", response_deserializer=pb.StatusResponse.FromString
            )
            found.append(len((await status(b"")).streams))
    return found


async def latency(address: str) -> list[str]:
    """Time that the gateway adds: to the same frame that comes from its node directly, and first, ms."""
    direct, through = Client(), Client()
    direct.notes = through.notes = True
    tasks = [asyncio.create_task(direct.run(*(f"{host}:{PORT}" for host in HOSTS)))]
    await asyncio.sleep(1)
    tasks.append(asyncio.create_task(through.run(address)))
    await asyncio.sleep(LATENCY_S)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    added = sorted(
        (at - direct.arrived[frame]) / 1e6 for frame, at in through.arrived.items() if frame in direct.arrived
    )
    if not added:
        return ["no frames", ""]
    return [f"{added[len(added) // 2]:.2f}", f"{added[int(len(added) * 0.99)]:.2f}"]


async def beside_a_deaf_one(address: str) -> float:
    """Percent of the frames that 5 clients get beside one that reads nothing."""
    request = pb.StreamImagesRequest(stream_movie_data=True, update_interval_seconds=0.01, encoding=pb.RAW)
    options = (
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.http2.lookahead_bytes", 65536),
        ("grpc.http2.bdp_probe", 0),
    )
    async with grpc.aio.insecure_channel(address, options) as channel:
        deaf: Any = channel.unary_stream(METHOD)
        call = deaf(request.SerializeToString())
        await call.read()
        async with clients(5, address) as some:
            await asyncio.sleep(3)
            found = statistics.mean(await shares(some, WINDOW_S))
        call.cancel()
    return found


async def measure(kind: str, address: str, gateway_pid: int, node_pids: list[int]) -> dict[str, str]:
    """Everything but the restart of a node."""
    found = dict(zip(("added latency p50, ms", "added latency p99, ms"), await latency(address), strict=True))
    for n in N_CLIENTS:
        async with clients(n, address) as some:
            before = [sum(map(cpu_s, pids)) for pids in ([gateway_pid], node_pids)]
            found[f"share of the frames, {n} clients, %"] = f"{statistics.mean(await shares(some, WINDOW_S)):.1f}"
            after = [sum(map(cpu_s, pids)) for pids in ([gateway_pid], node_pids)]
            used = [100 * (b - a) / WINDOW_S for a, b in zip(before, after, strict=True)]
            found[f"gateway / both nodes, {n} clients, % of a core"] = f"{used[0]:.0f} / {used[1]:.0f}"
            if n == N_CLIENTS[-1]:
                found[f"streams at each node, {n} clients"] = " / ".join(map(str, await streams_at_nodes()))
    if kind != "bare relay":
        found["share beside a client that reads nothing, %"] = f"{await beside_a_deaf_one(address):.1f}"
    return found


async def restart(address: str, killed: subprocess.Popen[str]) -> dict[str, str]:
    """A node is killed and comes back, with 20 clients."""
    async with clients(20, address) as some:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        other = (await shares(some, AWAY_S))[0]
        before = [client.n[1] for client in some]
        loop = asyncio.get_running_loop()
        with await loop.run_in_executor(None, lambda: _entered(node(1))) as _:
            begin = loop.time()
            while loop.time() < begin + 12 and any(c.n[1] == b for c, b in zip(some, before, strict=True)):
                await asyncio.sleep(0.05)
            came = all(c.n[1] > b for c, b in zip(some, before, strict=True))
            text = f"{loop.time() - begin:.1f}" if came else "not within 12"
    return {
        "a node killed, other node's share, 20 clients, %": f"{other:.1f}",
        "frames of the node again at all clients, after it listens, s": text,
    }


@contextmanager
def _left(context: Any) -> Iterator[None]:
    try:
        yield
    finally:
        context.__exit__(None, None, None)


def _entered(context: Any) -> Any:
    context.__enter__()
    return _left(context)


def main(peer: str, directory: Path) -> None:
    kinds = ["ours", *(["peer 0.4.21"] if peer else []), "bare relay"]
    found: dict[str, dict[str, str]] = {}
    for kind in kinds:
        with (
            node(0) as (first, _),
            node(1) as (second, _),
            gateway(kind, peer, directory) as (between, address),
        ):
            found[kind] = asyncio.run(measure(kind, address, between.pid, [first.pid, second.pid]))
            if kind != "bare relay":
                found[kind] |= asyncio.run(restart(address, second))
    print(json.dumps(found, indent=1), file=sys.stderr)
    print(f"| quantity | {' | '.join(kinds)} |\n|---|{'---|' * len(kinds)}")
    for row in found["ours"]:
        print(f"| {row} | {' | '.join(found[kind].get(row, '') for kind in kinds)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["relay"]:
        asyncio.run(relay(sys.argv[2:]))
    else:
        import tempfile

        with tempfile.TemporaryDirectory() as made:
            main(sys.argv[1] if len(sys.argv) > 1 else "", Path(made))
