"""Names of the predecessor that scripts use, and what of them we have."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.rig import recording, serving, serving_in_thread

from panoseti_daq.client import RpcError
from panoseti_daq.pff import DataProduct

daq_data_pb2 = pytest.importorskip(
    "daq_data.daq_data_pb2", reason="needs ./compat, which `nox -s interop` installs"
)
from daq_data import client, client_0_3  # noqa: E402
from daq_data.resources import parse_pano_image  # noqa: E402
from google.protobuf.json_format import ParseDict  # noqa: E402
from google.protobuf.struct_pb2 import Struct  # noqa: E402

pytestmark = pytest.mark.anyio

SIMULATED = {"simulate_daq": True, "update_interval_seconds": 1}
NOT_THERE = {"data_dir": "/not/there", "update_interval_seconds": 1, "simulate_daq": False}


# odd night 65
def test_a_message_of_a_script_is_made_and_read() -> None:
    quabo = {"pkt_tai": 529, "pkt_nsec": 779007488, "tv_sec": 1721882092, "tv_usec": 779336}
    message = daq_data_pb2.PanoImage(
        type=daq_data_pb2.PanoImage.Type.MOVIE,
        header=ParseDict({"quabo_0": quabo}, Struct()),
        image_array=range(1024),
        shape=[32, 32],
        bytes_per_pixel=2,
        module_id=42,
    )
    image = parse_pano_image(message)
    assert (image["type"], image["module_id"], image["image_array"].shape) == ("MOVIE", 42, (32, 32))
    assert str(image["header"]["wr_unix_timestamp"]) == "1721882092.779007488"


# odd night 65
async def test_responses_that_are_not_parsed_are_parsed_by_the_script(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(tmp_path) as server, client.AioDaqDataClient.connect(server.address) as ours:
            async with ours.stream_images(parse_pano_images=False) as stream:
                response = await anext(stream)
    assert parse_pano_image(response.pano_image)["module_id"] == 1


# odd night 65
async def test_the_hosts_of_a_client_are_attributes_without_channels(tmp_path: Path) -> None:
    async with serving() as server:
        config = {"daq_nodes": [{"ip_addr": server.address, "data_dir": "/data"}, {"ip_addr": "localhost:1"}]}
        async with client.AioDaqDataClient(config) as ours:
            assert ours.valid_daq_hosts == {server.address}
            assert ours.daq_nodes == {
                server.address: {
                    "config": {"ip_addr": server.address, "data_dir": "/data"},
                    "connection_target": server.address,
                },
                "localhost:1": {
                    "config": {"ip_addr": "localhost:1", "data_dir": ""},
                    "connection_target": "localhost:1",
                },
            }


# odd night 65
@pytest.mark.parametrize("module", [client, client_0_3])
async def test_every_stream_ends_with_the_stop_event(module: ModuleType) -> None:
    stop = asyncio.Event()
    async with serving() as server:
        config = {"daq_nodes": [{"ip_addr": server.address}]}
        async with module.AioDaqDataClient(config, None, stop_event=stop) as ours:
            assert await ours.init_sim(server.address, hp_io_cfg=SIMULATED)
            async for _ in ours.stream_images():
                stop.set()
            assert [image async for image in ours.stream_images()] == []


# odd night 65
async def test_a_refused_initialization_is_what_it_was_in_each_version() -> None:
    async with serving() as server:
        config = {"daq_nodes": [{"ip_addr": server.address}]}
        async with client.AioDaqDataClient(config) as first:
            assert not await first.init_hp_io(None, NOT_THERE)
        async with client_0_3.AioDaqDataClient(config) as later:
            assert await later.get_valid_daq_hosts() == [server.address]
            with pytest.raises(RpcError, match="does not exist"):
                await later.init_hp_io(None, NOT_THERE)


# odd night 65
def test_the_blocking_client_of_each_version_is_told_false() -> None:
    with serving_in_thread() as server:
        config = {"daq_nodes": [{"ip_addr": server.address}]}
        with client.DaqDataClient(config) as first, client_0_3.DaqDataClient(config) as later:
            assert first.get_valid_daq_hosts() == {server.address}
            valid: Any = later.get_valid_daq_hosts()
            assert valid[0] == server.address
            clients: list[Any] = [first, later]
            for ours in clients:
                assert not ours.init_hp_io(None, NOT_THERE)
                assert ours.init_sim(None, hp_io_cfg=SIMULATED)
