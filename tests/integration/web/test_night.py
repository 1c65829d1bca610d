"""Time travel: frames of a moment, steps and runs, from the files of real servers through the web server."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support.frames import frame_bytes
from support.gateways import client_of, gateway_of
from support.night import RUN_1, RUN_2, T0, US, movie, night_site, write
from support.received import frame_of
from support.rig import serving

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, Selection
from panoseti_daq.service.access.tokens import Role, make_token
from panoseti_daq.viewers.modules import Module
from panoseti_daq.web.doors import Doors, sign_link
from panoseti_daq.web.live import LiveWall
from panoseti_daq.web.night import Night
from panoseti_daq.web.past import MAX_LOOKS_PER_MINUTE
from panoseti_daq.web.server import WebAddress, web_server
from panoseti_daq.wire.wall import WallTile, decode_wall

pytestmark = pytest.mark.anyio

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
KEY = b"k" * 64


class Site:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        async with self.session.get(self.url + path, headers=headers) as answer:
            return answer.status, await answer.read()

    async def json(self, path: str) -> Any:
        status, body = await self.get(path)
        assert status == 200, body
        return json.loads(body)

    async def frames(self, second: float, more: str = "") -> dict[tuple[int, str, int | None], WallTile]:
        """Tiles of a moment by module, product and quabo."""
        status, body = await self.get(f"/api/frames?t={round((T0 + second) * 1e6)}{more}")
        assert status == 200, body
        (n,) = struct.unpack_from("<I", body)
        keys = json.loads(body[4 : 4 + n])
        _, tiles = decode_wall(body[4 + n :], {key["id"]: (key["rows"], key["columns"]) for key in keys})
        assert (4 + n) % 8 == 0
        return {(key["module"], key["product"], key["quabo"]): tile for key, tile in zip(keys, tiles, strict=True)}


@asynccontextmanager
async def site_of(*data_dirs: Path, n_keys: int, doors: Doors | None = None) -> AsyncIterator[Site]:
    """A web server in front of a server for each directory, when it has got that many keys."""
    async with night_site(*data_dirs, n_keys=n_keys, doors=doors) as (_, url):
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            yield Site(url, session)


async def test_a_moment_shows_what_a_page_would_have_shown_then(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, IMG16, movie(range(5)))
    write(tmp_path, 1, RUN_2, IMG16, movie(range(100, 105)))
    pulses = [frame_bytes(PH256, i, quabo=i % 3, tv_sec=T0 + 100 + i) for i in range(6)]
    write(tmp_path, 1, RUN_2, PH256, pulses)
    async with site_of(tmp_path, n_keys=4) as site:
        tiles = await site.frames(104)  # the newest were taken at 103.8
        assert tiles[1, "img16", None].image[0, 0] == 103
        assert tiles[1, "img16", None].age_ms == round((104 - 103 - US / 1e6) * 1000)
        seen = {quabo: int(tile.image[0, 0]) for (_, product, quabo), tile in tiles.items() if product == "ph256"}
        assert seen == {0: 3, 1: 1, 2: 2}
        between = await site.frames(50)
        assert between[1, "img16", None].image[0, 0] == 4  # of the run before
        assert between[1, "img16", None].age_ms > 45_000
        first = await site.frames(-1000)
        assert first[1, "img16", None].image[0, 0] == 0  # there is none before it
        assert set(await site.frames(104, "&kinds=movie&depth=8")) == {(1, "img16", None)}


async def test_steps_go_from_frame_to_frame_over_files_and_runs(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, IMG16, movie(range(2)))
    write(tmp_path, 1, RUN_1, IMG16, movie(range(2, 3)), seqno=1)
    write(tmp_path, 1, RUN_2, IMG16, movie(range(100, 102)))
    async with site_of(tmp_path, n_keys=1) as site:
        at, there = (T0 - 9) * 10**6, []
        while (found := await _step(site, at, 1)) is not None:
            there.append(at := found)
        assert there == [(T0 + second) * 10**6 + US for second in (0, 1, 2, 100, 101)]
        back = [at]
        while (found := await _step(site, back[-1], -1)) is not None:
            back.append(found)
        assert back == there[::-1]


async def _step(site: Site, at: int, by: int) -> int | None:
    found: int | None = (await site.json(f"/api/step?t={at}&module=1&product=img16&by={by}"))["t"]
    return found


async def test_runs_are_listed_with_their_first_frames(tmp_path: Path) -> None:
    now = int(time.time())
    for start, run in ((now - 7200, "2026-01-03"), (now - 3600, "2026-01-04"), (now - 100 * 3600, "2026-01-02")):
        frames = [frame_bytes(IMG16, 1, tv_sec=start + i) for i in range(3)]
        write(tmp_path, 1, f"obs_Test.start_{run}T00:00:00Z.runtype_sci-data.pffd", IMG16, frames)
    async with site_of(tmp_path, n_keys=1) as site:
        found = await site.json("/api/runs")
        assert [run["begin_us"] // 10**6 for run in found["runs"]] == [now - 7200, now - 3600]
        assert found["begin_us"] == found["runs"][0]["begin_us"]
        assert found["end_us"] // 10**6 == now - 3598


async def test_frames_of_two_servers_are_found_and_one_that_is_gone_leaves_the_other(tmp_path: Path) -> None:
    write(tmp_path / "a", 1, RUN_1, IMG16, movie(range(5)))
    write(tmp_path / "b", 2, RUN_1, IMG16, movie(range(5)))
    live = LiveWall()
    async with serving(tmp_path / "a") as a:
        async with serving(tmp_path / "b") as b:
            async with AioDaqDataClient.connect([a.address, b.address]) as client:
                night = Night(client, live)
                async with client.stream_frames() as stream:
                    while len(live.frames) < 2:
                        live.add(await anext(stream))
                found = await night.at((T0 + 3) * 10**6, Selection())
                assert sorted((key.module_id, int(frame.image[0, 0])) for (_, key), frame in found.items()) == [
                    (1, 2),
                    (2, 2),
                ]
        async with AioDaqDataClient.connect([a.address, b.address]) as client:
            found = await Night(client, live).at((T0 + 3) * 10**6, Selection())
            assert [source.module_id for source in found] == [1]


async def test_of_two_servers_with_one_module_each_has_its_own_past(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 50)):
        write(tmp_path / name, 1, RUN_1, IMG16, movie(range(first, first + 5)))
    live = LiveWall()
    async with serving(tmp_path / "a") as a, serving(tmp_path / "b") as b:
        async with AioDaqDataClient.connect([a.address, b.address]) as client:
            async with client.stream_frames() as stream:
                while len(live.frames) < 2:
                    live.add(await anext(stream))
            night = Night(client, live)
            found = await night.at((T0 + 60) * 10**6, Selection())
            assert {host: int(frame.image[0, 0]) for (host, _), frame in found.items()} == {
                a.address: 4,
                b.address: 54,
            }
            for server, second in ((a, 4), (b, 52)):
                at = await night.neighbor((T0 + 53) * 10**6, Module(server.address, 1), IMG16, -1)
                assert at == (T0 + second) * 10**6 + US


async def test_a_head_node_passes_the_question_on_to_the_node_that_has_the_files(tmp_path: Path) -> None:
    for name, module_id in (("a", 1), ("b", 2)):
        write(tmp_path / name, module_id, RUN_1, IMG16, movie(range(5)))
        write(tmp_path / name, module_id, RUN_2, IMG16, movie(range(100, 105)))
    live = LiveWall()
    async with (
        serving(tmp_path / "a") as a,
        serving(tmp_path / "b") as b,
        gateway_of(f"a={a.address}", f"b={b.address}") as gateway,
        client_of(gateway) as client,
    ):
        async with client.stream_frames() as stream:
            while len(live.frames) < 2:
                live.add(await anext(stream))
        night = Night(client, live)
        found = await night.at((T0 + 3) * 10**6, Selection())
        assert {key.module_id: int(frame.image[0, 0]) for (_, key), frame in found.items()} == {1: 2, 2: 2}
        at = await night.neighbor((T0 + 50) * 10**6, Module("", 2), IMG16, 1)
        assert at == (T0 + 100) * 10**6 + US
        assert await night.neighbor(at, Module("", 2), IMG16, -1) == (T0 + 4) * 10**6 + US


@pytest.mark.parametrize(
    "path",
    [
        "frames",
        "frames?t=x",
        "frames?t=-1",
        "frames?t=1&modules=x",
        "frames?t=1&depth=9",
        "frames?t=1&kinds=all",
        "step?t=1&module=300&product=img16",
        "step?t=1&module=1&product=x",
        "runs?hours=0",
        "frames?t=1" + "0" * 30,
    ],
)
async def test_an_invalid_question_is_answered_in_one_line(tmp_path: Path, path: str) -> None:
    write(tmp_path, 1, RUN_1, IMG16, movie(range(1)))
    async with site_of(tmp_path, n_keys=1) as site:
        status, body = await site.get(f"/api/{path}")
        assert status == 400
        assert body.startswith(b"invalid")
        assert body.count(b"\n") == 1


async def test_a_link_sees_its_modules_only(tmp_path: Path) -> None:
    for module_id in (1, 2):
        write(tmp_path, module_id, RUN_1, IMG16, movie(range(3)))
    _, line = make_token("ada", Role.READ)
    async with site_of(tmp_path, n_keys=2, doors=Doors(lambda: (line,), lambda: KEY)) as site:
        assert (await site.get("/api/runs"))[0] == 401
        async with site.session.post(
            site.url + "/session", json={"token": sign_link(KEY, [2], 4_000_000_000)}
        ) as answer:
            assert answer.status == 204
        assert {module for module, _, _ in await site.frames(2)} == {2}
        assert (await site.get("/api/frames?t=1&modules=1"))[0] == 400
        assert (await site.get(f"/api/step?t={T0}&module=1&product=img16"))[0] == 400


async def test_looks_of_one_address_are_limited(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, IMG16, movie(range(1)))
    async with site_of(tmp_path, n_keys=1) as site:
        answers = [(await site.get("/api/frames"))[0] for _ in range(MAX_LOOKS_PER_MINUTE)]
        assert set(answers) <= {400, 429}  # a minute may end meanwhile

        async def refused() -> bool:
            return (await site.get("/api/frames"))[0] == 429

        for _ in range(MAX_LOOKS_PER_MINUTE + 1):
            if await refused():
                break
        else:
            raise AssertionError("nothing was refused")


async def test_what_is_in_no_file_is_said(tmp_path: Path) -> None:
    live = LiveWall()
    async with serving() as server, AioDaqDataClient.connect(server.address) as client:
        frame = frame_of(1)
        live.add(replace(frame, delivery=frame.delivery._replace(host=server.address)))
        async with web_server(live, Doors(), WebAddress(port=0), night=Night(client, live)) as (_, url):
            async with aiohttp.ClientSession() as session, session.get(f"{url}/api/frames?t=1") as answer:
                assert answer.status == 503
                assert "the files cannot be looked into" in await answer.text()
