"""The peer's own clients, unchanged, work with our server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from google.protobuf.json_format import MessageToDict
from interop.peers import SCRIPTS, CheckImage, Peer
from interop.table import Table
from support.rig import run_command, serving_process, started

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import FrameBlock, PffName
from panoseti_daq.wire.image import as_struct

pytestmark = pytest.mark.timeout(120)

SECTION = "Clients of the peer with our server"
both_clients = pytest.mark.parametrize("kind", ["sync", "async"])

RunClient = Callable[..., dict[str, Any]]


@pytest.fixture
def run_client(peer: Peer, peer_directory: Path) -> RunClient:
    """Run a script with one of the peer's clients; what it reports."""

    def run(kind: str, address: str, **options: object) -> dict[str, Any]:
        port = address.rpartition(":")[2]
        script = SCRIPTS / f"{'host_port' if peer.is_0_4 else kind}_client.py"
        command = [peer.python, "-E", str(script), port, json.dumps({"kind": kind, **options})]
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
def test_a_client_of_the_peer_pings_reflects_initialises_and_streams_our_simulation(
    run_client: RunClient, peer: Peer, kind: str, table: Table
) -> None:
    with serving_process("--run-probe", "none") as (_, address):
        report = run_client(kind, address, n_images=40, init_sim=True, reflect=True)
    assert report["ping"] is True
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
    column = f"{peer.version} {kind}"
    table.write(SECTION, "ping, host status", column)
    if peer.is_0_4:
        assert report["status"] == [[False, "follows nothing yet"], [True, "simulation"]]
        table.write(SECTION, "status: initialized or not, message", column)
        assert not report["reflects"]
        table.write(SECTION, "reflect_services", column, "no: has none")
    else:
        assert report["valid_hosts"] == ["127.0.0.1"]
        assert report["status"] == {address: True}
        table.write(SECTION, "status: initialized or not, message", column, "no: has none")
        table.write(SECTION, "reflect_services", column, _assert_reflected(report["services"], kind))
    for row in ("init_sim", "stream movie", "stream pulse height"):
        table.write(SECTION, row, column)


@both_clients
def test_a_client_of_the_peer_gets_snapshots_of_our_sockets(
    run_client: RunClient, peer: Peer, kind: str, sockets: Path, table: Table
) -> None:
    paths = ("--socket-template", sockets / "{product}")
    with serving_process(*paths) as (_, address), started("simulate", "--output", "socket", *paths):
        report = run_client(kind, address, n_images=20)
    files = {image["file"]: image for image in report["images"]}
    assert files.keys() == {"uds_img16", "uds_ph256"}
    assert files["uds_img16"]["array_shape"] == [32, 32]
    table.write(SECTION, "snapshots of Hashpipe's sockets", f"{peer.version} {kind}")


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


def _assert_reflected(services: str, kind: str) -> str:
    if kind == "async":
        # It gives an async channel to a blocking class, and fails with its own server in the same way.
        assert "object is not an iterator" in services
        return "no: its own bug"
    assert "daqdata.DaqData" in services
    assert "rpc StreamImages(StreamImagesRequest) returns ([magenta]stream[/magenta] " in services
    assert "rpc InitHpIo(InitHpIoRequest) returns (InitHpIoResponse)" in services
    assert "rpc Ping(Empty) returns (Empty)" in services
    return "yes"


@both_clients
def test_a_client_of_the_peer_initialises_and_streams_through_our_gateway(
    run_client: RunClient, peer: Peer, kind: str, table: Table
) -> None:
    with (
        serving_process("--run-probe", "none") as (_, node),
        serving_process("--node", f"daq1={node}") as (_, address),
    ):
        report = run_client(kind, address, n_images=20, init_sim=True)
    assert report["ping"] is True
    assert report["init_sim"] is True
    by_type = {image["type"]: image for image in report["images"]}
    assert by_type.keys() == {"MOVIE", "PULSE_HEIGHT"}
    _assert_simulated(by_type["MOVIE"], "img16", [32, 32], "uint16")
    _assert_simulated(by_type["PULSE_HEIGHT"], "ph256", [16, 16], "int16")
    table.write(SECTION, "through our gateway: ping, init_sim, both streams", f"{peer.version} {kind}")


@both_clients
def test_a_client_of_the_peer_gets_recorded_frames_as_they_were_recorded(
    tmp_path: Path,
    lick_run: Path,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: CheckImage,
    run_client: RunClient,
    peer: Peer,
    kind: str,
    table: Table,
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    newest = {(file, f.frame_number): f for file, block in lick_files.items() for f in block.newest().values()}
    with serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address):
        replayed = run_command("simulate", data_dir, "--replay", lick_run, "--speed", 0, timeout_s=60)
        assert replayed.returncode == 0, replayed.stderr
        images = run_client(kind, address, n_images=len(newest))["images"]
    assert {(image["file"], image["frame_number"]) for image in images} == newest.keys()
    for image in images:
        frame = newest[image["file"], image["frame_number"]]
        assert_is_recorded(image, frame.file, frame.frame_number)
        assert image["module_id"] == frame.module_id
        assert (
            image["header"]["wr_unix_timestamp"]
            == f"{frame.time.unix_ns // 10**9}.{frame.time.unix_ns % 10**9:09d}"
        )
    table.write(SECTION, "recorded frames, bit for bit", f"{peer.version} {kind}")


def test_several_clients_of_the_peer_each_get_the_kinds_and_modules_they_ask_for(
    run_client: RunClient, peer: Peer, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__SIM_MODULE_IDS", "[1, 3]")
    with serving_process("--simulate") as (_, address), ThreadPoolExecutor() as threads:
        every = [threads.submit(run_client, kind, address, n_images=20) for kind in ("sync", "async")]
        some = [
            threads.submit(run_client, kind, address, n_images=10, module_ids=[module_id], **{unwanted: False})
            for kind, module_id, unwanted in (("sync", 3, "pulse_height"), ("async", 1, "movie"))
        ]
    for client in every:
        images = client.result()["images"]
        assert {(image["module_id"], image["type"]) for image in images} == {
            (module_id, kind) for module_id in (1, 3) for kind in ("MOVIE", "PULSE_HEIGHT")
        }
    seen = [{(image["module_id"], image["type"]) for image in client.result()["images"]} for client in some]
    assert seen == [{(3, "MOVIE")}, {(1, "PULSE_HEIGHT")}]
    for row in ("several clients at once", "module filter, kind filter"):
        for kind in ("sync", "async"):
            table.write(SECTION, row, f"{peer.version} {kind}")


@pytest.fixture
def run_upload(uploading_peer: Peer, tmp_path: Path) -> Callable[[str, str, list[dict[str, Any]]], str]:
    """Upload images, given as the JSON of their messages, with a client of the peer; the error it raised."""

    def run(kind: str, address: str, images: list[dict[str, Any]]) -> str:
        options = json.dumps({"client": kind, "upload": images})
        command = [
            uploading_peer.python,
            "-E",
            str(SCRIPTS / "upload_client.py"),
            address.rpartition(":")[2],
            options,
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return str(json.loads(done.stdout.splitlines()[-1])["error"])

    return run


@pytest.mark.anyio
async def test_images_that_a_client_of_the_peer_uploads_are_streamed_by_a_server_that_accepts_them(
    run_upload: Callable[..., str],
    uploading_peer: Peer,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: CheckImage,
    table: Table,
) -> None:
    newest = {(name, f.frame_number): f for name, block in lick_files.items() for f in block.newest().values()}
    uploads = [MessageToDict(as_struct(frame)) for frame in newest.values()]
    with serving_process("--accept-uploads") as (_, address):
        assert await asyncio.to_thread(run_upload, "async", address, uploads) == ""
        async with asyncio.timeout(20), AioDaqDataClient.connect(address) as client:
            async for image in client.stream_images():
                frame = newest.pop((image["file"], image["frame_number"]))
                assert_is_recorded(image, frame.file, frame.frame_number)
                if not newest:
                    break
    table.write(SECTION, "UploadImages, accepted", f"{uploading_peer.version} async")


def test_an_upload_is_refused_by_a_server_that_was_not_started_for_it(
    run_upload: Callable[..., str], uploading_peer: Peer, lick_files: dict[str, FrameBlock], table: Table
) -> None:
    image = MessageToDict(as_struct(next(iter(lick_files.values()))[0]))
    with serving_process("--simulate") as (_, address):
        error = run_upload("async", address, [image])
    assert "PERMISSION_DENIED" in error
    assert "--accept-uploads" in error
    table.write(SECTION, "UploadImages, refused with a reason", f"{uploading_peer.version} async")


def test_the_blocking_client_of_the_peer_uploads_nothing(
    run_upload: Callable[..., str], uploading_peer: Peer, lick_files: dict[str, FrameBlock], table: Table
) -> None:
    image = MessageToDict(as_struct(next(iter(lick_files.values()))[0]))
    with serving_process("--accept-uploads") as (_, address):
        # It gives an option of the call to the message.
        assert "Exception iterating requests" in run_upload("sync", address, [image])
    for row in ("UploadImages, accepted", "UploadImages, refused with a reason"):
        table.write(SECTION, row, f"{uploading_peer.version} sync", "no: its own bug")


def test_the_drop_in_version_has_no_uploads(drop_in_peer: Peer, table: Table) -> None:
    assert "UploadImages" not in (drop_in_peer.package / "daq_data_pb2_grpc.py").read_text()
    for row in ("UploadImages, accepted", "UploadImages, refused with a reason"):
        for kind in ("sync", "async"):
            table.write(SECTION, row, f"{drop_in_peer.version} {kind}", "no: has none")


def test_the_newest_version_has_uploads_in_its_wire_only(newest_peer: Peer, table: Table) -> None:
    assert "upload" not in (newest_peer.package / "client.py").read_text().lower()
    for row in ("UploadImages, accepted", "UploadImages, refused with a reason"):
        for kind in ("sync", "async"):
            table.write(SECTION, row, f"{newest_peer.version} {kind}", "no: has none")
