"""Fixtures for users' tests: their page runs as it stands, and nobody else imports them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support.frames import each_product
from support.patience import PATIENCE_S

from panoseti_daq.pff import DataProduct, open_file
from panoseti_daq.testing import DataWriter

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    plugins, *tests = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (tmp_path / "conftest.py").write_text(plugins)
    for i, text in enumerate(tests):
        (tmp_path / f"test_{i}.py").write_text(text)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE_S, check=False
    )
    assert re.search(r"^3 passed", done.stdout, re.MULTILINE), done.stdout + done.stderr


def test_the_simulator_and_the_package_do_without_pytest() -> None:
    code = """
import sys
sys.modules["pytest"] = None
import panoseti_daq.simulator.simulator, panoseti_daq.cli.main
assert "panoseti_daq.testing" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_S)


@each_product
def test_the_writer_writes_what_it_is_given(tmp_path: Path, product: DataProduct) -> None:
    image = np.arange(np.prod(product.shape)).reshape(product.shape) % 200
    first_ns = 1_767_225_600_000_000_000
    with DataWriter(tmp_path) as writer:
        writer.write(product.token, image, module_id=9, n_frames=3, unix_ns=first_ns)
        (path,) = (path for path in tmp_path.glob("module_9/*/*.pff") if path.stat().st_size)
        block = open_file(path)
    assert block.product is product
    assert (block.images == image).all()
    assert [round((frame.time.unix_ns - first_ns) / 1e6) for frame in block] == [0, 1, 2]


def test_frames_are_of_now_and_show_a_sky_without_further_notice(tmp_path: Path) -> None:
    with DataWriter(tmp_path) as writer:
        writer.write()
        (path,) = (path for path in tmp_path.glob("module_1/*/*img16*.pff") if path.stat().st_size)
        (frame,) = open_file(path)
    assert abs(frame.time.unix_ns / 1e9 - time.time()) < PATIENCE_S
    assert frame.image.std() > 0


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with DataWriter(tmp_path) as writer:
        with pytest.raises(ValueError, match="data product 'img32' not found"):
            writer.write("img32")
        with pytest.raises(ValueError, match="broadcast"):
            writer.write("img16", np.zeros((3, 3)))
