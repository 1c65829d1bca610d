"""Context from a real Redis and from housekeeping: in Status, metrics, the client, ``status`` and recordings."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest
from support.frames import wait_until
from support.observatory import hashes, put, quabo, running_redis
from support.rig import recording, run_command, serving_in_thread
from support.runs import START_S, frames_of, write_run

from panoseti_daq.beside import housekeeping
from panoseti_daq.cli.main import run
from panoseti_daq.client import DaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.pff import DataProduct

DOCS = Path(__file__).parents[2] / "docs"


def scripts(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def test_redis_stands_beside_the_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running_redis(tmp_path) as address:
        put(address, hashes(time.time()))
        put(address, {"logs": {"a": "b"}, "QUABO_4": quabo(time.time() - 500)})
        settings = {"context": {"url": address, "interval_seconds": 0.1}, "metrics": {"port": 0}}
        with (
            recording(tmp_path) as recorder,
            serving_in_thread(tmp_path, **settings) as server,
            DaqDataClient.connect(server.address) as client,
        ):
            recorder.write(DataProduct.IMG16, 2)
            wait_until(lambda: bool(client.context(server.address).instruments))
            found = client.context(server.address)
            with urllib.request.urlopen(server.metrics_address) as answer:
                metrics = answer.read().decode()
            assert run(["status", "--host", server.address]) == 0
            assert (
                run(["record", str(tmp_path / "out"), "--host", server.address, "--from-start", "--duration", "1"])
                == 0
            )
            [script, columns] = scripts(DOCS / "beside.md")
            exec(script.replace('"head"', repr(server.address)))
            exec(columns.partition("\ntable.xs")[0].replace("RUN_DIR", str(tmp_path / "out")))
    shown = capsys.readouterr().out
    assert found.trouble == ""
    assert set(found.instruments) == {*hashes(), "QUABO_4"}
    assert found.modules[1].is_old
    assert found.modules[250].text.endswith("Q1: HV off, 22 C, shutter closed")
    assert 'panoseti_daq_quabo_hv_volts{detector="0",module="250",quabo="0"} -55.1' in metrics
    assert 'quabo_detector_celsius{module="1"' not in metrics
    assert "module 250: Q0, Q2, Q3: HV -55 V" in shown
    assert "shutter closed \n(-0.1, -0.1, -0.1, -0.1) 22.0" in shown
    assert len(housekeeping(tmp_path / "out")) == len(found.instruments)


def test_redis_that_is_gone_costs_a_line_and_no_frame(tmp_path: Path) -> None:
    context = {"url": f"unix://{tmp_path / 'redis.sock'}", "interval_seconds": 0.05}
    with (
        recording(tmp_path) as recorder,
        serving_in_thread(tmp_path, context=context) as server,
        DaqDataClient.connect(server.address) as client,
    ):
        recorder.write(DataProduct.IMG16, 2)
        assert next(client.stream_frames()).module_id == 1
        wait_until(lambda: "not read yet" not in client.context(server.address).trouble)
        assert client.context(server.address).trouble
        with running_redis(tmp_path) as address:
            put(address, hashes(time.time()))
            wait_until(lambda: not client.context(server.address).trouble)
            assert client.context(server.address).quabo(250, 1) is not None
        wait_until(lambda: bool(client.context(server.address).trouble))
        assert client.context(server.address).quabo(250, 1) is not None


def test_housekeeping_of_a_run_is_replayed(tmp_path: Path) -> None:
    write_run(tmp_path, DataProduct.IMG16, frames_of(DataProduct.IMG16, 20))
    documents = [{"QUABO_4": quabo(START_S - 5)}, {"QUABO_4": quabo(START_S + 60, TEMP1="50")}]
    (tmp_path / "hk.pff").write_text("\n\n".join(map(json.dumps, documents)))
    replay = HpIoConfig(replay=str(tmp_path), update_interval_s=0.001)
    with serving_in_thread(replay) as server, DaqDataClient.connect(server.address) as client:
        wait_until(lambda: bool(client.context(server.address).instruments))
        one = client.context(server.address).quabo(1, 0)
    assert one is not None
    assert one.numbers["TEMP1"] == 21.25
    assert 4.9 < one.age_s < 5.1


def test_an_address_that_is_none_is_refused() -> None:
    refused = run_command("serve", "--port", 0, "--context", "http://me:secret@head")
    assert refused.returncode != 0
    assert "allowed: redis://HOST:PORT" in refused.stderr
    assert "secret" not in refused.stderr
