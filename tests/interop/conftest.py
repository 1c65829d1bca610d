"""The peer, panoseti-grpc 0.1.1.1, as `nox -s interop` installs it in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from panoseti_daq.pff import FrameBlock, open_file


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def peer_python() -> str:
    """The interpreter that has the peer."""
    python = os.environ.get("PEER_0_1_1_1_PYTHON")
    if not python:
        pytest.skip("PEER_0_1_1_1_PYTHON is not set: run `nox -s interop`, which installs the peer")
    return python


@pytest.fixture(scope="session")
def peer_package(peer_python: str) -> Path:
    """Directory of the peer's package daq_data."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([peer_python, "-c", code], capture_output=True, text=True, check=True)
    return Path(found.stdout.strip()) / "daq_data"


@pytest.fixture(scope="session")
def lick_run(peer_package: Path) -> Path:
    """A night at Lick, 2024-07-25, that the peer ships: img16 of module 1, ph256 of modules 1 and 3."""
    (run,) = (peer_package / "simulated_data_dir").glob("obs_Lick*.pffd")
    return run


@pytest.fixture
def peer_directory(tmp_path: Path, peer_package: Path, lick_run: Path) -> Path:
    """Where to run the peer: it finds its files relative to it, and writes its logs and its simulation there."""
    directory = tmp_path / "peer"
    simulated = directory / "daq_data" / lick_run.parent.name
    simulated.mkdir(parents=True)
    (directory / "daq_data" / "config").symlink_to(peer_package / "config")
    (simulated / lick_run.name).symlink_to(lick_run)
    return directory


@pytest.fixture(scope="session")
def lick_files(lick_run: Path) -> dict[str, FrameBlock]:
    """Its three PFF files by name."""
    return {path.name: open_file(path) for path in sorted(lick_run.glob("*.pff"))}


@pytest.fixture(scope="session")
def assert_is_recorded(lick_files: dict[str, FrameBlock]) -> Callable[[dict[str, Any], str, int], None]:
    """Check that an image dict holds the frame of this file and number: module, header and every pixel.

    The recorded frame is taken apart with json and numpy alone, so that our codec does not vouch for itself.
    """

    def check(image: dict[str, Any], file: str, frame_number: int) -> None:
        block = lick_files[file]
        size = block.layout.frame_size_bytes
        text, pixels = block.data[frame_number * size : (frame_number + 1) * size].split(b"\n\n*", 1)
        header = json.loads(text)
        assert {name: value for name, value in image["header"].items() if name in header} == header
        times = image["header"].keys() - header.keys()
        assert {"wr_unix_timestamp", "pandas_unix_timestamp"} <= times
        assert all(name.endswith(("timestamp", "status")) for name in times)
        expected = np.frombuffer(pixels, block.product.dtype).reshape(block.product.shape)
        np.testing.assert_array_equal(image["image_array"], expected)
        assert image["image_array"].dtype == expected.dtype

    return check
