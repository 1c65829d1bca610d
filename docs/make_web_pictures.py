"""Pictures of the browser viewer: simulated modules in a headless Chromium; usage: make_web_pictures.py DIR.

Needs the extra ``web``, playwright, and Chromium on the path.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.load import check_values
from panoseti_daq.config.settings import RunProbe
from panoseti_daq.pff import Selection
from panoseti_daq.service.server import running_server
from panoseti_daq.web.beside import follow_beside
from panoseti_daq.web.doors import Doors
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.night import Night
from panoseti_daq.web.server import WebAddress, web_server

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@asynccontextmanager
async def site(modules: str, data_dir: Path) -> AsyncIterator[str]:
    """Simulator, server and web server; gives the URL of the page."""
    command = [sys.executable, "-m", "panoseti_daq", "simulate", str(data_dir), "--module-id", modules]
    command += ["--rate-hz", "10"]
    simulator = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    live = LiveWall()
    try:
        await asyncio.sleep(4)  # the page waits for the rest
        async with AsyncExitStack() as exits:
            settings = check_values({"run_probe": RunProbe.NONE})
            server = await exits.enter_async_context(running_server(settings, follow=HpIoConfig(str(data_dir))))
            client = await exits.enter_async_context(AioDaqDataClient.connect(server.address))
            running = web_server(live, Doors(), WebAddress(port=0), night=Night(client, live))
            _, url = await exits.enter_async_context(running)
            tasks = await exits.enter_async_context(asyncio.TaskGroup())
            jobs = [
                tasks.create_task(live.follow(client, [server.address], Selection(update_interval_s=0.1))),
                tasks.create_task(follow_beside(client, [server.address], live)),
            ]
            yield url
            for job in jobs:
                job.cancel()
    finally:
        simulator.terminate()
        await simulator.wait()


async def page_of(browser: Browser, url: str, size: dict[str, int], n_images: int) -> Page:
    """A page that shows this number of images."""
    page = await browser.new_page(viewport=size)  # type: ignore[arg-type]
    await page.goto(url)
    await page.locator("figure:not(.empty):not(.old)").nth(n_images - 1).wait_for(timeout=120_000)
    await asyncio.sleep(2)
    return page


async def main(out: Path) -> None:
    """Make all pictures."""
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        for modules, n in (("1", 1), ("0-15", 16), ("0-63", 64)):
            with tempfile.TemporaryDirectory() as directory:
                async with site(modules, Path(directory)) as url:
                    page = await page_of(browser, url, DESK, 2 * n)
                    await page.screenshot(path=out / {1: "web_1.png", 16: "web.png", 64: "web_64.png"}[n])
                    if n == 16:
                        await more_pictures(browser, page, url, out)
        await browser.close()


async def more_pictures(browser: Browser, page: Page, url: str, out: Path) -> None:
    """A module large, the past, a phone."""
    for key in ("[", "[", ","):
        await page.keyboard.press(key)
        await asyncio.sleep(1)
    await page.screenshot(path=out / "web_past.png")
    await page.keyboard.press("b")
    await page.click(".module[data-module='3']")
    await asyncio.sleep(16)
    await page.screenshot(path=out / "web_large.png")
    phone = await page_of(browser, url, PHONE, 32)
    await phone.screenshot(path=out / "web_phone.png")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
