"""The page in a real browser: what stands on the canvas, ages, coming back, hidden and small pages, links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from support.browser import FOUND, Tab, browser_tab
from support.received import corner, frame_of
from support.rig import until

from panoseti_daq.pff import DataProduct
from panoseti_daq.service.access.tokens import Role, make_token
from panoseti_daq.web.doors import Doors, sign_link
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.server import WebAddress, WebServer, web_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(FOUND is None, reason="there is no Chromium: apt-get install chromium"),
]

KEY = b"k" * 64
IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256


@asynccontextmanager
async def served(doors: Doors | None = None, port: int = 0) -> AsyncIterator[tuple[WebServer, str]]:
    async with web_server(LiveWall(), doors or Doors(), WebAddress(port=port)) as (server, url):
        yield server, url


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    async with browser_tab(tmp_path / "profile") as tab:
        yield tab


def canvas(name: str) -> str:
    return f"document.querySelector('[data-image=\"{name}\"] canvas')"


async def brightest(tab: Tab, name: str) -> tuple[int, int]:
    """Row and column of the brightest pixel of an image on the page."""
    pixels = await tab.run(f"Array.from({canvas(name)}.getContext('2d').getImageData(0, 0, 32, 32).data)")
    total = np.reshape(pixels, (32, 32, 4))[..., :3].sum(axis=2)
    row, column = np.unravel_index(total.argmax(), total.shape)
    return int(row), int(column)


async def test_pixels_stay_in_their_corner_and_quabos_in_their_quadrant(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(corner(0, -1), module_id=7))
        server.live.add(frame_of(corner(0, 0, size=16), PH256, 7, quabo=1))
        await tab.open(f"{url}/?view=levels%3Dfixed%26colors%3Dgray")
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 2")
        assert await brightest(tab, "7/movie") == (0, 31)
        assert await brightest(tab, "7/pulse_height") == (0, 16)
        await tab.run("dispatchEvent(new KeyboardEvent('keydown', {key: 'o'}))")
        assert await brightest(tab, "7/movie") == (31, 31)  # rotated clockwise
        await tab.run("document.querySelector('.module').click()")
        await tab.until("!document.querySelector('#large').hidden && location.search.includes('large')")


async def test_ages_go_on_and_old_images_are_crossed_out(tab: Tab) -> None:
    async with served() as (server, url):
        now_s = await tab.run("Date.now() / 1000")
        for module, age_s in ((1, 0), (2, 8), (3, 60)):
            server.live.add(frame_of(1, module_id=module, unix_s=now_s - age_s, detected_ns=0))
        await tab.open(url)
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 3")
        classes = "document.querySelector('[data-image=\"{}/movie\"]').className"
        assert await tab.run(classes.format(2)) == "old"
        assert await tab.run(classes.format(3)) == "old dead"
        await tab.until(f"{classes.format(1)} === 'old'")  # without another wall


async def test_the_page_comes_back_after_a_restart(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(1, module_id=7))
        await tab.open(url)
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 1")
    await tab.until("document.querySelector('#state').textContent.includes('no connection')")
    async with served(port=int(url.rpartition(":")[2])) as (server, _):
        server.live.add(frame_of(1, module_id=8))
        server.live.add(frame_of(2, module_id=7, frame_number=55))
        await tab.until("document.querySelector('#state').textContent === 'connected'")
        await tab.until(f"{canvas('7/movie')}.closest('figure').innerText.includes('#55')")


async def test_a_page_that_does_not_paint_gets_one_wall_and_then_the_newest(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(0, module_id=7))
        await tab.open(url)
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 1")
        await tab.run("paints = []; requestAnimationFrame = (paint) => paints.push(paint); 0")  # as a hidden page
        server.live.add(frame_of(1, module_id=7, frame_number=1))
        await tab.until("paints.length === 1")
        n_walls = server.counts.n_walls
        for number in range(2, 8):
            server.live.add(frame_of(number, module_id=7, frame_number=number))
            await asyncio.sleep(0.15)
        assert server.counts.n_walls == n_walls
        await tab.run("paints.pop()(); 0")
        await until(lambda: server.counts.n_walls == n_walls + 1)
        await tab.until("paints.length === 1")
        await tab.run("paints.pop()(); 0")
        assert "#7" in await tab.run(f"{canvas('7/movie')}.closest('figure').innerText")


async def test_a_phone_has_one_module_per_row_and_nothing_beside_the_screen(tab: Tab, tmp_path: Path) -> None:
    async with served() as (server, url):
        for module in range(64):
            server.live.add(frame_of(corner(0, 0), module_id=module))
        await tab.size(390, 800, mobile=True)
        await tab.open(url)
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 64")
        assert await tab.run("document.documentElement.scrollWidth") <= 390
        tops = await tab.run("[...document.querySelectorAll('.module')].map((m) => m.getBoundingClientRect().top)")
        assert len(set(tops)) == 64


async def test_a_link_shows_its_modules_and_leaves_the_address(tab: Tab) -> None:
    _, line = make_token("ada", Role.READ)
    async with served(Doors(lambda: (line,), lambda: KEY)) as (server, url):
        for module in (1, 2):
            server.live.add(frame_of(1, module_id=module))
        await tab.open(url)
        await tab.until("document.querySelector('#login').open")
        await tab.open("about:blank")
        await tab.call("Page.navigate", url=f"{url}/#{sign_link(KEY, [2], 4_000_000_000)}")
        await tab.until("document.querySelectorAll('figure:not(.empty)').length === 1")
        assert await tab.run("document.querySelector('.module').dataset.module") == "2"
        assert "share_" not in await tab.run("location.href")
