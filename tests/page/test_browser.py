"""The page in a real browser: pixels on the canvas, ages, coming back, hidden and small pages, links, the past."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, async_playwright
from support.chromium import CHROMIUM, FLAGS
from support.night import RUN_1, RUN_2, movie, night_site, write
from support.patience import PATIENCE_S
from support.received import corner, frame_of
from support.rig import until

from panoseti_daq.pff import DataProduct
from panoseti_daq.service.access.tokens import AllowedToken, Role, make_token
from panoseti_daq.viewers.images.colors import N_COLORS, ColorMap, rgba_table
from panoseti_daq.viewers.modules import Module
from panoseti_daq.web.doors import Doors, sign_link
from panoseti_daq.web.live import HostLine, LiveWall, ModuleNote
from panoseti_daq.web.server import WebAddress, WebServer, web_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium"),
]

KEY = b"k" * 64
IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
SHOWN = "document.querySelectorAll('figure:not(.empty)').length === {}"


@asynccontextmanager
async def served(doors: Doors | None = None, port: int = 0) -> AsyncIterator[tuple[WebServer, str]]:
    async with web_server(LiveWall(), doors or Doors(), WebAddress(port=port)) as (server, url):
        yield server, url


class Tab:
    """A page, and what it complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_default_timeout(PATIENCE_S * 1000)

    async def open(self, url: str) -> None:
        await self.page.goto(url)

    async def run(self, script: str) -> Any:
        """Return the value of an expression."""
        return await self.page.evaluate(script)

    async def until(self, script: str) -> None:
        """Wait until an expression is true."""
        # Not by wait_for_function, which evaluates a string in the page: its policy forbids that to everybody.
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not await self.page.evaluate(script):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            text = await self.page.inner_text("body")
            raise AssertionError(f"never came true: {script}\nthe page says: {text[:2000]}") from None

    async def press(self, key: str) -> None:
        await self.page.keyboard.press(key)

    async def text(self, selector: str) -> str:
        text: str = await self.page.inner_text(selector)
        return text

    async def says(self, selector: str, text: str) -> None:
        """Wait until a text stands somewhere."""
        await self.until(f"document.querySelector({selector!r})?.innerText.includes({text!r})")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for all tests, as they share a browser: it takes seconds to start."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def tab(browser: Browser) -> AsyncIterator[Tab]:
    context = await browser.new_context()
    tab = Tab(await context.new_page())
    with ThreadPoolExecutor() as executor:  # ends with the test, though the loop does not
        asyncio.get_running_loop().set_default_executor(executor)
        yield tab
        await context.close()
    assert tab.errors == []


def canvas(name: str) -> str:
    return f"document.querySelector('[data-image=\"{name}\"] canvas')"


async def pixels(tab: Tab, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Red, green, blue and alpha of an image on the page, shape (32, 32, 4)."""
    data = await tab.run(f"Array.from({canvas(name)}.getContext('2d').getImageData(0, 0, 32, 32).data)")
    return np.reshape(data, (32, 32, 4))


async def brightest(tab: Tab, name: str) -> tuple[int, int]:
    """Row and column of the brightest pixel of an image on the page."""
    total = (await pixels(tab, name))[..., :3].sum(axis=2)
    row, column = np.unravel_index(total.argmax(), total.shape)
    return int(row), int(column)


async def test_the_canvas_has_the_color_of_every_pixel_of_the_array(tab: Tab) -> None:
    async with served() as (server, url):
        image = np.random.default_rng(1).permutation(1024).reshape(32, 32) % N_COLORS
        server.live.add(frame_of(image, module_id=7))
        await tab.open(f"{url}/?view=levels%3Dfixed%26low%3D0%26high%3D{N_COLORS - 1}%26colors%3Dviridis")
        await tab.until(SHOWN.format(1))
        colors = rgba_table(ColorMap.VIRIDIS)[image][..., :3]
        np.testing.assert_array_equal((await pixels(tab, "7/movie"))[..., :3], colors)


async def test_pixels_stay_in_their_corner_and_quabos_in_their_quadrant(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(corner(0, -1), module_id=7))
        server.live.add(frame_of(corner(0, 0, size=16), PH256, 7, quabo=1))
        await tab.open(f"{url}/?view=levels%3Dfixed%26colors%3Dgray")
        await tab.until(SHOWN.format(2))
        assert await brightest(tab, "7/movie") == (0, 31)
        assert await brightest(tab, "7/pulse_height") == (0, 16)
        await tab.press("o")
        assert await brightest(tab, "7/movie") == (31, 31)  # rotated clockwise
        await tab.run("document.querySelector('.module').click()")
        await tab.until("!document.querySelector('#large').hidden && location.search.includes('large')")


async def test_ages_go_on_and_old_images_are_crossed_out(tab: Tab) -> None:
    async with served() as (server, url):
        now_s = await tab.run("Date.now() / 1000")
        for module, age_s in ((1, 0), (2, 8), (3, 60)):
            server.live.add(frame_of(1, module_id=module, unix_s=now_s - age_s, detected_ns=0))
        await tab.open(url)
        await tab.until(SHOWN.format(3))
        classes = "document.querySelector('[data-image=\"{}/movie\"]').className"
        assert await tab.run(classes.format(2)) == "old"
        assert await tab.run(classes.format(3)) == "old dead"
        await tab.until(f"{classes.format(1)} === 'old'")  # without another wall


async def test_the_page_comes_back_after_a_restart(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(1, module_id=7))
        await tab.open(url)
        await tab.until(SHOWN.format(1))
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
        await tab.until(SHOWN.format(1))
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
        await tab.page.set_viewport_size({"width": 390, "height": 844})
        await tab.open(url)
        await tab.until(SHOWN.format(64))
        assert await tab.run("document.documentElement.scrollWidth") <= 390
        tops = await tab.run("[...document.querySelectorAll('.module')].map((m) => m.getBoundingClientRect().top)")
        assert len(set(tops)) == 64


async def test_modules_of_one_number_on_two_hosts_have_a_card_each(tab: Tab) -> None:
    async with served() as (server, url):
        for host, where in (("daq2:50051", (0, 31)), ("daq1:50051", (0, 0))):
            server.live.add(frame_of(corner(*where), module_id=7, host=host))
        await tab.open(f"{url}/?view=levels%3Dfixed%26colors%3Dgray")
        await tab.until(SHOWN.format(2))
        titles = await tab.run("[...document.querySelectorAll('.module h2')].map((one) => one.textContent)")
        assert titles == ["module 7 daq1:50051", "module 7 daq2:50051"]
        canvases = "document.querySelectorAll('[data-image=\"7/movie\"] canvas')"
        first = f"Array.from({canvases}[0].getContext('2d').getImageData(0, 0, 1, 1).data)[0]"
        second = f"Array.from({canvases}[1].getContext('2d').getImageData(0, 0, 1, 1).data)[0]"
        assert await tab.run(first) > await tab.run(second)
        await tab.page.click(".module:nth-child(2)")
        await tab.says("#large-title", "module 7 daq2:50051")
        await tab.page.keyboard.press("ArrowRight")
        await tab.says("#large-title", "module 7 daq1:50051")


async def test_a_link_shows_its_modules_and_leaves_the_address(tab: Tab) -> None:
    _, line = make_token("ada", Role.READ)
    async with served(Doors(lambda: (line,), lambda: KEY)) as (server, url):
        for module in (1, 2):
            server.live.add(frame_of(1, module_id=module))
        await tab.open(url)
        await tab.until("document.querySelector('#login').open")
        await tab.open("about:blank")
        await tab.open(f"{url}/#{sign_link(KEY, [2], 4_000_000_000)}")
        await tab.until(SHOWN.format(1))
        assert await tab.run("document.querySelector('.module').dataset.module") == "2"
        assert "share_" not in await tab.run("location.href")


async def test_a_link_that_is_over_is_said_in_a_line(tab: Tab) -> None:
    _, line = make_token("ada", Role.READ)
    async with served(Doors(lambda: (line,), lambda: KEY)) as (_, url):
        await tab.open(f"{url}/#{sign_link(KEY, [2], 1_000_000_000)}")
        await tab.says("#notice", "the link has expired")
        await tab.until("document.querySelector('#login').open")  # somebody may have a token


async def test_a_revoked_token_ends_the_page(tab: Tab) -> None:
    token, line = make_token("ada", Role.READ)
    tokens: list[AllowedToken] = [line]
    async with served(Doors(lambda: tuple(tokens))) as (server, url):
        server.live.add(frame_of(1))
        await tab.open(url)
        await tab.page.fill("#token", "wrong")
        await tab.press("Enter")
        await tab.says("#login-error", "not valid")
        await tab.page.fill("#token", token)
        await tab.press("Enter")
        await tab.until(SHOWN.format(1))
        assert await tab.run("document.cookie") == ""  # no script can read it
        tokens.clear()
        server.live.add(frame_of(2, frame_number=2))
        await tab.until("document.querySelector('#login').open")


async def test_a_page_of_another_site_is_refused(tab: Tab) -> None:
    """It is at another name of this computer."""
    script = "new Promise((done) => {{ let s = new WebSocket('{}'); s.onclose = (e) => done(e.code); }})"
    async with served() as (server, url):
        runner = web.AppRunner(web.Application())
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await tab.open(f"http://localhost:{runner.addresses[0][1]}/")
        assert await tab.run(script.format(url.replace("http", "ws") + "/ws")) == 1006
        assert server.counts.n_refused == 1
        await runner.cleanup()


async def test_a_lost_host_is_named_and_a_module_has_its_line(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(1, module_id=7))
        server.live.hosts["daq3"] = HostLine(connected=False, reason="connection refused")
        note = ModuleNote("Q1: HV off, 21 C, shutter closed", 16)
        server.live.set_beside({key: 1000.2 for key in server.live.frames}, {Module("localhost", 7): note})
        await tab.open(url)
        await tab.says("#hosts", "daq3 lost")
        await tab.says(".module .note", note.text)
        await tab.until("document.querySelector('.module .note').classList.contains('warning')")
        await tab.page.click(".module")
        await tab.says("#rates-text", "img16 1000.2 /s")
        await tab.says("#large .note", note.text)


async def test_charts_are_drawn_of_what_came(tab: Tab) -> None:
    async with served() as (server, url):
        server.live.add(frame_of(1, module_id=7))
        server.live.add(frame_of(300, PH256, 7))
        await tab.open(url)
        await tab.until(SHOWN.format(2))
        await tab.press("n")  # red
        assert await tab.run("document.body.className") == "night"
        await tab.page.click(".module")
        await tab.says("#histogram-count", "1 images")
        await tab.until("document.querySelectorAll('.chart canvas').length === 3")
        await tab.page.hover("#large [data-image='7/movie'] canvas")
        await tab.says("#pointer", "movie, row 1")
        assert (await tab.text("#pointer")).endswith(": 1 ADC")
        await tab.page.click("#large [data-image='7/movie'] canvas")
        await tab.says("#curve-title", "movie, pixel")


async def test_a_page_goes_into_the_past_and_comes_back(tab: Tab, tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, IMG16, movie(range(5)))
    write(tmp_path, 1, RUN_2, IMG16, movie(range(100, 105)))
    async with night_site(tmp_path, n_keys=1) as (live, url):
        figure = "[data-image='1/movie']"
        await tab.open(url)
        await tab.until(SHOWN.format(1))
        await tab.press(",")
        await tab.says(figure, "#3")
        await tab.says("#moment", "00:01:43.778")
        await tab.press("[")
        await tab.says(figure, "#2")
        await tab.press("{")
        await tab.says(figure, "#4")  # of the run before
        await tab.says("#state", "not live")
        assert "old dead" in await tab.run(f'document.querySelector("{figure}").className')
        newest, (host,) = frame_of(9, module_id=1, frame_number=77), {frame.host for frame in live.frames.values()}
        live.add(replace(newest, delivery=newest.delivery._replace(host=host)))  # does not disturb
        await tab.press(".")
        await tab.says("#moment", "00:01:40.778")
        moment = tab.page.url
        await tab.press("b")
        await tab.says("#state", "connected")
        await tab.says(figure, "#77")
        await tab.open("about:blank")
        await tab.open(moment)  # a link to it
        await tab.says(figure, "#0")
        await tab.says("#moment", "00:01:40.778")
        await tab.page.fill("#slider", "10000")
        await tab.says("#state", "connected")


@pytest.mark.parametrize("n_modules", [1, 16, 64])
async def test_all_modules_fit_the_window(tab: Tab, n_modules: int) -> None:
    async with served() as (server, url):
        for module in range(n_modules):
            server.live.add(frame_of(5, module_id=module))
            server.live.add(frame_of(5, DataProduct.PH1024, module))
        await tab.page.set_viewport_size({"width": 1400, "height": 900})
        await tab.open(url)
        await tab.until(SHOWN.format(2 * n_modules))
        assert await tab.run("document.documentElement.scrollHeight") <= 900
        assert await tab.run("document.documentElement.scrollWidth") <= 1400
