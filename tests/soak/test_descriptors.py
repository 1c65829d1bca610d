"""No descriptor is free."""

from __future__ import annotations

from pathlib import Path

import pytest
from soak.processes import Actor, Counts, patiently, program, running, running_server
from soak.scale import note
from soak.test_disk import wait_for_newest
from support.rig import RUN, recording

from panoseti_daq.pff import DataProduct

pytestmark = pytest.mark.timeout(300)

IMG16 = DataProduct.IMG16
LIMIT = 64
SAID = ("Too many open files", "File descriptor limit")  # ours, and that of gRPC
LATER = RUN.replace("2026-01-01", "2026-01-02")


FEW_DESCRIPTORS = "prlimit", f"--nofile={LIMIT}:{LIMIT}"


def test_the_limit_of_descriptors_is_told_and_survived(tmp_path: Path) -> None:
    data_dir, log = tmp_path / "data", tmp_path / "crowd"
    with recording(data_dir) as recorder:
        recorder.write(IMG16, 3)
        with running_server(data_dir, tmp_path / "log", prefix=FEW_DESCRIPTORS) as (server, address):
            wait_for_newest(address, recorder, IMG16)
            before = Counts.of(server.pid)
            with running(Actor("crowd", program("clients", "newest", address, LIMIT + 20), log)) as crowd:
                patiently(lambda: any(text in server.said for text in SAID))
                during = Counts.of(server.pid)
                with recording(data_dir, 2, LATER) as other, recording(data_dir, 1, LATER) as later:
                    other.write(IMG16, 2)
                    later.write(IMG16, 2)
                    server.check_alive()
                    crowd.kill()
                    wait_for_newest(address, later, IMG16)
                    other.write(IMG16)
                    later.write(IMG16)
                    wait_for_newest(address, later, IMG16)
            enough = before.descriptors + 16  # more files
            patiently(lambda: Counts.of(server.pid).descriptors <= enough)
            server.check_alive()
            assert "Traceback" not in server.said, server.said
            n_lines = sum(any(text in line for text in SAID) for line in server.said.splitlines())
            after = Counts.of(server.pid)
            told = f"before: {before}; at the limit: {during}; after: {after}; {n_lines} lines"
            note(f"descriptors: limit {LIMIT}; {told}")
