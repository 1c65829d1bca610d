"""Browsers: CPU of the web process per load, beside a bare aiohttp server that sends the same bytes.

From tests/: ``python -m benchmarks.web``; one row per load. Pages are sockets in other processes
that paint at once.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import time
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from support.received import frame_of

from panoseti_daq.pff import DataProduct
from panoseti_daq.web import doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.server import WebAddress, web_server

LOADS = ((20, 10.0, 16), (500, 1.0, 8), (2000, 1.0, 8))
"""Pages, walls per second, bits."""
N_MODULES = 45
SECONDS = 8.0
N_CLIENTS = 2  # processes


def main() -> None:
    """Print a row per load and server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, help="only the load of this number of pages")
    wanted = parser.parse_args().pages
    doors.MAX_SOCKETS_PER_ADDRESS = 10_000  # type: ignore[misc]  # all pages come from one address here
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    for n_pages, rate_hz, depth in LOADS:
        if wanted in (None, n_pages):
            size = 24 + 2 * N_MODULES * (32 + 1024 * depth // 8)
            print(asyncio.run(_measure("web", _ours, n_pages, rate_hz, depth, size)), flush=True)
            print(asyncio.run(_measure("bare aiohttp", _bare, n_pages, rate_hz, depth, size)), flush=True)


async def _measure(name: str, serve: Any, n_pages: int, rate_hz: float, depth: int, size: int) -> str:
    context = multiprocessing.get_context("spawn")
    ready: Any = context.Queue()
    all_ready: Any = context.Event()
    stop = asyncio.Event()
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(address, stop, rate_hz, size))
    url = await address
    clients = [
        context.Process(target=_pages, args=(url, n_pages // N_CLIENTS, rate_hz, depth, ready, all_ready))
        for _ in range(N_CLIENTS)
    ]
    for client in clients:
        client.start()
    for _ in clients:
        await asyncio.to_thread(ready.get)  # all are connected
    all_ready.set()
    await asyncio.sleep(1)
    cpu, wall = time.process_time(), time.monotonic()
    await asyncio.sleep(SECONDS)
    used = (time.process_time() - cpu) / (time.monotonic() - wall)
    counts: list[int] = []
    ages: list[float] = []
    for _ in clients:
        n, late = await asyncio.to_thread(ready.get)
        counts += n
        ages += late
    stop.set()
    await serving
    for client in clients:
        client.join()
    rss = int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) / 1024
    n_walls, least, most = sum(counts), min(counts), max(max(counts), 1)
    p50, p99 = np.quantile(ages, (0.5, 0.99)) * 1e3
    return (
        f"{n_pages:5} pages {rate_hz:4g} Hz {depth:2} bit  {name:12}  {used:.3f} core"
        f"  {n_walls / SECONDS:7.0f} walls/s  {used * SECONDS / max(n_walls, 1) * 1e6:4.0f} us/wall"
        f"  least/most {least / most:.2f}  way p50/p99 {p50:.0f}/{p99:.0f} ms  {rss:.0f} MB"
    )


async def _ours(address: asyncio.Future[str], stop: asyncio.Event, rate_hz: float, size: int) -> None:
    """The web server; 90 keys with a new frame each tick."""
    live = LiveWall()
    rng = np.random.default_rng(1)
    images = [rng.poisson(200, (32, 32)) for _ in range(8)]
    frames = [
        frame_of(images[(module + i) % 8], product, module, frame_number=i, detected_ns=0)
        for i in range(8)
        for module in range(N_MODULES)
        for product in (DataProduct.IMG16, DataProduct.PH1024)
    ]
    async with web_server(live, doors.Doors(), WebAddress(port=0)) as (_, url):
        address.set_result(url)
        step = 0
        while not stop.is_set():
            for frame in frames[step % 8 * 90 : (step % 8 + 1) * 90]:
                live.add(frame)
            step += 1
            await asyncio.sleep(1 / rate_hz)


async def _bare(address: asyncio.Future[str], stop: asyncio.Event, rate_hz: float, size: int) -> None:
    """As little as can do it: the same bytes to every socket, at the rate."""
    sockets: set[web.WebSocketResponse] = set()

    async def upgrade(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.add(socket)
        async for _ in socket:
            pass
        sockets.discard(socket)
        return socket

    app = web.Application()
    app.router.add_get("/ws", upgrade)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}")
    while not stop.is_set():
        data = bytes(8) + int(time.time_ns() // 1000).to_bytes(8, "little") + bytes(size - 16)
        for socket in list(sockets):
            if not socket.closed:
                await socket.send_bytes(data)
        await asyncio.sleep(1 / rate_hz)
    await runner.cleanup()


def _pages(url: str, n_pages: int, rate_hz: float, depth: int, ready: Any, all_ready: Any) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(_look(url, n_pages, rate_hz, depth, ready, all_ready))


async def _look(url: str, n_pages: int, rate_hz: float, depth: int, ready: Any, all_ready: Any) -> None:
    counts, ages, counting = [0] * n_pages, [], False

    async def page(number: int, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                await socket.send_str('{"op":"painted"}')
                if counting:
                    counts[number] += 1
                    ages.append(time.time() - int.from_bytes(message.data[8:16], "little") / 1e6)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        sockets = []
        for _ in range(n_pages):
            socket = await session.ws_connect(f"{url}/ws", max_msg_size=0, autoping=True)
            await socket.send_json({"op": "view", "hz": rate_hz, "depth": depth})
            sockets.append(socket)
        tasks = [asyncio.create_task(page(i, socket)) for i, socket in enumerate(sockets)]
        ready.put(None)
        await asyncio.to_thread(all_ready.wait)  # connecting takes a busy machine as long as measuring
        await asyncio.sleep(1)
        counting = True
        await asyncio.sleep(SECONDS)
        counting = False
        ready.put((counts, ages[:: max(len(ages) // 5000, 1)]))
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    main()
