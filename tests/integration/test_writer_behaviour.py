"""Everything the writer does to its files, from the disk to a client (SPEC 1.4, 1.5, 4.8 and 10.4)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.rig import Recorder, recording, run_command, serving

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, TimeStatus
from panoseti_daq.service.server import Server
from panoseti_daq.simulator.faults import End, Faults
from panoseti_daq.simulator.schedule import Simulation
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.simulator.writer import Buffering
from panoseti_daq.sources.source import SourceStatus

pytestmark = pytest.mark.anyio

IMG8, IMG16, PH256, PH1024 = DataProduct
FAST = Simulation(module_ids=(1,), products=(IMG16,), rate_hz=200.0, pulse_height_rate_hz=200.0)


@asynccontextmanager
async def simulating(
    tmp_path: Path, faults: Faults, simulation: Simulation = FAST, **settings: object
) -> AsyncIterator[tuple[Server, AioDaqDataClient]]:
    """A server with a client, that follows a simulation in a thread."""
    simulator = Simulator(tmp_path, simulation, faults=faults)
    async with serving(tmp_path, **settings) as server, AioDaqDataClient.connect(server.address) as client:
        thread = threading.Thread(target=simulator.run, name="simulate")
        thread.start()
        try:
            yield server, client
        finally:
            simulator.stop()
            await asyncio.to_thread(thread.join)


def source_status(server: Server) -> SourceStatus:
    assert server.acquisition.following is not None
    return server.acquisition.following.source.status()


@pytest.mark.parametrize(
    "faults",
    [
        Faults(garbage_every=3, garbage_bytes=777),
        Faults(garbage_every=3, garbage_bytes=2540),
        Faults(cut_header_every=3),
        Faults(stray_files=True),
        Faults(seqno_step=4),
        Faults(unnamed_run=True),
    ],
    ids=["garbage", "garbage of a frame's size", "cut headers", "stray files", "seqno jumps", "unnamed run"],
)
@pytest.mark.parametrize("polling", [None, 0.01], ids=["inotify", "polling"])
async def test_frames_go_on_and_are_whole(tmp_path: Path, faults: Faults, polling: float | None) -> None:
    simulation = replace(FAST, max_file_frames=20)
    async with simulating(tmp_path, faults, simulation, polling_interval_seconds=polling) as (server, client):
        pkt_nums = []
        async for frame in client.stream_frames():
            assert frame.time.status is TimeStatus.WHITE_RABBIT
            assert frame.image.mean() > 50
            pkt_nums.append(frame.header.pkt_num[0])
            if len(pkt_nums) == 40:
                break
        assert pkt_nums == sorted(set(pkt_nums))
        if faults.garbage_every or faults.cut_header_every:
            assert source_status(server).n_bad_frames > 0


async def test_frames_of_desynchronised_clocks_are_marked(tmp_path: Path) -> None:
    async with simulating(tmp_path, Faults(clock_desync_s=5)) as (_, client):
        async for frame in client.stream_frames():
            assert frame.time.status is TimeStatus.HOST_CLOCK
            break


async def test_missing_quabos_and_zero_frames_are_delivered(tmp_path: Path) -> None:
    async with simulating(tmp_path, Faults(missing_quabos=(0,), zero_frame_every=2)) as (_, client):
        seen = set()
        async for frame in client.stream_frames():
            assert frame.header.tv_sec[0] == 0
            assert not frame.image[:16, :16].any()
            seen.add((frame.time.status, bool(frame.image.any())))
            if len(seen) == 2:
                break
    assert seen == {(TimeStatus.WHITE_RABBIT, True), (TimeStatus.NO_TIME, False)}


async def test_products_that_alternate_are_all_delivered(tmp_path: Path) -> None:
    async with simulating(tmp_path, Faults(alternate_s=0.1), replace(FAST, products=(IMG8, PH1024))) as (
        _,
        client,
    ):
        turns = [IMG8]
        async for frame in client.stream_frames():
            if frame.product is not turns[-1]:
                turns.append(frame.product)
            if len(turns) == 4:
                break
    assert turns == [IMG8, PH1024, IMG8, PH1024]


async def test_late_products_and_modules_are_delivered(tmp_path: Path) -> None:
    simulation = replace(FAST, module_ids=(1, 2), products=(IMG8, IMG16))
    async with simulating(tmp_path, Faults(late_module_s=0.2, late_product_s=0.1), simulation) as (_, client):
        first: dict[tuple[int, DataProduct], int] = {}
        async for frame in client.stream_frames():
            first.setdefault((frame.module_id, frame.product), frame.frame_number)
            if len(first) == 4:
                break
    assert max(first.values()) < 20


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("unnamed_run", [False, True])
async def test_run_changes_are_followed(tmp_path: Path, end: End, unnamed_run: bool) -> None:
    faults = Faults(run_change_s=0.15, unnamed_run=unnamed_run, end=end)
    async with simulating(tmp_path, faults) as (_, client):
        files: list[str] = []
        last = -1
        async for frame in client.stream_frames():
            if frame.frame_number < last:
                files.append(frame.file)
            last = frame.frame_number
            if len(files) == 3:
                break


async def test_late_frames_of_a_stopped_writer_arrive_before_its_run_is_deleted(tmp_path: Path) -> None:
    faults = Faults(end=End.RENAME)
    simulation = replace(FAST, buffering=Buffering.HASHPIPE)
    simulator = Simulator(tmp_path, simulation, faults=faults)
    async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
        (tmp_path / "module_1").mkdir()
        await asyncio.to_thread(simulator.run, 0.1)
        assert simulator.n_frames > 10
        async for frame in client.stream_frames():
            assert frame.frame_number == simulator.n_frames - 1
            break


async def test_snapshots_are_delivered_while_the_run_has_no_data(tmp_path: Path) -> None:
    simulation = replace(FAST, buffering=Buffering.HASHPIPE)
    async with simulating(tmp_path, Faults(snapshot_interval_s=0.05), simulation) as (_, client):
        pkt_nums = []
        async for frame in client.stream_frames():
            assert frame.file == "module_1.img16.seqno_0.pff"
            pkt_nums.append(frame.header.pkt_num[0])
            if len(pkt_nums) == 4:
                break
    assert pkt_nums == sorted(set(pkt_nums))


@pytest.mark.parametrize("n_bytes_left", [0, 100, 2 * 2540, 2 * 2540 + 99])
async def test_frames_go_on_after_a_truncation(tmp_path: Path, n_bytes_left: int) -> None:
    with recording(tmp_path) as recorder:
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(IMG16, 5)
            was_cut = False
            async for frame in client.stream_frames():
                if not was_cut and frame.frame_number == 4:
                    was_cut = True
                    cut_in_place(recorder, n_bytes_left)
                    await asyncio.sleep(0.05)  # longer than an event takes
                    recorder.write(IMG16, 3)
                elif was_cut and frame.image.tobytes() == recorder.frames[IMG16][-1][-2048:]:
                    assert frame.frame_number == n_bytes_left // 2540 + 2
                    break


def cut_in_place(recorder: Recorder, n_bytes_left: int) -> None:
    for path in recorder.writer.last_files:
        if path.stat().st_size:
            with path.open("r+b") as file:
                file.truncate(n_bytes_left)


async def test_replaced_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            recorder.write(IMG16, 5)
            (path,) = (path for path in recorder.writer.last_files if path.stat().st_size)
            async for frame in client.stream_frames():
                if frame.frame_number == 4:
                    new = path.with_suffix(".new")
                    new.write_bytes(b"".join(recorder.frames[IMG16][1:4]))
                    new.rename(path)
                elif frame.frame_number == 2 and frame.image.tobytes() == recorder.frames[IMG16][3][-2048:]:
                    break


def test_faults_are_options_of_the_command_line(tmp_path: Path) -> None:
    faults: list[object] = ["--garbage-every", 3, "--cut-header-every", 5, "--zero-frame-every", 4, "--desync", 5]
    faults += ["--missing-quabo", 1, "--alternate", 0.1, "--truncate", 9, "--stray-files", "--seqno-step", 2]
    faults += [
        "--snapshot",
        0.1,
        "--run-change",
        0.2,
        "--unnamed-run",
        "--late-module",
        0.1,
        "--late-product",
        0.1,
    ]
    modules: list[object] = ["--module-id", 1, "--module-id", 2]
    done = run_command("simulate", tmp_path, *modules, *faults, "--end", "rename", "--duration", 0.5)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "collected" / "module_1").iterdir())) >= 2
    assert {path.name for path in (tmp_path / "module_1").iterdir()} == {"obs_snapshot"}
    refused = run_command("simulate", tmp_path, "--end", "burn")
    assert refused.returncode == 2
    assert "'keep', 'rename', 'delete'" in refused.stderr
