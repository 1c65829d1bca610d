"""Browsers: first paint of 90 images in Chromium, and a phone on a thin line beside 20 fast pages.

From tests/: ``python -m benchmarks.web_page``; needs playwright and Chromium on the path.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiohttp
import numpy as np
from playwright.async_api import async_playwright
from support.chromium import CHROMIUM, FLAGS
from support.proxy import proxying
from support.received import frame_of

from panoseti_daq.pff import DataProduct
from panoseti_daq.web import doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.server import WebAddress, web_server
from panoseti_daq.wire.wall import decode_wall

N_MODULES: Final = 45
N_PAGES: Final = 20
SECONDS: Final = 15.0
BYTES_PER_S: Final = 200e3
SHAPES: Final = dict.fromkeys(range(2 * N_MODULES), (32, 32))
_N_PAINTS: Final = 15
_WATCH: Final = """
const watch = () => document.querySelectorAll("figure:not(.empty)").length >= 90
  ? (window.paintedAt = performance.now()) : requestAnimationFrame(watch);
requestAnimationFrame(watch);
"""


def main() -> None:
    """Print both."""
    doors.MAX_SOCKETS_PER_ADDRESS = 1000  # type: ignore[misc]  # all pages come from one address here
    asyncio.run(_first_paint())
    asyncio.run(_phone())


async def _feed(live: LiveWall) -> None:
    rng = np.random.default_rng(1)
    images = [rng.poisson(200, (32, 32)) for _ in range(8)]
    number = 0
    while True:
        number += 1
        for module in range(N_MODULES):
            for product in (DataProduct.IMG16, DataProduct.PH1024):
                live.add(frame_of(images[(module + number) % 8], product, module, frame_number=number))
        await asyncio.sleep(0.1)


async def _page(url: str, ages: list[float], **view: object) -> None:
    """Receive walls and paint them at once; notes how old each is when all of it is there, s."""
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws") as socket:
        await socket.send_json({"op": "view", **view})
        async for message in socket:
            if message.type is aiohttp.WSMsgType.BINARY:
                head, _ = decode_wall(message.data, SHAPES)
                ages.append(time.time() - head.sent_unix_us / 1e6)
                await socket.send_str('{"op":"painted","seq":0}')


async def _phone() -> None:
    live = LiveWall()
    async with web_server(live, doors.Doors(), WebAddress(port=0)) as (_, url):
        async with proxying(url.removeprefix("http://")) as proxy, asyncio.TaskGroup() as tasks:
            proxy.rate = BYTES_PER_S
            running = [tasks.create_task(_feed(live))]
            fast: list[float] = []
            running += [tasks.create_task(_page(url, fast, hz=10, depth=16)) for _ in range(N_PAGES)]
            for name in ("without a phone", "with a phone"):
                phone: list[float] = []
                if name == "with a phone":
                    there = f"http://127.0.0.1:{proxy.port}"
                    running.append(tasks.create_task(_page(there, phone, hz=1, depth=8)))
                await asyncio.sleep(2)
                fast.clear()
                await asyncio.sleep(SECONDS)
                print(f"{name}: {N_PAGES} pages at 10 Hz, 16 bits: {_text(fast)}", flush=True)
            n_bytes = 24 + 2 * N_MODULES * (32 + 1024)
            print(
                f"phone at {BYTES_PER_S / 1e3:g} kB/s: {_text(phone)}; a wall takes {n_bytes / BYTES_PER_S:.3f} s"
            )
            for task in running:
                task.cancel()


def _text(ages: list[float]) -> str:
    p50, p99 = np.quantile(ages, (0.5, 0.99))
    return f"{len(ages)} walls, {p50 * 1e3:.0f} ms old at arrival (p99 {p99 * 1e3:.0f} ms)"


async def _first_paint() -> None:
    live = LiveWall()
    async with web_server(live, doors.Doors(), WebAddress(port=0)) as (_, url), async_playwright() as playwright:
        feeding = asyncio.create_task(_feed(live), name="feed")
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        found = []
        for _ in range(_N_PAINTS):
            context = await browser.new_context(viewport={"width": 1400, "height": 900})  # nothing in its cache
            page = await context.new_page()
            await page.add_init_script(_WATCH)
            await page.goto(url)
            while not (at := await page.evaluate("window.paintedAt")):
                await asyncio.sleep(0.05)
            found.append(at)
            await context.close()
        await browser.close()
        feeding.cancel()
        print(f"first paint of 90 images: median {np.median(found):.0f} ms of {[round(ms) for ms in found]}")


if __name__ == "__main__":
    main()
