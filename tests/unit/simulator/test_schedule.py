"""Which frame is due when: simulated, or as recorded."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from support.frames import append, frame_bytes
from support.skies import START_NS, synthetic_block

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, PffName, open_file
from panoseti_daq.simulator.schedule import Simulation, recorded, synthetic

IMG8, IMG16, PH256, PH1024 = DataProduct


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
