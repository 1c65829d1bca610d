"""The server's configuration at work: what it simulates, what it follows at start, how a mistake is told."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from support.rig import recording, run_command, serving, serving_process

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.pff import DataProduct
from panoseti_daq.service.server import Server

pytestmark = pytest.mark.anyio


async def _keys(server: Server, n_keys: int) -> set[tuple[int, DataProduct]]:
    """The first `n_keys` different modules and products that a stream delivers, and whatever is among them."""
    keys: set[tuple[int, DataProduct]] = set()
    async with AioDaqDataClient.connect(server.address) as client:
        async for frame in client.stream_frames():
            keys.add((frame.module_id, frame.product))
            if len(keys) >= n_keys:
                break
    return keys


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


def _one_line(*arguments: object) -> tuple[int, str]:
    result = run_command(*arguments)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("panoseti-daq: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.returncode, lines[0]


async def test_the_simulation_has_the_configured_modules_and_products() -> None:
    simulation = {"sim_module_ids": [3, 4], "movie_type": "img8", "ph_type": "ph1024", "frames_per_pff": 2}
    async with serving(HpIoConfig(simulate=True), simulate_daq_cfg=simulation) as server:
        keys = await _keys(server, 4)
    assert keys == {(m, p) for m in (3, 4) for p in (DataProduct.IMG8, DataProduct.PH1024)}


async def test_the_simulation_goes_on_in_a_new_file_after_the_configured_number_of_frames() -> None:
    simulation = {"do_ph": False, "frames_per_pff": 2}
    files = set()
    async with (
        serving(HpIoConfig(simulate=True), simulate_daq_cfg=simulation) as server,
        AioDaqDataClient.connect(server.address) as client,
    ):
        async for frame in client.stream_frames():
            assert frame.product is DataProduct.IMG16
            assert frame.frame_number in (0, 1)
            files.add(frame.file)
            if len(files) == 3:
                break


async def test_init_from_default_follows_the_packaged_simulation() -> None:
    async with serving(init_from_default=True) as server:
        assert server.acquisition.config == HpIoConfig(update_interval_s=0.05, simulate=True)
        assert await _keys(server, 1) <= {(224, DataProduct.IMG16), (224, DataProduct.PH256)}


async def test_init_from_default_follows_a_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = _write(tmp_path / "hp_io.json", {"data_dir": str(tmp_path / "data"), "update_interval_seconds": 0.01})
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
        async with serving(init_from_default=True, default_hp_io_config_file=file) as server:
            assert await _keys(server, 1) == {(1, DataProduct.IMG16)}


async def test_what_the_caller_says_to_follow_goes_before_init_from_default(tmp_path: Path) -> None:
    (tmp_path / "module_1").mkdir()
    async with serving(tmp_path, init_from_default=True) as server:
        assert server.acquisition.config == HpIoConfig(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        ({"data_dir": "/nowhere"}, "data_dir '/nowhere' does not exist"),
        ({"module_ids": [999]}, "module_ids[0]: 999 is out of range"),
        ({"simulate_daq": True, "update_interval_seconds": 1e-6}, "update_interval_seconds is 1e-06"),
    ],
)
async def test_a_failed_init_from_default_is_logged_and_the_server_can_be_initialised(
    content: dict[str, Any] | None, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "hp_io.json"
    if content is not None:
        _write(file, content)
    with caplog.at_level(logging.ERROR):
        async with serving(init_from_default=True, default_hp_io_config_file=file) as server:
            [record] = caplog.records
            assert reason in record.getMessage()
            assert server.acquisition.config is None
            async with AioDaqDataClient.connect(server.address) as client:
                assert await client.init_sim()
            assert await _keys(server, 1)


def test_serve_takes_the_file_from_the_variable_and_beats_it_with_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = {"sim_module_ids": [9], "do_ph": False}
    content = {"init_from_default": False, "max_read_queue_size": 50, "simulate_daq_cfg": simulation}
    file = _write(tmp_path / "server.json", content)
    monkeypatch.setenv("PANOSETI_DAQ_CONFIG", str(file))
    monkeypatch.setenv("PANOSETI_DAQ_SIMULATE_DAQ_CFG__MOVIE_TYPE", "img8")
    with serving_process("--init-from-default") as (_, address):
        result = run_command("stream", "--host", address, "--json", "--count", 1, "--update-interval", 0)
    assert result.returncode == 0, result.stderr
    image = json.loads(result.stdout)
    assert (image["module_id"], image["product"]) == (9, "img8")


def test_the_predecessors_larger_minimum_interval_does_not_refuse_simulate(tmp_path: Path) -> None:
    file = _write(tmp_path / "server.json", {"min_hp_io_update_interval_seconds": 0.01})
    with serving_process("--config", file, "--simulate") as (_, address):
        assert run_command("ping", "--host", address).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--max-concurrent-rpcs", 0],
            "--max-concurrent-rpcs: 0 is out of range; allowed: an integer, 1 to 1000000",
        ),
        (["--polling-interval", "nan"], "--polling-interval: nan is not a finite number; allowed: a number of"),
        (["--shutdown-grace-period", -1], "--shutdown-grace-period: -1.0 is out of range; allowed: a number of"),
        (["--stalled-client-timeout", 0], "--stalled-client-timeout: 0.0 is out of range; allowed: a number of"),
        (["--run-probe", "x"], "--run-probe: 'x' is none of these; allowed: process, pid-file, growth, none"),
    ],
)
def test_a_bad_option_is_a_usage_error(arguments: list[object], text: str) -> None:
    code, line = _one_line("serve", *arguments)
    assert code == 2
    assert text in line


def test_a_bad_file_is_a_failure(tmp_path: Path) -> None:
    file = _write(tmp_path / "server.json", {"reader_timeouts": 10})
    code, line = _one_line("serve", "--config", file)
    assert code == 1
    assert f"{file}: reader_timeouts: 10 is under an unknown key; allowed: " in line
    code, line = _one_line("serve", "--config", tmp_path / "none.toml")
    assert code == 1
    assert "none.toml: cannot be read: No such file" in line


def test_a_bad_variable_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANOSETI_DAQ_MAX_CONCURRENT_RPCS", "many")
    code, line = _one_line("serve")
    assert code == 1
    assert (
        "environment: PANOSETI_DAQ_MAX_CONCURRENT_RPCS: 'many' is of the wrong type; allowed: an integer" in line
    )


@pytest.mark.parametrize("option", ["--network-config", "--prefer", "--node-token-file"])
def test_the_options_of_a_gateway_need_its_nodes(option: str) -> None:
    code, line = _one_line("serve", "--port", "0", option, "x")
    assert code == 1
    assert line.endswith("the settings of a gateway have no effect without nodes: --node or --daq-config")
