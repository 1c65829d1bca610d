"""Writing runs: simulated and replayed."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, wait_until
from support.patience import PATIENCE_S
from support.skies import FAST, START_NS, blocks_in

from panoseti_daq.errors import ConfigError, PffError, SourceError
from panoseti_daq.pff import DataProduct, TimeStatus
from panoseti_daq.simulator.schedule import DEFAULT_MODULE_ID, Simulation
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.simulator.writer import Buffering, RunWriter
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_runs

IMG8, IMG16, PH256, PH1024 = DataProduct


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
    assert active_runs(tmp_path) == {224: run_name}


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


def test_replay_of_a_directory_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with pytest.raises(PffError, match="holds no PFF file"):
        Simulator(tmp_path / "data", replay=tmp_path / "run")


def test_replay_of_a_missing_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing' does not exist"):
        Simulator(tmp_path / "data", replay=tmp_path / "missing")


# odd night 45
def test_nothing_is_written_before_a_block_of_packets_is_full(tmp_path: Path) -> None:
    simulation = Simulation(
        products=(PH256,), pulse_height_rate_hz=1e5, buffering=Buffering.HASHPIPE, block_packets=100_000
    )
    simulator = Simulator(tmp_path, simulation)
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(simulator.run, 0.3)
        wait_until(lambda: simulator.n_frames > 1000)
        assert not any(path.stat().st_size for path in tmp_path.rglob("*.pff"))
        running.result()
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.pff")) > 1000 * 600


# odd night 45
@pytest.mark.parametrize(
    ("buffering", "asked", "expected"),
    [(Buffering.HASHPIPE, None, 16384), (Buffering.HASHPIPE, 0, 0), (Buffering.FRAME, None, 0)],
)
def test_the_bursts_of_hashpipe_are_blocks_of_16384_packets(
    buffering: Buffering, asked: int | None, expected: int
) -> None:
    assert Simulation(buffering=buffering, block_packets=asked).n_block_packets == expected


# odd night 27
def test_the_directory_of_an_observatory_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    name = tmp_path / RUN_NAME_FILE
    name.write_text("obs_Lick.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd\n")
    with pytest.raises(SourceError, match=r"names obs_Lick.*allowed: a directory of simulated runs"):
        Simulator(tmp_path, FAST)
    assert [path.name for path in tmp_path.iterdir()] == [RUN_NAME_FILE]
    assert name.read_text().startswith("obs_Lick")


# odd night 27
def test_cleaning_leaves_the_name_of_a_later_run(tmp_path: Path) -> None:
    simulator = Simulator(tmp_path, FAST)
    simulator.run(duration_s=0.01)
    (tmp_path / RUN_NAME_FILE).write_text("obs_Lick.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd")
    simulator.clean()
    assert [path.name for path in tmp_path.iterdir()] == [RUN_NAME_FILE]
