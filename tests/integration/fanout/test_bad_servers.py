"""NATS servers that are not there, refuse, or have no room: one clear line each, and what goes on (issue 17)."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from support.nats import LIMITS, PASSWORDS, SITE, NatsServer, nats_serving
from support.patience import PATIENCE_S
from support.rig import Recorder, command, run_command, serving_process

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.nats_link import NatsAddress, ask, connect
from panoseti_daq.fanout.conf import NatsPlaces, example_conf
from panoseti_daq.fanout.streams import Retention, configs_of
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, Gap, Kind, Selection

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
BARE = "host: 127.0.0.1\nport: -1\n"
MOVIE = SITE.frames(Kind.MOVIE)
FULL_BYTES = 400_000
N_MOVIES = 1000
N_IN_FILE = 100


@contextmanager
def bridge(url: str, host: str = "localhost:1") -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """A bridge, and what it says on stderr."""
    run = command("bridge", "--host", host, "--nats", url, "--site", SITE.name, "--from-start", *LIMITS)
    process = subprocess.Popen(run, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield process, process.stderr
    finally:
        process.kill()
        process.communicate()


async def line_with(text: str, said: IO[str]) -> str:
    """The next line that has a text."""
    async with asyncio.timeout(PATIENCE_S):
        while text not in (line := await asyncio.to_thread(said.readline)):
            assert line, f"it ended without: {text}"
        return line


def last_line(process: subprocess.Popen[str], said: IO[str]) -> str:
    """The last line of a process that ends with an error of one line."""
    assert process.wait(PATIENCE_S) == 1
    text = said.read()
    assert "Traceback" not in text
    return text.splitlines()[-1]


def stream(url: str) -> str:
    """What a reader is told."""
    ended = run_command("stream", "--host", url, "--count", 1)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr.splitlines()[-1]


async def test_a_server_that_is_not_there_is_named_and_asked_again() -> None:
    with bridge("nats://bridge:secret@localhost:1") as (process, said):
        line = await line_with("trying again", said)
        assert "no NATS server at nats://localhost:1" in line
        assert "secret" not in line
        process.terminate()
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == 0
    assert "no NATS server at nats://localhost:1" in stream("nats://localhost:1/lick")


def test_a_server_without_jetstream_is_named(tmp_path: Path) -> None:
    with nats_serving(tmp_path, BARE) as nats:
        with bridge(nats.url("", "")) as ended:
            assert "JetStream is off at the NATS server" in last_line(*ended)
        assert "JetStream is off at the NATS server" in stream(nats.url(""))


def test_a_reader_with_a_wrong_password_is_told(tmp_path: Path) -> None:
    with nats_serving(tmp_path) as nats:
        line = stream(nats.url().replace("reader:reader", "reader:guess"))
    assert "refuses our user and password" in line
    assert "guess" not in line


def test_a_reader_of_a_site_that_nobody_publishes_is_told(tmp_path: Path) -> None:
    with nats_serving(tmp_path) as nats:
        assert "no bridge has published site nowhere" in stream(nats.url("reader", "nowhere"))
        assert "no bridge publishes there" in stream(nats.url("reader", ""))


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "data", max_file_frames=N_IN_FILE)
    yield recorder
    recorder.writer.close()


@contextmanager
def node(tmp_path: Path) -> Iterator[str]:
    with serving_process("--data-dir", tmp_path / "data", "--run-probe", "none") as (_, address):
        yield address


def test_a_server_that_takes_no_blocks_is_told_their_size(tmp_path: Path, written: Recorder) -> None:
    written.write(IMG16, 100)
    places = NatsPlaces("127.0.0.1", -1, -1, -1, "", str(tmp_path / "nats"), max_file_gb=4)
    conf = "max_payload: 100KB\n" + example_conf(SITE, places, PASSWORDS)
    with (
        node(tmp_path) as address,
        nats_serving(tmp_path / "nats", conf) as nats,
        bridge(nats.url("bridge", ""), address) as ended,
    ):
        line = last_line(*ended)
    assert re.search(r"takes messages of 102400 bytes, and one of ours has \d{6}: raise its max_payload", line)


async def limit(nats: NatsServer, size_bytes: int, discard: str) -> None:
    """Set the room for movies."""
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "test")
    [config] = [c for c in configs_of(SITE, Retention(movie_gb=1, pulse_height_gb=1)) if c["name"] == MOVIE]
    config = {**config, "max_bytes": size_bytes, "discard": discard}
    try:
        await ask(client, f"STREAM.UPDATE.{MOVIE}", config)
    finally:
        await client.close()


async def state_of(nats: NatsServer, stream: str) -> OpenDict:
    client = await connect(NatsAddress.parse(nats.url("bridge", "")), "test")
    try:
        state: OpenDict = (await ask(client, f"STREAM.INFO.{stream}", {}))["state"]
        return state
    finally:
        await client.close()


@dataclass
class FullDisk:
    """A server that has no room for the movies that a bridge has."""

    nats: NatsServer
    said: IO[str]
    process: subprocess.Popen[str]


@asynccontextmanager
async def full_disk(tmp_path: Path, written: Recorder) -> AsyncIterator[FullDisk]:
    written.write(IMG16, 10)
    with (
        node(tmp_path) as address,
        nats_serving(tmp_path / "nats") as nats,
        bridge(nats.url("bridge", ""), address) as (process, said),
    ):
        await line_with("publishing site", said)
        await limit(nats, FULL_BYTES, "new")
        written.write(IMG16, N_MOVIES - 10)
        line = await line_with("trying again", said)
        assert f"all movies of site lick: {MOVIE} does not take frames: maximum bytes exceeded" in line
        yield FullDisk(nats, said, process)


async def movies_of(nats: NatsServer, last: bytes) -> tuple[bytes, list[Gap]]:
    """All movies that NATS has, up to the frame that is the last, and the gaps among them."""
    data, gaps = b"", []
    selection = Selection(products=frozenset({IMG16}))
    async with (
        asyncio.timeout(PATIENCE_S),
        AioDaqDataClient.connect(nats.url()) as client,
        client.stream_blocks(since="run", selection=selection, wait_for_ready=True) as blocks,
    ):
        async for block in blocks:
            if isinstance(block, Gap):
                gaps.append(block)
                continue
            data += bytes(block.data)
            if data.endswith(last):
                break
    return data, gaps


async def test_when_the_disk_is_full_all_else_goes_on_and_movies_follow_from_the_files(
    tmp_path: Path, written: Recorder
) -> None:
    async with full_disk(tmp_path, written) as full:
        written.write(PH256, 30)
        async with AioDaqDataClient.connect(full.nats.url()) as client, client.stream_frames() as stream:
            async with asyncio.timeout(PATIENCE_S):
                async for frame in stream:
                    if frame.key.product is IMG16 and frame.frame_number % 100 == N_MOVIES % 100:
                        break
                    if frame.key.product is IMG16:
                        written.write(IMG16)
        assert int((await state_of(full.nats, MOVIE))["bytes"]) <= FULL_BYTES
        ph = SITE.frames(Kind.PULSE_HEIGHT)
        async with asyncio.timeout(PATIENCE_S):
            while not (await state_of(full.nats, ph))["messages"]:
                await asyncio.sleep(0.05)
        await limit(full.nats, 10**9, "old")
        movies = written.frames[IMG16]
        assert await movies_of(full.nats, movies[-1]) == (b"".join(movies), [])


async def test_movies_that_were_deleted_while_the_disk_was_full_are_a_gap(
    tmp_path: Path, written: Recorder
) -> None:
    movies = written.frames[IMG16]
    async with full_disk(tmp_path, written) as full:
        n_kept = int((await state_of(full.nats, MOVIE))["bytes"]) // len(movies[0])
        found = (tmp_path / "data").glob("module_1/*/*img16*.pff")
        files = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        for path in files[: n_kept // N_IN_FILE + 2]:
            path.unlink()
        await limit(full.nats, 10**9, "old")
        data, [gap] = await movies_of(full.nats, movies[-1])
    before = [path.name for path in files].index(gap.first.file) * N_IN_FILE + gap.first.frame_number
    after = N_IN_FILE * (n_kept // N_IN_FILE + 2)
    assert 0 < before < after
    assert data == b"".join(movies[:before] + movies[after:])


async def test_a_server_that_loses_jetstream_and_gets_it_back_is_waited_for(
    tmp_path: Path, written: Recorder
) -> None:
    written.write(IMG16, 100)
    with (
        node(tmp_path) as address,
        nats_serving(tmp_path / "nats") as nats,
        bridge(nats.url("bridge", ""), address) as (process, said),
    ):
        await line_with("publishing site", said)
        nats.kill()
        nats.start(jetstream=False)
        assert "JetStream is off" in await line_with("JetStream is off", said)
        nats.kill()
        written.write(IMG16, 100)
        nats.start()
        movies = written.frames[IMG16]
        assert await movies_of(nats, movies[-1]) == (b"".join(movies), [])
        assert process.poll() is None


async def test_a_stream_that_somebody_else_fills_is_named(tmp_path: Path) -> None:
    with nats_serving(tmp_path) as nats:
        with bridge(nats.url("bridge", "")) as (_, said):
            await line_with("publishing site", said)
        client = await connect(NatsAddress.parse(nats.url("bridge", "")), "test")
        await client.publish(SITE.all_of(1, "img16"), b"\xff\xff\xff")
        await client.close()
        with bridge(nats.url("bridge", "")) as ended:
            assert f"message 1 of {MOVIE} is not ours" in last_line(*ended)


async def test_all_frames_can_be_had_of_a_restarted_server_without_its_bridge(
    tmp_path: Path, written: Recorder
) -> None:
    written.write(IMG16, 100)
    movies = written.frames[IMG16]
    with nats_serving(tmp_path / "nats") as nats:
        with node(tmp_path) as address, bridge(nats.url("bridge", ""), address):
            assert await movies_of(nats, movies[-1]) == (b"".join(movies), [])
        nats.kill()
        nats.start()
        async with AioDaqDataClient.connect(nats.url("reader", "")) as client:
            assert await client.ping(client.hosts[0])
        assert await movies_of(nats, movies[-1]) == (b"".join(movies), [])
