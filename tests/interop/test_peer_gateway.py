"""The peer's gateway in front of our server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.peers import Peer, listening
from interop.table import Table
from support.rig import serving_process

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.client.predecessor import predecessor

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECTION = "Gateway of the peer in front of our server"


@pytest.fixture
def server() -> Iterator[str]:
    with serving_process("--run-probe", "none") as (_, address):
        yield address


@pytest.fixture
def gateway(newest_peer: Peer, server: str, tmp_path: Path) -> Iterator[str]:
    """Address of the gateway of a server of ours."""
    with listening(newest_peer, "gateway.py", tmp_path, server.rpartition(":")[2], tmp_path) as address:
        yield address


async def test_status_init_and_frames_of_our_server_pass_through(
    newest_peer: Peer, server: str, gateway: str, table: Table
) -> None:
    async with AioDaqDataClient.connect(gateway) as client:
        assert await client.ping(gateway)
        assert predecessor(await client.get_status(gateway)) == (
            f"a server of panoseti-grpc 0.4, not initialized: {server}: initialized=False"
        )
        assert await client.init_sim(timeout=20)
        assert predecessor(await client.get_status(gateway)) == (
            f"a server of panoseti-grpc 0.4, initialized: {server}: initialized=True"
        )
        keys = set()
        async with client.stream_images() as stream:
            async for image in stream:
                assert image["module_id"] == 224
                keys.add((image["type"], image["header"].get("quabo_num")))
                if keys == {("MOVIE", None), *(("PULSE_HEIGHT", quabo) for quabo in range(4))}:
                    break
    for row in ("ping, status", "InitHpIo", "stream movie", "stream pulse height, all quabos"):
        table.write(SECTION, row, newest_peer.version)
