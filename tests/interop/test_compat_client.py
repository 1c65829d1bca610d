"""Clients of `daq_data`: what differs from ours, as in panoseti-grpc."""

from __future__ import annotations

from pathlib import Path

import pytest
from daq_data.client import AioDaqDataClient
from support.rig import recording, serving

from panoseti_daq.pff import DataProduct

pytestmark = pytest.mark.anyio


async def test_a_loop_ends_when_its_only_server_is_stopped(tmp_path: Path) -> None:  # odd night 48
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
        address = f"unix://{tmp_path / 'daq.sock'}"
        server = serving(tmp_path / "data", host=address)
        await server.__aenter__()
        async with AioDaqDataClient.connect(address) as client:
            n_images = 0
            async for _ in client.stream_images():
                n_images += 1
                await server.__aexit__(None, None, None)
    assert n_images == 1


async def test_an_initialization_that_a_server_refuses_is_false(tmp_path: Path) -> None:  # odd night 49
    async with serving() as server, AioDaqDataClient.connect(server.address) as client:
        assert not await client.init_hp_io(hp_io_cfg={"data_dir": "/not/there", "update_interval_seconds": 1})
        assert await client.init_sim()
