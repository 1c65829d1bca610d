"""The peer, panoseti-grpc, in the versions that `nox -s interop` installs in environments of their own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interop.peers import VERSIONS, CheckImage, CheckSimulated, Peer, installed, listening
from interop.table import Table

from panoseti_daq.pff import DataProduct, FrameBlock, PffName, open_file

FRAMES_PER_FILE = (
    100  # of the simulation of 0.1.1.1, which copies the recorded night (daq_data_server_config.json)
)
TABLE = pytest.StashKey[Table]()
SOURCE_MODULES = {DataProduct.IMG16: 1, DataProduct.PH256: 3}


@pytest.fixture(scope="session", params=VERSIONS)
def peer(request: pytest.FixtureRequest) -> Peer:
    """Each version."""
    return installed(request.param)


@pytest.fixture(scope="session")
def drop_in_peer() -> Peer:
    """The version that we are a drop-in for."""
    return installed("0.1.1.1")


@pytest.fixture(scope="session")
def uploading_peer() -> Peer:
    """The version that has UploadImages."""
    return installed("0.3.5")


@pytest.fixture(scope="session")
def newest_peer() -> Peer:
    """The version that has a gateway, and a Status of its own."""
    return installed("0.4.21")


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Table:
    """What works with which: tests write here what they have seen; docs/compatibility.md is made of it."""
    return request.config.stash[TABLE]


def pytest_configure(config: pytest.Config) -> None:
    """Begin a table, in each process that runs tests, and in the one that has them run."""
    config.stash[TABLE] = Table()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take the cells that another process has filled in, when it ends."""
    node.config.stash[TABLE].add(getattr(node, "workeroutput", {}).get("table", {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the table to the process that had the tests run; that one writes it."""
    table = session.config.stash[TABLE]
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["table"] = table.cells
    elif path := os.environ.get("COMPATIBILITY_TABLE"):
        Path(path).write_text(table.as_markdown(), "utf-8")


@pytest.fixture(scope="session")
def lick_run(drop_in_peer: Peer) -> Path:
    """A night at Lick, 2024-07-25, that every version ships: img16 of module 1, ph256 of modules 1 and 3."""
    (run,) = (drop_in_peer.package / "simulated_data_dir").glob("obs_Lick*.pffd")
    return run


@pytest.fixture
def peer_directory(tmp_path: Path, peer: Peer, lick_run: Path) -> Path:
    """Where to run the peer: 0.1.1.1 finds its files relative to it; both write their logs there."""
    directory = tmp_path / "peer"
    simulated = directory / "daq_data" / lick_run.parent.name
    simulated.mkdir(parents=True)
    (directory / "daq_data" / "config").symlink_to(peer.package / "config")
    (simulated / lick_run.name).symlink_to(lick_run)
    return directory


@pytest.fixture(scope="session")
def lick_files(lick_run: Path) -> dict[str, FrameBlock]:
    """Its three PFF files by name."""
    return {path.name: open_file(path) for path in sorted(lick_run.glob("*.pff"))}


@pytest.fixture(scope="session")
def assert_is_recorded(lick_files: dict[str, FrameBlock]) -> CheckImage:
    """Check that an image dict holds the frame of this file and number: module, header and every pixel.

    The recorded frame is taken apart with json and numpy alone, so that our codec does not vouch for itself.
    """

    def check(image: Mapping[str, Any], file: str, frame_number: int) -> None:
        block = lick_files[file]
        size = block.layout.frame_size_bytes
        text, pixels = bytes(block.data[frame_number * size : (frame_number + 1) * size]).split(b"\n\n*", 1)
        header = json.loads(text)
        assert {name: value for name, value in image["header"].items() if name in header} == header
        times = image["header"].keys() - header.keys()
        assert {"wr_unix_timestamp", "pandas_unix_timestamp"} <= times
        assert all(name.endswith(("timestamp", "status")) for name in times)
        expected = np.frombuffer(pixels, block.product.dtype).reshape(block.product.shape)
        np.testing.assert_array_equal(image["image_array"], expected)
        assert image["image_array"].dtype == expected.dtype

    return check


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A directory for sockets, whose paths are short: those in tmp_path would be too long."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def peer_server(peer: Peer, peer_directory: Path, sockets: Path) -> Iterator[str]:
    """Address of the peer's server."""
    with listening(peer, "server_on_any_port.py", peer_directory, sockets) as address:
        yield address


@pytest.fixture
def assert_is_simulated_by_peer(
    peer: Peer, lick_files: dict[str, FrameBlock], assert_is_recorded: CheckImage
) -> CheckSimulated:
    """Check an image dict against the recorded frame that the peer's simulation copied."""
    sources = {(f.product, f.module_id): name for name, f in lick_files.items()}

    def check(image: Mapping[str, Any]) -> None:
        if peer.is_0_1:
            name = PffName.parse(image["file"])
            assert name.module_id == 224
            product, number = name.product, name.seqno * FRAMES_PER_FILE + image["frame_number"]
        else:  # it sends frames through a socket and counts them
            product = DataProduct.from_token(image["file"].removeprefix("uds_"))
            number = image["frame_number"]
        assert image["module_id"] == 224
        assert image["type"] == product.kind.value
        assert image["shape"] == list(product.shape)
        assert_is_recorded(image, sources[product, SOURCE_MODULES[product]], number)
        assert image["header"]["time_status"] == "WHITE_RABBIT"

    return check
