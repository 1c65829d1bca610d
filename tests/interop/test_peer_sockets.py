"""Servers of the peer read what our simulator sends to sockets, and our client knows their snapshots."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.peers import Peer, listening
from interop.table import Table
from support.hashpipe import Hashpipe

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.pff import DataProduct
from panoseti_daq.sources.sockets import path_of

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECTION = "Our client with servers of the peer"
ROW = "snapshots of Hashpipe's sockets, as simulated by us"


@pytest.fixture
def server(peer: Peer, peer_directory: Path, sockets: Path) -> Iterator[str]:
    """Address of the peer's server beside a process named hashpipe, without which it follows nothing."""
    if peer.is_0_1:
        pytest.skip("it has no sockets")
    program = sockets / "hashpipe"
    shutil.copy(shutil.which("sleep") or "/bin/sleep", program)
    with subprocess.Popen([str(program), "1000"]) as hashpipe:
        try:
            with listening(peer, "server_on_any_port.py", peer_directory, sockets) as address:
                yield address
        finally:
            hashpipe.kill()


@pytest.mark.parametrize("product", [DataProduct.IMG16, DataProduct.PH256], ids=lambda p: p.token)
async def test_records_that_we_simulate_come_back_as_snapshots(
    peer: Peer, server: str, sockets: Path, tmp_path: Path, product: DataProduct, table: Table
) -> None:
    (tmp_path / "data" / "module_1").mkdir(parents=True)
    template = str(sockets / "hashpipe_grpc.dp_{product}.sock")
    async with asyncio.timeout(60), AioDaqDataClient.connect(server) as client:
        assert await client.init_hp_io(hp_io_cfg=HP_IO | {"data_dir": str(tmp_path / "data")}, timeout=20)
        while not path_of(template, product).exists():
            await asyncio.sleep(0.02)
        hashpipe = Hashpipe(template, product)
        sending = asyncio.create_task(_send(hashpipe))
        async for frame in client.stream_frames():
            assert frame.is_snapshot
            assert frame.file == f"uds_{product.token}"
            assert (frame.module_id, frame.product) == (1, product)
            assert (frame.image == frame.header.pkt_num[0] % 128).all()
            break
        sending.cancel()
        await asyncio.wait([sending])
        hashpipe.close()
    table.write(SECTION, ROW, peer.version)


def test_the_oldest_peer_has_no_sockets(drop_in_peer: Peer, table: Table) -> None:
    texts = (path.read_text() for path in drop_in_peer.package.rglob("*.py"))
    assert not any("AF_UNIX" in text or "start_unix_server" in text for text in texts)
    table.write(SECTION, ROW, drop_in_peer.version, "no: has none")


async def _send(hashpipe: Hashpipe) -> None:
    for i in range(1, 10_000):
        hashpipe.send(i)
        await asyncio.sleep(0.02)


HP_IO = {"update_interval_seconds": HpIoConfig().update_interval_s * 20, "force": True}
