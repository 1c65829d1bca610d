"""The peer's own clients, unchanged, work with our server."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rig import run_command, serving_process

from panoseti_daq.pff import FrameBlock, PffName

pytestmark = pytest.mark.timeout(120)

SCRIPTS = Path(__file__).parent / "peer_scripts"
both_clients = pytest.mark.parametrize("script", ["sync_client.py", "async_client.py"])

RunClient = Callable[..., dict[str, Any]]


@pytest.fixture
def run_client(peer_python: str, peer_directory: Path) -> RunClient:
    """Run a script with one of the peer's clients; what it reports."""

    def run(script: str, address: str, *arguments: object) -> dict[str, Any]:
        port = address.rpartition(":")[2]
        command = [peer_python, str(SCRIPTS / script), port, *map(str, arguments)]
        done = subprocess.run(command, cwd=peer_directory, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert "images" in report, done.stdout  # the peer's clients swallow the errors of a stream
        for image in report["images"]:
            pixels = np.frombuffer(bytes.fromhex(image["pixels"]), image["dtype"])
            image["image_array"] = pixels.reshape(image["array_shape"])
        return report

    return run


@both_clients
def test_a_client_of_the_peer_pings_initialises_and_streams_our_simulation(
    run_client: RunClient, script: str
) -> None:
    with serving_process("--run-probe", "none") as (_, address):
        report = run_client(script, address, 40, "init-sim")
    assert report["ping"] is True
    assert report["valid_hosts"] == ["127.0.0.1"]
    assert report["status"] == {address: True}
    assert report["init_sim"] is True
    assert len(report["images"]) == 40
    by_type = defaultdict(list)
    for image in report["images"]:
        by_type[image["type"]].append(image)
    assert by_type.keys() == {"MOVIE", "PULSE_HEIGHT"}
    for image in by_type["MOVIE"]:
        _assert_simulated(image, "img16", [32, 32], "uint16")
    for image in by_type["PULSE_HEIGHT"]:
        _assert_simulated(image, "ph256", [16, 16], "int16")
        assert image["header"]["quabo_num"] in range(4)
    assert min(image["image_array"].min() for image in by_type["PULSE_HEIGHT"]) < 0
    numbers = [image["frame_number"] for image in by_type["MOVIE"]]
    assert numbers == sorted(set(numbers)), "each once, in order"


def _assert_simulated(image: dict[str, Any], product: str, shape: list[int], dtype: str) -> None:
    assert image["shape"] == image["array_shape"] == shape
    assert image["dtype"] == dtype
    assert image["bytes_per_pixel"] == 2
    assert image["module_id"] == 224
    name = PffName.parse(image["file"])
    assert (name.product.token, name.module_id) == (product, 224)
    time = pd.Timestamp(image["header"]["pandas_unix_timestamp"])
    age = pd.Timestamp.now("UTC").tz_localize(None) - time
    assert pd.Timedelta(0) < age < pd.Timedelta(minutes=2)


def test_reflection_tells_the_peers_client_what_the_service_is(run_client: RunClient) -> None:
    with serving_process("--simulate") as (_, address):
        services = run_client("sync_client.py", address, 0)["services"]
    assert "daqdata.DaqData" in services
    assert "rpc StreamImages(StreamImagesRequest) returns ([magenta]stream[/magenta] " in services
    assert "rpc InitHpIo(InitHpIoRequest) returns (InitHpIoResponse)" in services
    assert "rpc Ping(Empty) returns (Empty)" in services


@both_clients
def test_a_client_of_the_peer_gets_recorded_frames_as_they_were_recorded(
    tmp_path: Path,
    lick_run: Path,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: Callable[[dict[str, Any], str, int], None],
    run_client: RunClient,
    script: str,
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    newest = {(file, f.frame_number): f for file, block in lick_files.items() for f in block.newest().values()}
    with serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address):
        replayed = run_command("simulate", data_dir, "--replay", lick_run, "--speed", 0, timeout_s=60)
        assert replayed.returncode == 0, replayed.stderr
        images = run_client(script, address, len(newest))["images"]
    assert {(image["file"], image["frame_number"]) for image in images} == newest.keys()
    for image in images:
        frame = newest[image["file"], image["frame_number"]]
        assert_is_recorded(image, frame.file, frame.frame_number)
        assert image["module_id"] == frame.module_id
        assert pd.Timestamp(image["header"]["pandas_unix_timestamp"]) == pd.Timestamp(frame.time.unix_ns)
