"""Commands that read a site over NATS by its address, which holds a password (issue 17)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from support.events import BEGIN_NS, NS, pulse_height
from support.nats import NatsServer, bridging, nats_serving
from support.rig import RUN, image_of, recording, run_command, serving_process, started, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.events import Engine, find_trigger
from panoseti_daq.events.scan import scan, stream_files
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.writer import RunWriter
from panoseti_daq.wire.wall import WallTile, decode_wall

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

N_PAIRS = 20
N_MOVIES = 300
SECRET = "reader:reader"


@dataclass
class Site:
    """A site of three modules: two with coincident pulses, one with movies."""

    nats: NatsServer
    data_dir: Path
    movies: list[bytes]

    @property
    def url(self) -> str:
        return self.nats.url()


def write_pairs(data_dir: Path) -> None:
    """Pulses of two modules within 100 ns, each half second; then frames so late that all of them are certain."""
    for module_id in (2, 3):
        writer = RunWriter(data_dir / f"module_{module_id}" / RUN, module_id)
        at_ns = [BEGIN_NS + i * NS // 2 + (module_id == 3) * 40 for i in range(N_PAIRS)]
        at_ns += [BEGIN_NS + N_PAIRS * NS + i * 3 * NS + module_id * NS // 50 for i in range(4)]
        for unix_ns in at_ns:
            writer.write(DataProduct.PH256, pulse_height(unix_ns))
        writer.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    data_dir = directory / "data"
    write_pairs(data_dir)
    with recording(data_dir) as recorder:
        recorder.write(DataProduct.IMG16, N_MOVIES)
        with (
            serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, node),
            nats_serving(directory / "nats") as nats,
            bridging(nats, node, "--from-start", "--wall-hz", 20),
        ):
            yield Site(nats, data_dir, recorder.frames[DataProduct.IMG16])


def run(*arguments: object) -> str:
    """Standard output of a command that does what it should, and shows no password."""
    ended = run_command(*arguments)
    assert ended.returncode == 0, ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    return ended.stdout


async def test_events_finds_what_a_scan_of_the_files_finds(site: Site, tmp_path: Path) -> None:
    trigger = find_trigger("coincidence")
    engine = Engine([(trigger, trigger.make_with({}))])
    streams = {key: paths for key, paths in stream_files(site.data_dir).items() if key[0] != 1}
    expected = [candidate.id for candidate in scan(engine, streams)]
    assert len(expected) == N_PAIRS
    lines, found = tmp_path / "events.jsonl", list[str]()

    def are_found() -> bool:
        whole = lines.read_text().rpartition("\n")[0] if lines.exists() else ""
        found[:] = [json.loads(line)["id"] for line in whole.splitlines()]
        return len(found) >= N_PAIRS

    search = "events", "live", "--host", site.url, "--from-start", "--out", tmp_path, "--trigger", "coincidence"
    with started(*search, "--module-id", "2-3"):
        await until(are_found)
    assert found == expected


def test_stream_prints_the_newest_frames(site: Site) -> None:
    lines = [json.loads(line) for line in run("stream", "--host", site.url, "--json", "--count", 3).splitlines()]
    assert {line["module_id"] for line in lines} == {1, 2, 3}


def test_record_writes_the_bytes_of_the_files(site: Site, tmp_path: Path) -> None:
    run("record", tmp_path, "--host", site.url, "--from-start", "--module-id", 1, "--count", N_MOVIES)
    [copy] = tmp_path.glob("module_1/*/*.pff")
    assert copy.read_bytes() == b"".join(site.movies)


def test_plot_draws_the_images(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    picture = tmp_path / "view.png"
    run("plot", "view", "--host", site.url, "--snapshot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", ["status", "hosts"])
def test_status_and_hosts_tell_of_the_modules(site: Site, command: str) -> None:
    assert "nats://127.0.0.1" in run("hosts", "--host", site.url)
    assert re.search(r"\b1\b", run(command, "--host", site.url))


@pytest.mark.parametrize("option", ["--source", "--node"])
def test_serve_hands_a_site_on_to_clients_of_grpc(site: Site, option: str) -> None:
    with serving_process(option, site.url) as (_, address):
        lines = run("stream", "--host", address, "--json", "--count", 3).splitlines()
        assert {json.loads(line)["module_id"] for line in lines} == {1, 2, 3}
        assert "lick" in run("status", "--host", address)


@asynccontextmanager
async def page_of(*arguments: object) -> AsyncIterator[dict[str, WallTile]]:
    """Tiles by module and product of the first wall that a page gets which has all of them."""
    with started("web", "--port", 0, *arguments) as process:
        assert process.stderr is not None
        url = (await asyncio.to_thread(process.stderr.readline)).split()[-1]
        keys: list[dict[str, Any]] = []
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/ws") as socket:
            await socket.send_json({"op": "view", "depth": 16})
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    text = json.loads(message.data)
                    assert SECRET not in message.data
                    keys = text["keys"] if text["op"] == "keys" else keys
                    continue
                _, tiles = decode_wall(message.data, {key["id"]: (key["rows"], key["columns"]) for key in keys})
                if len(tiles) == 3:
                    yield {f"{keys[t.key]['module']} {keys[t.key]['product']}": t for t in tiles}
                    return
                await socket.send_json({"op": "painted"})


async def test_web_shows_the_images_with_their_pixels(site: Site) -> None:
    async with page_of(site.url) as tiles:
        assert set(tiles) == {"1 img16", "2 ph256", "3 ph256"}
        np.testing.assert_array_equal(tiles["1 img16"].image, image_of(site.movies[-1], DataProduct.IMG16))


async def test_web_relays_the_walls_that_the_bridge_publishes(site: Site) -> None:
    async with page_of(site.url, "--walls") as tiles:
        assert set(tiles) == {"1 img16", "2 ph256", "3 ph256"}
        movie = tiles["1 img16"]
        assert movie.scale is not None and movie.frame_number == N_MOVIES - 1
        low, high = movie.scale
        written = np.clip(image_of(site.movies[-1], DataProduct.IMG16).astype(float), low, high)
        shown = low + movie.image.astype(float) * ((high - low) / 255)
        assert np.abs(shown - written).max() <= (high - low) / 510 + 1e-6


async def test_everybody_may_have_the_walls_without_a_password(site: Site) -> None:
    async with AioDaqDataClient.connect(site.nats.url("")) as client, client.stream_walls() as walls:
        frames = await anext(aiter(walls))
    assert {frame.module_id for frame in frames} == {1, 2, 3}


def test_a_server_of_grpc_has_no_walls() -> None:
    with serving_process("--simulate") as (_, address), started("web", address, "--port", 0, "--walls") as web:
        assert web.wait(60) == 1
        assert web.stderr is not None
        said = web.stderr.read()
    assert "has no walls; allowed: nats://HOST/SITE" in said.splitlines()[-1]
    assert "Traceback" not in said
