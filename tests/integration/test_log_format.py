"""Lines of ``serve --log-format json``."""

from __future__ import annotations

import json
import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.rig import started

from panoseti_daq.client import DaqDataClient, RpcError


def test_serve_logs_one_json_object_a_line_with_the_peer(tmp_path: Path) -> None:
    with started("serve", "--port", 0, "--log-format", "json", "--run-probe", "none") as process:
        assert process.stderr is not None
        before: list[str] = []
        for line in process.stderr:
            if match := re.match(r"listening on (\S+)", line):
                break
            before.append(line)
        assert match
        with DaqDataClient.connect(match[1]) as client:
            with pytest.raises(RpcError):
                next(client.stream_frames())  # nothing is followed
            assert client.init_hp_io(match[1], {"data_dir": str(tmp_path), "update_interval_seconds": 1.0})
        process.send_signal(signal.SIGTERM)
        lines: list[dict[str, Any]] = [json.loads(line) for line in [*before, *process.stderr]]
    assert process.returncode == 0
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert all(datetime.fromisoformat(line["time"]).tzinfo == UTC for line in lines)
    peers = {line["message"].partition(": ")[2][:8]: line["peer"] for line in lines if "peer" in line}
    assert {"refused:", "InitHpIo"} <= peers.keys()
    assert all(re.fullmatch(r"ipv4:127\.0\.0\.1:\d+", peer) for peer in peers.values())
