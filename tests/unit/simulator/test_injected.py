from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from panoseti_daq.errors import ConfigError
from panoseti_daq.pff import DataProduct, Layout
from panoseti_daq.simulator.injected import Injections
from panoseti_daq.simulator.schedule import Due, Simulation, synthetic

START_NS = 1_767_225_600_000_000_000
FILE = """
[[pulse]]
module = 1
at_s = 0.995
pixel = [20, 12]
width = 4
adc = 500

[[pair]]
modules = [1, 3]
at_s = 1.5
dt_ns = 50
quabo = 2
pixel = [8, 7]
adc = 900
"""


def frames_of(text: str, tmp_path: Path, n_frames: int, **how: object) -> list[Due]:
    path = tmp_path / "inject.toml"
    path.write_text(text)
    simulation = Simulation(module_ids=(1, 3), injections=Injections.read(path), **how)  # type: ignore[arg-type]
    return list(islice(synthetic(simulation, START_NS), n_frames))


def image_of(due: Due) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    return np.frombuffer(due.frame[-due.product.image_size_bytes :], due.product.dtype).reshape(due.product.shape)


def test_a_pulse_is_in_its_pixel_for_its_frames(tmp_path: Path) -> None:
    dues = frames_of(FILE, tmp_path, 300, products=(DataProduct.IMG16,), rate_hz=100)
    movie = [due for due in dues if due.module_id == 1 and due.product is DataProduct.IMG16]
    values = np.array([int(image_of(due)[20, 12]) for due in movie])
    bright = np.flatnonzero(values > values.mean() + 300)
    assert [movie[i].at_ns for i in bright] == [1_000_000_000 + i * 10_000_000 for i in range(4)]


def test_a_pair_has_its_times_to_the_nanosecond_and_packets_stay_in_order(tmp_path: Path) -> None:
    dues = frames_of(FILE, tmp_path, 400, products=(DataProduct.PH256,), pulse_height_rate_hz=50)
    assert [due.at_ns for due in dues] == sorted(due.at_ns for due in dues)
    pair = [due for due in dues if image_of(due)[8, 7] == 900]
    assert [(due.module_id, due.at_ns) for due in pair] == [(1, 1_500_000_000), (3, 1_500_000_050)]
    layout = Layout.discover(dues[0].frame, DataProduct.PH256)
    assert layout is not None
    headers = {id(due): layout.parse(due.frame[: layout.header_size_bytes]) for due in dues}
    for due in pair:
        header = headers[id(due)]
        assert (header.quabo_num, header.time.unix_ns) == (2, START_NS + due.at_ns)
    numbers = [h.pkt_num[0] for due in dues if due.module_id == 1 and (h := headers[id(due)]).quabo_num == 2]
    assert np.diff(numbers).tolist() == [1] * (len(numbers) - 1)


def test_sigma_is_that_of_the_noise_of_the_pixel(tmp_path: Path) -> None:
    text = "[[pulse]]\nmodule = 1\nat_s = 1\npixel = [5, 6]\nwidth = 100\nsigma = 100.0\n"
    dues = frames_of(text, tmp_path, 600, products=(DataProduct.IMG16,), rate_hz=100)
    values = np.array([float(image_of(due)[5, 6]) for due in dues if due.module_id == 1])
    excess = values[100:200].mean() - values[:100].mean()
    assert excess == pytest.approx(10 * values[:100].std(), rel=0.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pulse = 1", "invalid pulse"),
        ("[[pulse]]\nmodule = 1\nat_s = 1\npixel = [3, 32]\nadc = 5", "not within 32x32"),
        (
            "[[pulse]]\nmodule = 1\nat_s = 1\npixel = [3, 3]",
            r"invalid pulse\.0: .*\}: exactly one of sigma and adc",
        ),
        ("[[pulse]]\nmodule = 1\nat_s = 1\npixel = [3, 3]\nadc = 5\nproduct = 'ph256'", "ph256 is not a movie"),
        (
            "[[pair]]\nmodules = [300]\nat_s = 1\npixel = [3, 3]",
            "invalid pair.0.modules.0: 300; allowed: less than or equal to 255",
        ),
        ("[[", "is not TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "inject.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        Injections.read(path)
