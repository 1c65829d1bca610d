from __future__ import annotations

import itertools
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.frames import contents, each_product, frame_bytes, layout_of

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Header, PffName, TimeStatus, open_file
from panoseti_daq.simulator.faults import COLLECTED_DIR, End, Faults
from panoseti_daq.simulator.schedule import Simulation, synthetic
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.sources.runs import RUN_NAME_FILE
from panoseti_daq.sources.tail import Tail

IMG8, IMG16, PH256, PH1024 = DataProduct
FAST = Simulation(module_ids=(1,), products=(IMG16,), rate_hz=500.0)


def simulate(
    data_dir: Path, faults: Faults, simulation: Simulation = FAST, duration_s: float = 0.1
) -> tuple[Simulator, list[Path]]:
    """Files with data that a simulation leaves, in the order of their names."""
    simulator = Simulator(data_dir, simulation, faults=faults)
    simulator.run(duration_s)
    return simulator, sorted(path for path in data_dir.rglob("*.pff") if path.stat().st_size)


def header_of(frame: bytes, product: DataProduct) -> Header:
    layout = layout_of(product)
    return layout.parse(frame[: layout.header_size_bytes])


def test_no_fault_changes_nothing() -> None:
    assert Faults().written(frame_bytes(IMG16, 3), IMG16, 1) == frame_bytes(IMG16, 3)


@each_product
def test_desynchronised_clocks_give_host_time(tmp_path: Path, product: DataProduct) -> None:
    simulation = replace(FAST, products=(product,), pulse_height_rate_hz=300.0)
    _, (path,) = simulate(tmp_path, Faults(clock_desync_s=5), simulation)
    assert set(open_file(path).times[1]) == {TimeStatus.HOST_CLOCK}


def test_missing_quabo_has_zeros_in_header_and_quadrant() -> None:
    frame = Faults(missing_quabos=(2,)).written(frame_bytes(IMG16, 3), IMG16, 1)
    header = header_of(frame, IMG16)
    assert (header.pkt_num, header.tv_sec[2], header.pkt_nsec[2]) == ((3, 3, 0, 3), 0, 0)
    image = np.frombuffer(frame[-2048:], "<u2").reshape(32, 32)
    assert not image[16:, 16:].any()  # lower right: the quabos stand clockwise
    assert image[16:, :16].all()
    assert image[:16].all()


def test_missing_quabo_writes_no_ph256_frames() -> None:
    faults = Faults(missing_quabos=(1,))
    assert [bool(faults.written(frame_bytes(PH256, 0, quabo), PH256, 1)) for quabo in range(4)] == [1, 0, 1, 1]


@each_product
def test_zero_frame_is_all_zeros_but_whole(product: DataProduct) -> None:
    faults = Faults(zero_frame_every=3)
    frames = [faults.written(frame_bytes(product, 5), product, i) for i in (1, 2, 3)]
    assert frames[:2] == [frame_bytes(product, 5)] * 2
    assert len(frames[2]) == len(frames[0])
    assert set(header_of(frames[2], product).tv_sec) == {0}
    assert not any(frames[2][-product.image_size_bytes :])


@each_product
def test_damaged_simulation_is_read_without_its_damaged_frames(tmp_path: Path, product: DataProduct) -> None:
    simulation = replace(FAST, products=(product,), pulse_height_rate_hz=500.0)
    faults = Faults(cut_header_every=5, garbage_every=4, garbage_bytes=777)
    simulator, (path,) = simulate(tmp_path, faults, simulation, 0.3)
    with closing(Tail(path, PffName.parse(path.name))) as tail:
        blocks = list(tail.read())
    n_cut = simulator.n_frames // 5
    n_last_is_cut = int(simulator.n_frames % 5 == 0)  # at the end it is a partial frame
    assert sum(map(len, blocks)) == simulator.n_frames - n_cut
    assert tail.damage.n_bytes >= 777 * (simulator.n_frames // 4) + (n_cut - n_last_is_cut)
    assert all(block.valid.all() for block in blocks)


def test_products_take_turns() -> None:
    simulation = Simulation((1,), (IMG8, PH1024), rate_hz=100, pulse_height_rate_hz=100)
    faults = Faults(alternate_s=0.5)
    dues = itertools.takewhile(lambda due: due.at_ns < 2e9, synthetic(simulation, 0))
    seen = {(int(due.at_ns / 5e8), due.product) for due in dues if faults.is_due(due, (1,), simulation.products)}
    assert seen == {(0, IMG8), (1, PH1024), (2, IMG8), (3, PH1024)}


def test_products_and_modules_start_late() -> None:
    simulation = Simulation((1, 2), (IMG8, IMG16), rate_hz=100)
    faults = Faults(late_product_s=1.0, late_module_s=0.5)
    first: dict[tuple[int, DataProduct], float] = {}
    for due in itertools.takewhile(lambda due: due.at_ns < 2e9, synthetic(simulation, 0)):
        if faults.is_due(due, simulation.module_ids, simulation.products):
            first.setdefault((due.module_id, due.product), due.at_ns / 1e9)
    assert first == {(1, IMG8): 0.0, (1, IMG16): 1.0, (2, IMG8): 0.5, (2, IMG16): 1.0}


def test_late_module_has_no_directory_before(tmp_path: Path) -> None:
    simulate(tmp_path, Faults(late_module_s=10), replace(FAST, module_ids=(1, 2)))
    assert [path.name for path in tmp_path.glob("module_*")] == ["module_1"]


@pytest.mark.parametrize("unnamed_run", [False, True])
def test_run_changes(tmp_path: Path, unnamed_run: bool) -> None:
    simulator, files = simulate(tmp_path, Faults(run_change_s=0.05, unnamed_run=unnamed_run), duration_s=0.14)
    assert len({path.parent for path in files}) == 3
    named = tmp_path / RUN_NAME_FILE
    assert named.exists() is not unnamed_run
    assert unnamed_run or named.read_text().strip() == simulator.run_name == files[-1].parent.name


def test_snapshot_is_rewritten_in_place_at_constant_size(tmp_path: Path) -> None:
    simulator, _ = simulate(tmp_path, Faults(snapshot_interval_s=0.02))
    (path,) = (tmp_path / "module_1" / "obs_snapshot").iterdir()
    assert path.name == "module_1.img16.seqno_0.pff"
    assert path.stat().st_size == len(frame_bytes(IMG16))
    simulator.clean()
    assert not tmp_path.exists() or not any(tmp_path.iterdir())


def test_seqno_jumps(tmp_path: Path) -> None:
    _, files = simulate(tmp_path, Faults(seqno_step=3), replace(FAST, max_file_frames=20))
    assert sorted(PffName.parse(path.name).seqno for path in files) == [0, 3, 6]


def test_last_files_are_cut(tmp_path: Path) -> None:
    simulator, (path,) = simulate(tmp_path, Faults(truncate_bytes=100))
    assert path.stat().st_size == simulator.n_frames * len(frame_bytes(IMG16)) - 100
    assert len(contents([open_file(path)])) // len(frame_bytes(IMG16)) == simulator.n_frames - 1


def test_stray_files_stand_beside(tmp_path: Path) -> None:
    _, files = simulate(tmp_path, Faults(stray_files=True))
    names = {path.name for path in files[0].parent.iterdir()}
    assert {"notes.pff", "empty.dp_img16.pff", "daq_config.json"} < names


@pytest.mark.parametrize("end", End)
def test_end_of_the_run(tmp_path: Path, end: End) -> None:
    simulator, files = simulate(tmp_path, Faults(end=end))
    kept, moved = tmp_path / "module_1" / simulator.run_name, tmp_path / COLLECTED_DIR / "module_1"
    assert kept.exists() is (end is End.KEEP)
    assert moved.exists() is (end is End.RENAME)
    assert len(files) == (0 if end is End.DELETE else 1)


@pytest.mark.parametrize(
    ("options", "message"), [({"missing_quabos": (4,)}, "quabo 4"), ({"alternate_s": -1.0}, "alternate_s -1")]
)
def test_faults_that_cannot_be_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Faults(**options)  # type: ignore[arg-type]
