"""The web server with real servers behind it and clients of HTTP before it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.received import frame_of
from support.rig import image_of, recording, serving, started, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Selection
from panoseti_daq.service.access.tokens import AllowedToken, Role, make_token
from panoseti_daq.web.doors import MAX_SOCKETS_PER_ADDRESS, Doors, sign_link
from panoseti_daq.web.live import HostLine, LiveWall
from panoseti_daq.web.server import WebAddress, WebServer, web_server
from panoseti_daq.wire.wall import WallTile, decode_wall

pytestmark = pytest.mark.anyio

KEY = b"k" * 64
IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256


class Page:
    """What a page does, without a screen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.shapes: dict[int, tuple[int, int]] = {}
        self.keys: list[dict[str, Any]] = []
        self.texts: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.socket.send_json(message)

    async def wall(self) -> tuple[int, dict[int, WallTile]]:
        """Return number and tiles of the next wall; texts before it are read."""
        while True:
            message = await self.socket.receive(timeout=60)
            if message.type is aiohttp.WSMsgType.BINARY:
                head, tiles = decode_wall(message.data, self.shapes)
                return head.sequence, {tile.key: tile for tile in tiles}
            assert message.type is aiohttp.WSMsgType.TEXT, message
            self._read(json.loads(message.data))

    async def text(self, op: str) -> dict[str, Any]:
        """Return the next text of a kind; walls before it are left out."""
        while True:
            message = await self.socket.receive(timeout=60)
            if message.type is aiohttp.WSMsgType.TEXT:
                self._read(json.loads(message.data))
                if self.texts[-1]["op"] == op:
                    return self.texts[-1]
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message

    def _read(self, message: dict[str, Any]) -> None:
        self.texts.append(message)
        if message["op"] == "keys":
            self.keys = message["keys"]
            self.shapes = {key["id"]: (key["rows"], key["columns"]) for key in self.keys}


class Site:
    """A web server without a DAQ node: the test puts the frames in."""

    def __init__(self, server: WebServer, url: str, session: aiohttp.ClientSession) -> None:
        self.live, self.server, self.url, self.session = server.live, server, url, session

    @asynccontextmanager
    async def page(self, **headers: str) -> AsyncIterator[Page]:
        where = f"{self.url}/ws"
        async with self.session.ws_connect(where, protocols=("panoseti.v1",), headers=headers) as socket:
            yield Page(socket)

    async def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        async with self.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.read()


@asynccontextmanager
async def site_of(doors: Doors | None = None, stalled_s: float = 30.0) -> AsyncIterator[Site]:
    jar = aiohttp.CookieJar(unsafe=True)  # of an address without a name
    async with web_server(LiveWall(), doors or Doors(), WebAddress(port=0), stalled_s) as (server, url):
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield Site(server, url, session)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with site_of() as site:
        yield site


async def test_a_page_gets_the_pixels_that_the_writer_wrote(tmp_path: Path) -> None:
    with recording(tmp_path, 1) as recorder:
        recorder.write(IMG16, 3)
        recorder.write(PH256, 50)  # of quabos at random
        async with (
            serving(tmp_path) as server,
            AioDaqDataClient.connect(server.address) as client,
            site_of() as site,
            site.page() as page,
            asyncio.TaskGroup() as tasks,
        ):
            following = tasks.create_task(site.live.follow(client, [server.address], Selection()))
            await until(lambda: len(site.live.frames) == 5)
            assert (await site.get("/healthz"))[0] == 200
            await page.say(op="view")
            _, tiles = await page.wall()
            for key in page.keys:
                product = next(p for p in DataProduct if p.token == key["product"])
                frame = recorder.frames[product][tiles[key["id"]].frame_number]
                np.testing.assert_array_equal(tiles[key["id"]].image, image_of(frame, product))
            assert {(key["product"], key["quabo"]) for key in page.keys} == {
                ("img16", None),
                *(("ph256", quabo) for quabo in range(4)),
            }
            following.cancel()


async def test_a_slow_page_gets_the_newest_wall_and_no_backlog(site: Site) -> None:
    site.live.add(frame_of(0, frame_number=0))
    async with site.page() as page, site.page() as fast:
        await page.say(op="view", hz=20)
        await fast.say(op="view", hz=20)
        first, _ = await page.wall()
        number = 0
        for number in range(1, 6):
            site.live.add(frame_of(number, frame_number=number))
            while (await _painted(fast))[0].frame_number != number:
                pass
        with pytest.raises(TimeoutError):
            await page.socket.receive(timeout=0.2)  # nothing, as it has not painted
        newest, tiles = await _painted_wall(page, first)
        assert tiles[0].frame_number == 5
        assert newest > first + 1
        assert site.server.counts.n_skipped >= newest - first - 1


async def _painted(page: Page) -> dict[int, WallTile]:
    await page.say(op="painted")
    return (await page.wall())[1]


async def _painted_wall(page: Page, sequence: int) -> tuple[int, dict[int, WallTile]]:
    await page.say(op="painted", seq=sequence)
    return await page.wall()


async def test_one_wall_is_encoded_for_all_who_look(site: Site) -> None:
    site.live.add(frame_of(1))
    async with site.page() as one, site.page() as two, site.page() as other:
        for page in (one, two):
            await page.say(op="view", depth=8, hz=1)
            await page.wall()
        await other.say(op="view", depth=16, hz=1)
        await other.wall()
        assert len(site.server.views) == 2
    await until(lambda: not site.server.views)
    await until(lambda: not site.server.doors.sockets)


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "[]", "null", '{"op":"stop"}', '{"op":"view","modules":7}', "[" * 8000, '{"op":"view","hz":NaN}'],
)
async def test_garbage_is_answered_and_the_page_goes_on(site: Site, garbage: str) -> None:
    site.live.add(frame_of(1))
    async with site.page() as page:
        await page.socket.send_str(garbage)
        assert "invalid" in (await page.text("error"))["text"]
        await page.say(op="view")
        assert (await page.wall())[1]


async def test_what_is_no_text_or_too_much_ends_the_socket(site: Site) -> None:
    async with site.page() as page:
        await page.socket.send_bytes(b"PW1")
        await _closed(page, 1003)
    async with site.page() as page:
        await page.socket.send_str("x" * 20_000)
        await _closed(page, 1009)
    async with site.page() as page:
        for _ in range(300):
            await page.say(op="painted")
        await _closed(page, 1008)


async def _closed(page: Page, code: int) -> None:
    while not page.socket.closed:
        await page.socket.receive(timeout=60)
    assert page.socket.close_code == code


async def test_requests_of_other_pages_and_names_are_refused(site: Site) -> None:
    assert (await site.get("/", Origin="https://evil.example"))[0] == 403
    assert (await site.get("/", Host="evil.example"))[0] == 421
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with site.page(Origin="https://evil.example"):
            pass
    async with site.page(Origin=site.url):
        pass


async def test_sockets_of_one_address_are_limited(site: Site) -> None:
    open_ones = [site.page() for _ in range(MAX_SOCKETS_PER_ADDRESS)]
    for one in open_ones:
        await one.__aenter__()
    with pytest.raises(aiohttp.WSServerHandshakeError, match="429"):
        async with site.page():
            pass
    for one in open_ones:
        await one.__aexit__(None, None, None)
    await until(lambda: not site.server.doors.sockets)


async def test_the_page_and_all_its_files_come_from_here(site: Site) -> None:
    status, page = await site.get("/")
    assert status == 200
    texts = [page.decode()]
    names = {path.name for path in files("panoseti_daq.web").joinpath("static").iterdir()} | {"colors.js"}
    for name in names - {"uPlot.LICENSE"}:
        status, body = await site.get(f"/static/{name}")
        assert status == 200, name
        texts.append(body.decode())
    # uPlot names its home in a comment, and SVG its namespace.
    elsewhere = [found for text in texts for found in re.findall(r"https?://[^\s\"')]*", text)]
    assert set(elsewhere) <= {"https://github.com/leeoniya/uPlot"}
    modules = {name for name in names if name.endswith(".js") and not name.startswith("uPlot")}
    loaded = {name for name in modules if f'modulepreload" href="/static/{name}"' in texts[0]}
    assert loaded == modules, "the browser would ask for the others one after the other"
    assert (await site.get("/static/..%2fserver.py"))[0] == 404
    async with site.session.get(site.url) as answer:
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_pictures_have_a_tag_and_an_age(site: Site) -> None:
    assert (await site.get("/wall.png"))[0] == 404
    site.live.add(frame_of(1, module_id=7))
    async with site.session.get(f"{site.url}/module/7/img16.png") as answer:
        assert answer.content_type == "image/png"
        assert float(answer.headers["X-Frame-Age"]) >= 0
        tag = answer.headers["ETag"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-site"  # for Grafana on another port
    assert (await site.get("/module/7/img16.png", **{"If-None-Match": tag}))[0] == 304
    assert (await site.get("/module/8/img16.png"))[0] == 404
    assert (await site.get("/wall.png"))[0] == 200
    assert b"panoseti_web_frames_total 1" in (await site.get("/metrics"))[1]


async def test_a_host_of_any_name_leaves_the_metrics_readable(site: Site) -> None:
    host = 'unix:///a"b\\c\n'
    site.live.hosts[host] = HostLine(connected=True)
    found = text_string_to_metric_families((await site.get("/metrics"))[1].decode())
    up = [sample for family in found for sample in family.samples if sample.name == "panoseti_web_host_up"]
    assert [(sample.labels, sample.value) for sample in up] == [({"host": host}, 1)]


async def test_tokens_and_links_open_what_they_name_and_nothing_else() -> None:
    token, line = make_token("ada", Role.READ)
    tokens: list[AllowedToken] = [line]
    async with site_of(Doors(lambda: tuple(tokens), lambda: KEY)) as site:
        for module in (1, 2):
            site.live.add(frame_of(1, module_id=module))
        for path in ("/api/status", "/wall.png", "/metrics", "/ws"):
            assert (await site.get(path))[0] == 401
        assert (await site.get("/"))[0] == 200
        assert (await site.get("/api/status", Authorization=f"Bearer {token}"))[0] == 200
        for body in ("", "[]", '{"token":3}', "[" * 3000):
            assert (await _post(site, body))[0] == 400
        assert (await _post(site, json.dumps({"token": "pdaq_wrong"})))[0] == 403
        status, cookie = await _post(site, json.dumps({"token": sign_link(KEY, [2], 4_000_000_000)}))
        assert status == 204
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert token not in cookie
        async with site.page() as page:
            await page.say(op="view")
            await page.wall()
            assert [key["module"] for key in page.keys] == [2]
        assert (await site.get("/module/1/img16.png"))[0] == 404
        assert [key["module"] for key in json.loads((await site.get("/api/status"))[1])["keys"]] == [2]


async def _post(site: Site, body: str) -> tuple[int, str]:
    async with site.session.post(f"{site.url}/session", data=body) as answer:
        return answer.status, answer.headers.get("Set-Cookie", "")


async def test_a_revoked_token_ends_the_sockets() -> None:
    token, line = make_token("ada", Role.READ)
    tokens: list[AllowedToken] = [line]
    async with site_of(Doors(lambda: tuple(tokens))) as site:
        assert (await _post(site, json.dumps({"token": token})))[0] == 204
        async with site.page() as page:
            await page.say(op="view", hz=20)
            tokens.clear()
            site.live.add(frame_of(1))
            await _closed(page, 4401)


async def test_a_page_that_takes_nothing_is_dropped() -> None:
    async with site_of(stalled_s=0.1) as site:
        for module in range(200):
            site.live.add(frame_of(1, module_id=module))
        async with site.page() as page:
            transport: Any = page.socket._response.connection.transport  # type: ignore[union-attr]
            transport.pause_reading()
            await page.say(op="view", hz=20)
            number = 0
            async with asyncio.timeout(60):
                while not site.server.counts.n_stalled:
                    number += 1
                    site.live.add(frame_of(number, frame_number=number, module_id=0))
                    await page.say(op="painted")
                    await asyncio.sleep(0.02)
        await until(lambda: not site.server.doors.sockets)


def test_the_command_says_where_it_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    with started("web", "localhost:1", "--port", 0) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("serving http://127.0.0.1:")
    assert process.returncode == 0
