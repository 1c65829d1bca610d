"""Simulated frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.frames import each_product
from support.skies import START_NS, synthetic_block

from panoseti_daq.pff import DataProduct, TimeStatus
from panoseti_daq.simulator.sky import ModuleSky

IMG8, IMG16, PH256, PH1024 = DataProduct


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
