from __future__ import annotations

import asyncio
import itertools
import math
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from support.frames import append, each_product, frame_bytes, wait_until
from support.patience import PATIENCE_S

from panoseti_daq.errors import ConfigError, PffError, SourceError
from panoseti_daq.pff import DataProduct, FrameBlock, Kind, PffName, TimeStatus, open_file
from panoseti_daq.simulator.schedule import DEFAULT_MODULE_ID, Simulation, recorded, synthetic
from panoseti_daq.simulator.simulator import SimulatedSource, Simulator
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import Buffering, RunWriter
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_run

IMG8, IMG16, PH256, PH1024 = DataProduct
FAST = Simulation(rate_hz=1000.0, pulse_height_rate_hz=500.0)
START_NS = 1_767_225_600_000_000_000


# What synthetic frames are


def synthetic_block(tmp_path: Path, product: DataProduct, n: int = 20, period_ns: int = 10_000_000) -> FrameBlock:
    sky = ModuleSky(5)
    path = tmp_path / PffName(product, 5).format()
    append(path, b"".join(sky.frame(product, START_NS + i * period_ns) for i in range(n)))
    return open_file(path)


@each_product
def test_synthetic_frames_parse_as_hashpipes(tmp_path: Path, product: DataProduct) -> None:
    block = synthetic_block(tmp_path, product)
    assert len(block) == 20
    assert block.valid.all()
    assert block.layout.is_standard


@each_product
def test_synthetic_frames_have_the_size_hashpipe_writes(product: DataProduct) -> None:
    sizes = {IMG8: 1516, IMG16: 2540, PH256: 636, PH1024: 2540}
    assert len(ModuleSky(5).frame(product, START_NS)) == sizes[product]


@each_product
def test_synthetic_frames_have_white_rabbit_time(tmp_path: Path, product: DataProduct) -> None:
    unix_ns, status = synthetic_block(tmp_path, product).times
    assert set(status) == {TimeStatus.WHITE_RABBIT}
    assert np.abs(unix_ns - START_NS - np.arange(20) * 10_000_000).max() < 100


@pytest.mark.parametrize("product", [PH256, PH1024], ids=lambda product: product.token)
def test_synthetic_pulse_heights_have_negative_pixels_and_a_pulse(tmp_path: Path, product: DataProduct) -> None:
    images = synthetic_block(tmp_path, product).images
    assert (images.min(axis=(1, 2)) < 0).all()
    assert (images.max(axis=(1, 2)) > 50).all()


def test_synthetic_pulse_heights_come_from_every_quabo(tmp_path: Path) -> None:
    assert set(synthetic_block(tmp_path, PH256, 100).columns["quabo_num"]) == {0, 1, 2, 3}


def test_packet_numbers_count_up(tmp_path: Path) -> None:
    numbers = synthetic_block(tmp_path, IMG8).columns["pkt_num"][:, 0]
    assert (np.diff(numbers) % 65536 == 1).all()


def test_same_seed_sees_the_same_sky() -> None:
    def frames(module_id: int, seed: int) -> bytes:
        sky = ModuleSky(module_id, seed)
        return b"".join(sky.frame(product, START_NS) for product in DataProduct)

    assert frames(1, 0) == frames(1, 0)
    assert frames(1, 0) != frames(2, 0)
    assert frames(1, 0) != frames(1, 1)


def test_synthetic_frames_come_in_the_order_of_their_time() -> None:
    simulation = Simulation((1, 2), tuple(DataProduct), rate_hz=100.0, pulse_height_rate_hz=50.0)
    dues = list(itertools.islice(synthetic(simulation, START_NS), 400))
    assert all(a.at_ns <= b.at_ns for a, b in itertools.pairwise(dues))
    assert {(due.module_id, due.product) for due in dues} == set(itertools.product((1, 2), DataProduct))


def test_movies_come_at_their_rate() -> None:
    simulation = Simulation(products=(IMG16,), rate_hz=50.0)
    times = [due.at_ns for due in itertools.islice(synthetic(simulation, START_NS), 100)]
    assert set(np.diff(times)) == {20_000_000}


def test_pulse_heights_come_at_random_with_their_mean_rate() -> None:
    simulation = Simulation(products=(PH256,), pulse_height_rate_hz=8.0)
    pauses_s = np.diff([due.at_ns for due in itertools.islice(synthetic(simulation, START_NS), 2000)]) / 1e9
    assert pauses_s.mean() == pytest.approx(1 / 8, rel=0.1)
    assert pauses_s.std() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"module_ids": (256,)}, "module_id 256"),
        ({"module_ids": ()}, "at least one"),
        ({"products": ()}, "at least one"),
        ({"rate_hz": 0.0}, "rate_hz 0"),
        ({"rate_hz": math.nan}, "rate_hz nan"),
        ({"pulse_height_rate_hz": -1.0}, "pulse_height_rate_hz -1"),
    ],
)
def test_simulation_that_cannot_be_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Simulation(**options)  # type: ignore[arg-type]


# Writing them


def blocks_in(data_dir: Path) -> dict[tuple[int, DataProduct], FrameBlock]:
    files = [path for path in data_dir.glob("module_*/*/*.pff") if path.stat().st_size]
    return {(block.module_id, block.product): block for block in map(open_file, files)}


def test_simulator_writes_current_frames_of_the_published_module(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "data", FAST)
    begin_ns = time.time_ns()
    simulator.run(duration_s=0.2)
    blocks = blocks_in(tmp_path / "data")
    assert set(blocks) == {(DEFAULT_MODULE_ID, IMG16), (DEFAULT_MODULE_ID, PH256)}
    assert DEFAULT_MODULE_ID == 224
    for block in blocks.values():
        unix_ns, status = block.times
        assert set(status) == {TimeStatus.WHITE_RABBIT}
        assert begin_ns - 1000 <= unix_ns.min() <= unix_ns.max() <= time.time_ns()
    assert simulator.n_frames == sum(map(len, blocks.values()))


def test_duration_ends_the_run(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, Simulation(products=(IMG16,), rate_hz=100.0))
    simulator.run(duration_s=0.105)
    assert simulator.n_frames == 11


def test_stop_ends_the_run_and_flushes_it(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, Simulation(products=(IMG16,), rate_hz=200.0, buffering=Buffering.HASHPIPE))
    writing = threading.Thread(target=simulator.run)
    writing.start()
    wait_until(lambda: simulator.n_frames > 3)
    assert not blocks_in(tmp_path)
    simulator.stop()
    writing.join(PATIENCE_S)
    assert len(blocks_in(tmp_path)[224, IMG16]) == simulator.n_frames


def test_stop_ends_a_long_wait(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, Simulation(products=(IMG16,), rate_hz=0.01))
    writing = threading.Thread(target=simulator.run)
    writing.start()
    wait_until(lambda: simulator.n_frames == 1)
    simulator.stop()
    writing.join(PATIENCE_S)
    assert not writing.is_alive()


def test_daq_run_name_names_the_run(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, FAST)
    simulator.run(duration_s=0)
    run_name = (tmp_path / RUN_NAME_FILE).read_text().strip()
    assert run_name == simulator.run_name
    assert active_run(tmp_path / "module_224", run_name) == tmp_path / "module_224" / run_name


def test_clean_removes_everything_that_was_made(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path / "data", Simulation(module_ids=(1, 2)))
    simulator.run(duration_s=0)
    simulator.clean()
    assert not (tmp_path / "data").exists()


def test_clean_leaves_what_others_made(tmp_path: Path) -> None:
    append(tmp_path / "module_1" / "mine", b"x")
    simulator = Simulator(tmp_path, Simulation(module_ids=(1,)))
    simulator.run(duration_s=0)
    simulator.clean()
    assert [path.name for path in tmp_path.rglob("*")] == ["module_1", "mine"]


def test_directory_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with pytest.raises(SourceError, match=f"cannot write to {tmp_path}/data: Not a directory"):
        Simulator(tmp_path / "data").run(duration_s=0)


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_speed_must_be_positive(tmp_path: Path, speed: float) -> None:
    with pytest.raises(ConfigError, match="speed"):
        Simulator(tmp_path, speed=speed)


# Replay


def record(run_dir: Path, module_id: int = 3, n: int = 30, period_ns: int = 10_000_000) -> None:
    sky = ModuleSky(module_id)
    with closing(RunWriter(run_dir, module_id)) as writer:
        for i in range(n):
            for product in DataProduct:
                writer.write(product, sky.frame(product, START_NS + i * period_ns))


def test_replay_is_the_recording_byte_for_byte(tmp_path: Path) -> None:
    record(tmp_path / "run", 3)
    record(tmp_path / "run", 4)
    simulator = Simulator(tmp_path / "data", replay=tmp_path / "run", speed=math.inf)
    assert simulator.module_ids == (3, 4)
    simulator.run()
    recorded_files = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    played = {path.name: path.read_bytes() for path in (tmp_path / "data").glob("module_*/*/*")}
    assert played == recorded_files
    assert simulator.n_frames == 2 * 4 * 30


def test_replay_of_a_run_with_many_files_keeps_the_order_of_frames(tmp_path: Path) -> None:
    frames = [ModuleSky(3).frame(IMG16, START_NS + i * 10_000_000) for i in range(25)]
    with closing(RunWriter(tmp_path / "run", 3, max_file_frames=4)) as writer:
        for frame in frames:
            writer.write(IMG16, frame)
    Simulator(tmp_path / "data", replay=tmp_path / "run", speed=math.inf).run()
    assert bytes(blocks_in(tmp_path / "data")[3, IMG16].data) == b"".join(frames)


@pytest.mark.parametrize(("speed", "duration_s"), [(1.0, 0.29), (10.0, 0.029)])
def test_replay_is_no_faster_than_its_speed(tmp_path: Path, speed: float, duration_s: float) -> None:
    record(tmp_path / "run")
    begin = time.monotonic()
    Simulator(tmp_path / "data", replay=tmp_path / "run", speed=speed).run()
    assert time.monotonic() - begin >= duration_s


def test_recorded_frames_are_due_when_they_were_taken(tmp_path: Path) -> None:
    blocks = [synthetic_block(tmp_path, product) for product in (IMG16, PH1024)]
    dues = list(recorded(blocks, speed=2.0))
    assert [due.product for due in dues[:4]] == [IMG16, PH1024] * 2
    assert [due.at_ns for due in dues[::2]] == [i * 5_000_000 for i in range(20)]


@pytest.mark.parametrize("without_time", [[0, 1], [2], [4]], ids=["at the beginning", "within", "at the end"])
def test_recorded_frames_without_a_time_go_with_their_neighbours(tmp_path: Path, without_time: list[int]) -> None:
    path = tmp_path / PffName(IMG16, 3).format()
    tv_sec = [0 if i in without_time else 1_721_882_092 + 1024 * i for i in range(5)]  # the same pkt_tai
    append(path, b"".join(frame_bytes(IMG16, i, tv_sec=s) for i, s in enumerate(tv_sec)))
    at_s = [due.at_ns / 1e9 for due in recorded([open_file(path)], 1.0)]
    first = next(i for i in range(5) if i not in without_time)
    neighbour = [max((j for j in range(i + 1) if j not in without_time), default=first) for i in range(5)]
    assert at_s == [1024.0 * (i - first) for i in neighbour]


def test_recorded_file_without_any_time_is_played_at_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / PffName(IMG16, 3).format()
    append(path, frame_bytes(IMG16, tv_sec=0) * 2)
    dues = list(recorded([synthetic_block(tmp_path, IMG16), open_file(path)], 1.0))
    assert [due.at_ns for due in dues if due.module_id == 3] == [0, 0]
    assert max(due.at_ns for due in dues) == 19 * 10_000_000


def test_replay_of_a_directory_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(PffError, match="holds no PFF file"):
        Simulator(tmp_path / "data", replay=tmp_path / "run")


def test_replay_of_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing' does not exist"):
        Simulator(tmp_path / "data", replay=tmp_path / "missing")


# The source


@pytest.fixture
def own_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary directories are made, empty at first."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


async def take(source: SimulatedSource, n_frames: int) -> list[FrameBlock]:
    blocks: list[FrameBlock] = []
    async with asyncio.timeout(PATIENCE_S):
        async for block in source:
            blocks.append(block)
            if sum(map(len, blocks)) >= n_frames:
                break
    return blocks


def test_simulated_source_gives_movies_and_pulse_heights(own_tmp: Path) -> None:
    async def main() -> list[FrameBlock]:
        blocks: list[FrameBlock] = []
        async with SimulatedSource(FAST) as source:
            while len({block.product for block in blocks}) < 2:  # one may be ahead when the machine is busy
                blocks += await take(source, 30)
        return blocks

    blocks = asyncio.run(main())
    assert {block.product.kind for block in blocks} == set(Kind)
    assert {block.module_id for block in blocks} == {DEFAULT_MODULE_ID}
    assert all(block.valid.all() for block in blocks)


def test_simulated_source_removes_its_directory(own_tmp: Path) -> None:
    async def main() -> None:
        async with SimulatedSource(FAST) as source:
            await take(source, 5)
            assert len(list(own_tmp.iterdir())) == 1

    asyncio.run(main())
    assert list(own_tmp.iterdir()) == []


def test_simulated_source_that_is_never_read_ends_cleanly(own_tmp: Path) -> None:
    async def main() -> None:
        async with SimulatedSource():
            pass

    asyncio.run(main())
    assert list(own_tmp.iterdir()) == []


def test_simulated_source_follows_only_the_modules_asked_for(own_tmp: Path) -> None:
    simulation = Simulation(module_ids=(1, 2), products=(IMG16,), rate_hz=500.0)

    async def main() -> set[int]:
        async with SimulatedSource(simulation, module_ids=[2]) as source:
            blocks = await take(source, 10)
            status = source.status()
        assert (status.description, status.modules) == ("simulation", (2,))
        return {block.module_id for block in blocks}

    assert asyncio.run(main()) == {2}


def test_simulated_source_runs_on_while_old_files_are_deleted(own_tmp: Path) -> None:
    simulation = Simulation(products=(IMG16,), rate_hz=1000.0, max_file_frames=20, keep_files=2)

    async def main() -> list[FrameBlock]:
        async with SimulatedSource(simulation) as source:
            blocks = await take(source, 200)
            (run_dir,) = own_tmp.glob("*/module_224/*")
            wait_until(lambda: len(list(run_dir.glob("*img16*"))) <= 2)
            return blocks

    blocks = asyncio.run(main())
    assert len({block.file for block in blocks}) >= 5
    places = [(block.generation, block.first_frame_number) for block in blocks]
    assert places == sorted(places)


def test_failing_simulator_ends_the_source_with_its_error(own_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunWriter, "write", fail)

    async def main() -> None:
        async with SimulatedSource(FAST) as source, asyncio.timeout(PATIENCE_S):
            async for _ in source:
                pass

    with pytest.raises(SourceError, match="No space left on device"):
        asyncio.run(main())
    assert list(own_tmp.iterdir()) == []
