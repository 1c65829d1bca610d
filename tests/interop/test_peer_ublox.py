"""The peer's clients of GNSS receivers, unchanged, work with our server and its receiver."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interop.peers import SCRIPTS, Peer
from interop.table import Table
from support.receiver import FakeF9t, at_port, second
from support.rig import serving

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

SECTION = "GNSS clients of the peer with our server"


async def reported(peer: Peer, directory: Path, fake: FakeF9t, **settings: Any) -> dict[str, Any]:
    async with at_port(fake) as source, serving(gnss={"receivers": [f"roof={source}"]} | settings) as server:
        command = [peer.python, "-E", str(SCRIPTS / "ublox_client.py"), server.address, "roof"]
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=directory, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


async def test_a_gnss_client_of_the_peer_captures_and_configures(peer: Peer, tmp_path: Path, table: Table) -> None:
    if peer.is_0_1:
        assert not (peer.package.parent / "ublox_control").exists()
        for kind in ("async", "sync"):
            for row in ("ping", "capture_ublox", "init_f9t", "InitF9t as its scripts send it"):
                table.write(SECTION, row, f"{peer.version} {kind}", "no: has none")
        return
    fake = FakeF9t()
    report = await reported(peer, tmp_path, fake, allow_configuration=True)
    assert report["init"].startswith("roof holds all ")
    assert len(fake.sets) == 2
    for kind in ("async", "sync"):
        column = f"{peer.version} {kind}"
        said = report[kind]
        assert said["ping"] is True
        table.write(SECTION, "ping", column)
        names = [message["name"] for message in said["messages"]]
        assert names == ["NAV-TIMEUTC", "NAV-TIMELS", "TIM-TP"]
        for message in said["messages"]:
            assert message["type"] == "DATA"
            assert base64.b64decode(message["payload"]) in second(1)
            assert message["pkt_unix_timestamp"].startswith("20")
        assert said["messages"][2]["parsed_data"]["qErr"] == -122
        table.write(SECTION, "capture_ublox", column)
        # It fills a field that its own request does not have.
        assert 'no "f9t_cfg" field' in said["init_f9t"]
        table.write(SECTION, "init_f9t", column, "no: its own bug")
        table.write(SECTION, "InitF9t as its scripts send it", column)


async def test_a_script_of_the_peer_is_told_that_a_server_configures_nothing(
    uploading_peer: Peer, tmp_path: Path
) -> None:
    fake = FakeF9t()
    report = await reported(uploading_peer, tmp_path, fake)
    assert report["init"].startswith("PERMISSION_DENIED: this server configures no receiver unless")
    assert fake.sets == []
