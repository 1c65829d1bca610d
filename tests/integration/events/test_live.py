"""The live search against a server: it finds what a scan of the same files finds, also when it is killed."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.events import BEGIN_NS, NS, movie, pulse_height
from support.patience import PATIENCE_S
from support.rig import RUN, command, serving, serving_process, until

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.errors import ConfigError, SourceError
from panoseti_daq.events import Engine, Tense, find_trigger
from panoseti_daq.events.live import LINES_FILE, STATE_FILE, LiveSearch, LiveSettings
from panoseti_daq.events.scan import scan, stream_files
from panoseti_daq.events.sinks.clip import Clips
from panoseti_daq.pff import DataProduct, open_file
from panoseti_daq.simulator.writer import RunWriter

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

N_PAIRS = 30
PAIR_EVERY_NS = NS // 2


def triggers(*names: str) -> tuple[tuple[Any, dict[str, Any]], ...]:
    return tuple((find_trigger(name), {}) for name in names)


class Night:
    """Two modules with pairs every half second; written bit by bit."""

    def __init__(self, data_dir: Path) -> None:
        self.writers = {m: RunWriter(data_dir / f"module_{m}" / RUN, m) for m in (1, 3)}
        self.n_written = 0

    def write(self, n_pairs: int) -> None:
        for i in range(self.n_written, self.n_written + n_pairs):
            at_ns = BEGIN_NS + i * PAIR_EVERY_NS
            for module_id, writer in self.writers.items():
                lone_ns = at_ns + module_id * NS // 50
                for unix_ns in (at_ns + (module_id == 3) * 40 * (i % 20), lone_ns):
                    pixel = (unix_ns // 7 % 16, unix_ns // 11 % 16)
                    writer.write(DataProduct.PH256, pulse_height(unix_ns, i % 4, pixel))
        self.n_written += n_pairs

    def end(self) -> None:
        """Frames so much later that everything before is certain."""
        for module_id, writer in self.writers.items():
            for i in range(1, 5):
                unix_ns = BEGIN_NS + self.n_written * PAIR_EVERY_NS + i * 3 * NS + module_id * NS // 50
                writer.write(DataProduct.PH256, pulse_height(unix_ns))

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()


@contextmanager
def night(data_dir: Path) -> Iterator[Night]:
    found = Night(data_dir)
    try:
        yield found
    finally:
        found.close()


def scanned_ids(data_dir: Path, *names: str) -> list[str]:
    engine = Engine([(spec, spec.make_with(options)) for spec, options in triggers(*names)])
    return [candidate.id for candidate in scan(engine, stream_files(data_dir))]


def follows(data_dir: Path) -> tuple[object, ...]:
    return "--data-dir", data_dir, "--run-probe", "none"


@contextmanager
def live(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """The command; killed at the end, if it still runs then."""
    run = command("events", "live", "--from-start", *arguments)
    with subprocess.Popen(run, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def url_of(printed: Iterable[str]) -> str:
    """Address in the first line that has one; gRPC may say before that it does not follow the fork."""
    return next(line.split()[-1] for line in printed if "http" in line)


def lines_of(out_dir: Path) -> list[dict[str, Any]]:
    path = out_dir / LINES_FILE
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(line) for line in whole.splitlines()]


async def run_until(search: LiveSearch, address: str, n_found: int) -> None:
    """Search until this number of candidates is written."""
    async with AioDaqDataClient.connect(address) as client:
        task = asyncio.create_task(search.run(client, [address]))
        try:
            await until(lambda: len(lines_of(search.out_dir)) >= n_found or task.done(), PATIENCE_S)
        finally:
            task.cancel()
            await asyncio.wait([task])
    search.close()


async def test_live_it_finds_what_a_scan_finds_and_another_search_goes_on(tmp_path: Path) -> None:
    out_dir, data_dir = tmp_path / "out", tmp_path / "data"
    with night(data_dir) as written:
        async with serving(data_dir) as server:
            written.write(10)
            settings = LiveSettings(out_dir, triggers("coincidence"), from_start=True)
            await run_until(LiveSearch(settings), server.address, 3)
            n_before = len(lines_of(out_dir))
            written.write(10)
            written.end()
            await run_until(LiveSearch(settings), server.address, 20)
    lines = lines_of(out_dir)
    assert n_before < 20
    assert [line["id"] for line in lines] == scanned_ids(data_dir, "coincidence")
    assert {line["alert_tense"] for line in lines} == {"current"}
    assert all("alert_datetime" in line for line in lines)


async def test_a_pulse_in_a_movie_is_found_live(tmp_path: Path) -> None:
    images = np.random.default_rng(1).poisson(200, (2560, 32, 32))
    images[2200:2204, 9, 9] += 200
    data_dir = tmp_path / "data"
    writer = RunWriter(data_dir / "module_1" / RUN, 1)
    block = movie(images)
    for i in range(len(block)):
        size = block.layout.frame_size_bytes
        writer.write(DataProduct.IMG16, bytes(block.data[i * size : (i + 1) * size]))
    writer.close()
    async with serving(data_dir) as server:
        settings = LiveSettings(tmp_path / "out", triggers("pulse"), from_start=True)
        await run_until(LiveSearch(settings), server.address, 1)
    (line,) = lines_of(tmp_path / "out")
    assert (line["trigger"], line["shape"], line["members"][0]["pixel"]) == ("pulse", "point", [9, 9])
    assert line["members"][0]["frame_number"] in (2199, 2200)


async def test_a_clip_is_byte_for_byte_what_the_file_holds(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with night(data_dir) as written:
        written.write(10)
        written.end()
        async with serving(data_dir) as server, AioDaqDataClient.connect(server.address) as client:
            engine = Engine([(spec, spec.make_with(o)) for spec, o in triggers("coincidence")])
            fifth = list(scan(engine, stream_files(data_dir)))[5]
            clips = Clips(client, [server.address], tmp_path, seconds=0.6)
            await clips.fetch(json.loads(fifth.as_json(Tense.CURRENT)))
    for member in fifth.members:
        (clip,) = (tmp_path / "clips" / fifth.id / f"module_{member.module_id}").rglob("*.pff")
        (source,) = data_dir.rglob(clip.name)
        assert clip.read_bytes() in source.read_bytes()
        away_ns = abs(open_file(source).times[0] - fifth.unix_ns - fifth.duration_ns // 2)
        assert len(open_file(clip)) == np.count_nonzero(away_ns <= 600_000_000 + fifth.duration_ns // 2)


async def test_killed_at_random_moments_it_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    out_dir, data_dir = tmp_path / "out", tmp_path / "data"
    moments = random.Random(3)
    with (
        night(data_dir) as written,
        serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address),
    ):
        written.write(3)
        search = ("--out", out_dir, "--host", address, "--trigger", "coincidence", "--log-level", "error")
        for _ in range(5):
            with live(*search):
                await until(lambda: (out_dir / STATE_FILE).exists(), PATIENCE_S)
                deadline = time.monotonic() + moments.uniform(0.7, 2.5)
                while time.monotonic() < deadline:
                    written.write(1 if written.n_written < N_PAIRS else 0)
                    await asyncio.sleep(0.2)
        written.write(N_PAIRS - written.n_written)
        written.end()
        with live(*search):
            await until(lambda: len(lines_of(out_dir)) >= N_PAIRS, PATIENCE_S)
    ids = [line["id"] for line in lines_of(out_dir)]
    assert len(ids) == len(set(ids)) == N_PAIRS
    assert set(ids) == set(scanned_ids(data_dir, "coincidence"))


async def test_the_command_serves_metrics_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with (
        night(data_dir) as written,
        serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address),
    ):
        written.write(20)
        with live("--out", tmp_path / "out", "--host", address, "--metrics-port", 0) as process:
            assert process.stderr is not None
            url = await asyncio.to_thread(url_of, process.stderr)
            await until(lambda: len(lines_of(tmp_path / "out")) >= 5, PATIENCE_S)
            text = ""
            async with asyncio.timeout(PATIENCE_S):
                while 'what="events"' not in text:  # the reports are of a second ago
                    text = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
            process.send_signal(signal.SIGINT)
            printed = await asyncio.to_thread(process.stderr.read)
            await asyncio.to_thread(process.wait)
        assert process.returncode == 130
    assert 'panoseti_daq_events_candidates_total{trigger="coincidence"}' in text
    assert 'panoseti_daq_events_counted{trigger="coincidence",what="events"}' in text
    assert "coincidence:" in printed and "Traceback" not in printed


async def test_two_searches_do_not_share_their_output(tmp_path: Path) -> None:
    settings = LiveSettings(tmp_path, triggers("coincidence"))
    first = LiveSearch(settings)
    with pytest.raises(SourceError, match="another search writes"):
        LiveSearch(settings)
    first.close()


@pytest.mark.parametrize("damage", ["cut off", "writable by others"])
async def test_a_state_that_cannot_be_trusted_is_refused(tmp_path: Path, damage: str) -> None:
    state = tmp_path / STATE_FILE
    state.write_bytes(b"\x80\x04")
    state.chmod(0o600 if damage == "cut off" else 0o666)
    with pytest.raises(ConfigError, match="is damaged" if damage == "cut off" else "by others"):
        LiveSearch(LiveSettings(tmp_path, triggers("coincidence")))
