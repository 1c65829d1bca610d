"""The commands of the peer, given by our compatibility package."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from interop.table import Table
from support.rig import serving_process

from panoseti_daq import DaqDataClient

pytestmark = [
    pytest.mark.timeout(60),
    pytest.mark.skipif(
        importlib.util.find_spec("daq_data") is None,
        reason="needs ./compat: run `nox -s interop`, which installs it",
    ),
]

SECTION: Final = "Commands of the peer with our compatibility package and our server"
CLI: Final = (sys.executable, "-u", "-m", "daq_data.cli")
NET_CONFIG: Final = "daq_data/config/network_config_grpc_simulate.json"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def write(table: Table) -> Callable[[str], None]:
    return lambda row: table.write(SECTION, row, "works")


@pytest.fixture(autouse=True)
def off_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def server() -> Iterator[str]:
    with serving_process("--run-probe", "none") as (_, address):
        yield f"localhost:{address.rpartition(':')[2]}"


@pytest.fixture
def daq_config(tmp_path: Path, server: str) -> Path:
    path = tmp_path / "daq_config.json"
    path.write_text(json.dumps({"daq_nodes": [{"ip_addr": server, "data_dir": ""}, {"ip_addr": "localhost:1"}]}))
    return path


@pytest.fixture
def run(tmp_path: Path, daq_config: Path) -> Run:
    """Run the command line in a directory that has nothing."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*options: str, config: str = str(daq_config)) -> subprocess.CompletedProcess[str]:
        command = [*CLI, config, NET_CONFIG, *options]
        return subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=30, check=False)

    return run


def test_several_actions_run_in_the_documented_order(
    run: Run, server: str, write: Callable[[str], None], tmp_path: Path
) -> None:
    done = run(
        "--init-sim", "--reflect-services", "--list-hosts", "--ping", "--host", server, "--log-level", "debug"
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    expected = [f"ping {server}: success", f"{server}: True", "localhost:1: False", "daqdata.DaqData"]
    places = [done.stdout.index(text) for text in expected]
    assert places == sorted(places)
    for row in ("--ping", "--list-hosts", "--reflect-services", "--init-sim"):
        write(f"`{row}`")


def test_init_follows_a_file_and_init_sim_beats_it(
    run: Run, server: str, write: Callable[[str], None], tmp_path: Path
) -> None:
    missing = tmp_path / "hp_io_config.json"
    missing.write_text(json.dumps({"data_dir": str(tmp_path / "none"), "update_interval_seconds": 1}))
    refused = run("--host", server, "--init", str(missing))
    assert refused.returncode == 1
    assert "does not exist" in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("Error: ")
    assert run("--host", server, "--init", "daq_data/config/hp_io_config_simulate.json").returncode == 0
    assert run("--host", server, "--init", str(missing), "--init-sim").returncode == 0
    write("`--init`")


@pytest.mark.parametrize(
    ("options", "config", "error"),
    [
        (["--ping"], None, "--ping needs --host"),
        (["--list-hosts"], "none.json", "none.json' does not exist"),
        (["--init", "none.json"], None, "none.json' does not exist"),
        (["--host", "elsewhere", "--plot-view"], None, "'elsewhere' is not configured"),
    ],
)
def test_an_error_is_one_line_and_exit_code_1(
    run: Run, options: list[str], config: str | None, error: str
) -> None:
    done = run(*options, "--log-level", "critical", **({"config": config} if config else {}))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert error in line


def test_both_plots_run_together_until_ctrl_c_which_is_quiet(
    daq_config: Path, server: str, tmp_path: Path, write: Callable[[str], None]
) -> None:
    command = [*CLI, str(daq_config), NET_CONFIG, "--init-sim", "--plot-view", "--plot-phdist", "--host", server]
    options = ["--refresh-period", "0.1", "--module-ids", "224", "225", "--log-level", "error"]
    with subprocess.Popen(
        [*command, *options],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            _wait_for_streams(server, n_streams=2)
            process.send_signal(signal.SIGINT)
            rest = process.communicate(timeout=20)
        finally:
            process.kill()
    assert rest == ("", "")
    assert process.returncode == 0
    write("`--plot-view`, `--plot-phdist` together")


def _wait_for_streams(address: str, n_streams: int) -> None:
    """Wait until this number of clients stream and were sent something."""
    with DaqDataClient.connect(address) as client:
        deadline = time.monotonic() + 20
        while sum(stream.sent > 0 for stream in client.get_status(address).streams) < n_streams:
            assert time.monotonic() < deadline, "the windows do not stream"
            time.sleep(0.05)


def test_without_a_display_a_plot_is_one_line_and_exit_code_1(
    run: Run, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    done = run("--host", server, "--init-sim", "--plot-view", "--log-level", "critical")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: there is no display")


def test_the_server_listens_at_every_address_and_waits_for_init(
    tmp_path: Path, write: Callable[[str], None]
) -> None:
    command = [sys.executable, "-m", "daq_data.server", "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"listening on \[::\]:(\d+)", line) for line in process.stderr)))
            config = tmp_path / "daq_config.json"
            hosts = [f"127.0.0.1:{found[1]}"]
            config.write_text(json.dumps({"daq_nodes": [{"ip_addr": host} for host in hosts]}))
            command = [*CLI, str(config), NET_CONFIG, "--list-hosts", "--init-sim"]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
            assert done.returncode == 0, done.stderr
            assert all(f"{host}: True" in done.stdout for host in hosts)
            process.send_signal(signal.SIGINT)
            assert "Traceback" not in process.stderr.read()
            assert process.wait(10) == 0
        finally:
            process.kill()
    write("`python -m daq_data.server`")
