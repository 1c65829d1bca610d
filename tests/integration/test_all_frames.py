"""Every frame exactly once, in order, whatever happens to writer, server and clients (issue 4)."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.proxy import proxying
from support.rig import RUN, command, recording, run_command, serving, serving_in_thread, serving_process

from panoseti_daq.client import AioDaqDataClient, DaqDataClient, ReceivedBlock, RpcError
from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Gap, open_file
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import Buffering, RunWriter

pytestmark = pytest.mark.anyio

N_FRAMES = int(os.environ.get("ALL_FRAMES_N", "20000"))  # the long form is a nox session
N_MODULES = 8
FileKey = tuple[int, str, str]


async def test_all_frames_of_the_run_come_as_arrays_with_times_and_header_columns(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 1000)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            blocks: list[ReceivedBlock] = []
            async for block in client.stream_blocks(since="run"):
                assert isinstance(block, ReceivedBlock)
                blocks.append(block)
                if sum(map(len, blocks)) == 1000:
                    break
    recorded = open_file(next(tmp_path.rglob("*dp_img16*")))
    np.testing.assert_array_equal(np.concatenate([b.images for b in blocks]), recorded.images)
    np.testing.assert_array_equal(np.concatenate([b.times[0] for b in blocks]), recorded.times[0])
    np.testing.assert_array_equal(
        np.concatenate([b.columns["pkt_nsec"] for b in blocks]), recorded.columns["pkt_nsec"]
    )
    assert [b.first_frame_number for b in blocks] == [0, *np.cumsum([len(b) for b in blocks])[:-1]]
    assert len(blocks[0].to_pandas()) == len(blocks[0])


async def test_without_since_only_the_frames_to_come_arrive(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.PH256, 10)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            stream = await client.stream_blocks()
            while not stream_began(server.acquisition.streams):
                await asyncio.sleep(0.005)
            recorder.write(DataProduct.PH256, 5)
            async for block in stream:
                assert isinstance(block, ReceivedBlock)
                assert block.first_frame_number == 10
                break


def stream_began(streams: Sequence[object]) -> bool:
    return any(getattr(stream, "n_sent", 0) for stream in streams)  # the place where it begins was told


async def test_since_a_time_begins_with_the_first_frame_not_before_it(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG8, 50)
        unix_s = float(open_file(next(tmp_path.rglob("*dp_img8*"))).times[0][20]) / 1e9
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async for block in client.stream_blocks(since=unix_s):
                assert isinstance(block, ReceivedBlock)
                assert block.first_frame_number == 20
                break


async def test_what_the_server_does_not_follow_is_not_in_its_files_either(tmp_path: Path) -> None:
    # odd night 68
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG8, 5)
        recorder.write(DataProduct.IMG16, 5)
        async with (
            serving(tmp_path, valid_data_products=(DataProduct.IMG16,)) as server,
            AioDaqDataClient.connect(server.address) as client,
        ):
            stream = client.stream_blocks(since="run")
            block = await anext(stream)
            assert isinstance(block, ReceivedBlock)
            assert block.product is DataProduct.IMG16
            nothing = client.stream_blocks(since="run", stream_movie_data=False)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(nothing), 0.5)


async def test_a_token_goes_on_after_the_last_block_that_was_taken(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 1000)
        async with serving(tmp_path) as server:
            n_frames, token = 0, None
            while n_frames < 1000:
                async with AioDaqDataClient.connect(server.address) as client:
                    stream = client.stream_blocks(since="run", resume=token)
                    async for block in stream:
                        assert isinstance(block, ReceivedBlock)
                        assert block.first_frame_number == n_frames
                        n_frames += len(block)
                        break
                    token = stream.resume_token
    assert n_frames == 1000


@pytest.mark.parametrize("come_back", ["by itself", "with a token"])
async def test_a_module_that_appears_while_the_client_is_away_comes_from_its_first_frame(
    tmp_path: Path, come_back: str
) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 3)
        async with (
            serving(tmp_path) as server,
            proxying(server.address) as proxy,
            AioDaqDataClient.connect(f"127.0.0.1:{proxy.port}") as client,
        ):
            stream = client.stream_blocks(since="run")
            assert isinstance(await anext(stream), ReceivedBlock)
            proxy.flows.clear()
            proxy.cut()
            for day in (1, 2, 3):
                with recording(tmp_path, 3, RUN.replace("01-01", f"01-0{day}")) as late:
                    late.write(DataProduct.PH256, 10 * day)
            proxy.flows.set()
            if come_back == "with a token":
                await stream.aclose()
                stream = client.stream_blocks(resume=stream.resume_token, wait_for_ready=True)
            blocks = [block for _ in range(3) if isinstance(block := await anext(stream), ReceivedBlock)]
            assert [(block.module_id, len(block)) for block in blocks] == [(3, 10), (3, 20), (3, 30)]
            await stream.aclose()


async def test_the_old_form_with_a_mode_gives_blocks_and_warns_at_the_line_of_the_caller(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16, 3)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as opened:
            client: Any = opened
            with pytest.warns(DeprecationWarning, match=r"use stream_frames\(\) or stream_blocks\(\)") as warned:
                block = await anext(client.stream_frames(mode="all", since="run"))
                newest = await anext(client.stream_frames(mode="newest"))
            with pytest.raises(ConfigError, match="invalid mode: 'some'; allowed: newest, all"):
                client.stream_frames(mode="some")
    assert {warning.filename for warning in warned} == {__file__}
    assert newest.frame_number == 2
    assert len(block) == 3


@pytest.fixture
def blocking(tmp_path: Path) -> Iterator[DaqDataClient]:
    """A blocking client of a server that follows three frames."""
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        recorder.write(DataProduct.IMG16, 3)
        with DaqDataClient.connect(server.address) as client:
            yield client


def test_the_old_form_of_the_blocking_client_warns_at_the_line_of_the_caller(blocking: DaqDataClient) -> None:
    client: Any = blocking
    with pytest.warns(DeprecationWarning, match="stream_blocks") as warned:
        stream = client.stream_frames(mode="all", since="run")
    assert warned[0].filename == __file__
    assert len(next(stream)) == 3


def test_the_blocking_client_gets_all_frames_too(blocking: DaqDataClient) -> None:
    block = next(blocking.stream_blocks(since="run"))
    assert isinstance(block, ReceivedBlock)
    assert len(block) == 3


@pytest.mark.parametrize("resume", ["not json", "[]", '{"x": [[1]]}'])
async def test_a_token_that_is_none_is_a_config_error(tmp_path: Path, resume: str) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        with pytest.raises(ConfigError, match="invalid resume"):
            await client.stream_blocks(resume=resume)


async def test_a_position_that_leads_out_of_the_data_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        token = json.dumps({server.address: [[1, "img16", "../../etc", "passwd", 0]]})
        with pytest.raises(RpcError, match="not the name of a run"):
            async for _ in client.stream_blocks(resume=token):
                pass


def test_record_writes_byte_equal_files(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    with recording(source) as recorder:
        recorder.write(DataProduct.IMG16, 300)
        recorder.write(DataProduct.PH256, 40)
        with serving_process("--data-dir", source, "--run-probe", "none") as (_, address):
            arguments = ("record", out, "--host", address, "--from-start", "--count", 340, "--min-free-gb", 0)
            result = run_command(*arguments)
    assert result.returncode == 0, result.stderr
    assert "recorded 340 frames" in result.stderr
    written = [path for path in source.rglob("*.pff") if path.stat().st_size]
    assert len(written) == 2
    for path in written:
        assert (out / path.relative_to(source)).read_bytes() == path.read_bytes()


def test_record_refuses_a_disk_that_is_too_full(tmp_path: Path) -> None:
    with recording(tmp_path / "source") as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_process("--data-dir", tmp_path / "source", "--run-probe", "none") as (_, address):
            result = run_command(
                "record", tmp_path / "out", "--host", address, "--from-start", "--min-free-gb", 1e9
            )
    assert result.returncode == 1
    assert "to stay free" in result.stderr
    assert "Traceback" not in result.stderr


class Writers:
    """Writes N_FRAMES over 8 modules: stdio-sized appends, rotations at random, two changes of the run."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._random = random.Random(1)
        sky = ModuleSky(1)
        self._frames = [sky.frame(DataProduct.PH256, 1_767_225_600_000_000_000 + i) for i in range(97)]
        self.thread = threading.Thread(target=self._write, name="writers")

    def _write(self) -> None:
        n_left = N_FRAMES
        for n_runs_left in (3, 2, 1):
            run = RUN.replace("2026-01-01", f"2026-01-0{4 - n_runs_left}")
            writers = [
                RunWriter(
                    self._data_dir / f"module_{module_id}" / run,
                    module_id,
                    buffering=Buffering.HASHPIPE,
                    max_file_frames=self._random.randint(N_FRAMES // 100, N_FRAMES // 20),
                )
                for module_id in range(N_MODULES)
            ]
            for _ in range(n_left if n_runs_left == 1 else n_left // n_runs_left):
                frame = self._frames[n_left % len(self._frames)]
                self._random.choice(writers).write(DataProduct.PH256, frame)
                n_left -= 1
                if n_left % 200 == 0:
                    time.sleep(0.01)
            for writer in writers:
                writer.close()


class Collected:
    """What a client got: the bytes of each file, checked to come in order and without a hole."""

    def __init__(self) -> None:
        self.n_frames = 0
        self.gaps: list[Gap] = []
        self._sizes: dict[FileKey, int] = {}
        self._hashes: dict[FileKey, hashlib._Hash] = {}

    def add(self, item: ReceivedBlock | Gap) -> None:
        if isinstance(item, Gap):
            self.gaps.append(item)
            return
        key = item.module_id, item.run, item.file
        assert item.first_frame_number * item.layout.frame_size_bytes == self._sizes.get(key, 0), key
        self._sizes[key] = self._sizes.get(key, 0) + len(item.data)
        self._hashes.setdefault(key, hashlib.sha256()).update(item.data)
        self.n_frames += len(item)

    def check(self, data_dir: Path) -> None:
        assert not self.gaps
        assert self.n_frames == N_FRAMES
        files = {path for path in data_dir.rglob("*.pff") if path.stat().st_size}
        assert len(files) == len(self._hashes)
        for (module_id, run, file), got in self._hashes.items():
            data = (data_dir / f"module_{module_id}" / run / file).read_bytes()
            assert got.hexdigest() == hashlib.sha256(data).hexdigest()


@contextmanager
def server_on(port: int, data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = ("serve", "--port", port, "--data-dir", data_dir, "--run-probe", "none", "--log-level", "error")
    with subprocess.Popen(command(*arguments), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("listening on")
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_a_restart_of_the_only_server_ends_no_stream_of_all_frames(tmp_path: Path) -> None:
    port = free_port()
    with recording(tmp_path) as recorder, ExitStack() as second:
        recorder.write(DataProduct.IMG16, 5)
        with server_on(port, tmp_path) as first:
            async with AioDaqDataClient.connect(f"127.0.0.1:{port}") as client:
                numbers: list[int] = []
                async for block in client.stream_blocks(since="run"):
                    assert isinstance(block, ReceivedBlock)
                    numbers += block.frame_numbers.tolist()
                    if first.poll() is None:
                        first.send_signal(signal.SIGTERM)
                        assert await asyncio.to_thread(first.wait) == 0
                        recorder.write(DataProduct.IMG16, 5)
                        second.enter_context(server_on(port, tmp_path))
                    if len(numbers) >= 10:
                        break
    assert numbers == list(range(10))


async def steady(client: AioDaqDataClient, collected: Collected, pause_s: float = 0.0) -> None:
    async for item in client.stream_blocks(since="run"):
        collected.add(item)
        if collected.n_frames >= N_FRAMES:
            return
        if pause_s:
            await asyncio.sleep(pause_s)


async def coming_and_going(address: str, collected: Collected) -> None:
    """Leaves after some blocks and comes back with its token, as another client."""
    chance, token = random.Random(2), None
    while collected.n_frames < N_FRAMES:
        async with AioDaqDataClient.connect(address) as client:
            stream = client.stream_blocks(since="run", resume=token, wait_for_ready=True)
            n_left = chance.randint(1, 40)
            async for item in stream:
                collected.add(item)
                n_left -= 1
                if not n_left or collected.n_frames >= N_FRAMES:
                    break
            token = stream.resume_token


@pytest.mark.timeout(120 + N_FRAMES // 1000)
async def test_every_client_ends_with_every_frame_once_although_the_server_is_killed(tmp_path: Path) -> None:
    for module_id in range(N_MODULES):
        (tmp_path / f"module_{module_id}").mkdir()
    port = free_port()
    address = f"127.0.0.1:{port}"
    writers, collected = Writers(tmp_path), [Collected() for _ in range(3)]
    with server_on(port, tmp_path) as first:
        async with AioDaqDataClient.connect(address) as client, AioDaqDataClient.connect(address) as stalling:
            async with asyncio.TaskGroup() as clients:
                clients.create_task(steady(client, collected[0]))
                clients.create_task(steady(stalling, collected[1], pause_s=0.002))
                clients.create_task(coming_and_going(address, collected[2]))
                while len((await client.get_status(address)).streams) < 3:
                    await asyncio.sleep(0.01)
                writers.thread.start()
                while collected[0].n_frames < N_FRAMES // 3:
                    await asyncio.sleep(0.01)
                first.send_signal(signal.SIGKILL)
                await asyncio.to_thread(first.wait)
                with server_on(port, tmp_path):
                    while any(c.n_frames < N_FRAMES for c in collected):
                        await asyncio.sleep(0.02)
    writers.thread.join()
    for client_collected in collected:
        client_collected.check(tmp_path)
