"""The unit that ``systemd-unit`` prints, and what the server tells systemd."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.rig import recording, run_command, until

from panoseti_daq.pff import DataProduct
from panoseti_daq.service.monitor.notify import notify, notifying, watchdog_interval_s


def unit_of(*options: object) -> dict[str, list[str]]:
    """Values of the printed unit by ``Section.Key``."""
    result = run_command("systemd-unit", "--user", "panoseti", *options)
    assert result.returncode == 0, result.stderr
    return parsed(result.stdout)


def parsed(text: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    section = ""
    for line in text.splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert section and equals and key.isalnum(), line
            values.setdefault(f"{section}.{key}", []).append(value)
    return values


def words_of(command: str) -> list[str]:
    """What systemd makes of a command line (systemd.service(5))."""
    return [word.replace("$$", "$").replace("%%", "%") for word in shlex.split(command)]


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """Where a service manager would listen."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
        manager.bind(address)
        manager.settimeout(PATIENCE_S)
        yield manager


def test_the_unit_names_user_command_and_what_happens_when_it_ends(tmp_path: Path) -> None:
    unit = unit_of("--data-dir", tmp_path, "--host", "0.0.0.0", "--max-concurrent-rpcs", 7)
    assert unit["Service.User"] == ["panoseti"]
    assert words_of(unit["Service.ExecStart"][0]) == [
        *(sys.executable, "-m", "panoseti_daq", "serve"),
        *("--host", "0.0.0.0", "--data-dir", str(tmp_path), "--max-concurrent-rpcs", "7"),
    ]
    assert unit["Service.Type"] == ["notify"]
    assert unit["Service.Restart"] == ["always"]
    assert unit["Unit.StartLimitIntervalSec"] == ["0"]  # else systemd gives up after five tries
    assert int(unit["Service.WatchdogSec"][0]) > 0
    assert unit["Install.WantedBy"] == ["multi-user.target"]


def test_relative_paths_of_the_command_are_absolute_in_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('run_probe = "growth"\nshutdown_grace_period = 20\n')
    relative = os.path.relpath(file)
    unit = unit_of("--config", relative, "--default-hp-io-config", "hp_io_config_lick.json")
    words = words_of(unit["Service.ExecStart"][0])
    assert words[4:] == [
        "--config",
        str(Path.cwd() / relative),
        "--default-hp-io-config",
        "hp_io_config_lick.json",
    ]
    assert int(unit["Service.TimeoutStopSec"][0]) > 20


@pytest.mark.parametrize(
    ("directory", "private_tmp", "writable"),
    [("/tmp", "false", ["/tmp"]), ("/run/panoseti-daq", "true", []), ("/var/lib/x", "true", ["/var/lib/x"])],
)
def test_hashpipe_sees_the_sockets(directory: str, private_tmp: str, writable: list[str]) -> None:
    unit = unit_of("--socket-template", f"{directory}/hashpipe.{{product}}", "--socket-group", "panoseti")
    assert unit["Service.PrivateTmp"] == [private_tmp]
    assert unit.get("Service.ReadWritePaths", []) == writable
    assert (unit["Service.SupplementaryGroups"], unit["Service.PrivateUsers"]) == (["panoseti"], ["false"])
    [command] = unit["Service.ExecStart"]
    assert f"{directory}/hashpipe.{{product}}" in words_of(command)


# odd night 64
def test_a_group_may_use_the_socket_of_the_unit() -> None:
    unit = unit_of("--host", "0.0.0.0", "--host", "unix:///run/panoseti-daq/daq.sock", "--unix-group", "observers")
    assert (unit["Service.SupplementaryGroups"], unit["Service.PrivateUsers"]) == (["observers"], ["false"])
    assert words_of(unit["Service.ExecStart"][0])[-2:] == ["--unix-group", "observers"]


@pytest.mark.parametrize("name", ["a b", "100%", "cost$HOME", 'say "hi"', "back\\slash", "it's", "a;b"])
def test_a_path_with_any_character_arrives_as_it_is(tmp_path: Path, name: str) -> None:
    unit = unit_of("--data-dir", tmp_path / name)
    assert words_of(unit["Service.ExecStart"][0])[-1] == str(tmp_path / name)


@pytest.mark.parametrize(("probe", "protects"), [("process", "default"), ("none", "invisible")])
def test_other_processes_are_hidden_unless_the_run_probe_needs_them(probe: str, protects: str) -> None:
    assert unit_of("--run-probe", probe)["Service.ProtectProc"] == [protects]


def test_homes_can_be_read_only_where_the_data_are_there() -> None:
    unit = unit_of("--data-dir", "/home/observer/data")
    assert unit["Service.ProtectHome"] == ["read-only"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--no-such-option",), "--no-such-option"),
        (("--run-probe", "guess"), "run_probe"),
        (("--config", "/nonexistent.toml"), "/nonexistent.toml"),
    ],
)
def test_options_that_serve_would_refuse_make_no_unit(options: tuple[str, ...], says: str) -> None:
    result = run_command("systemd-unit", "--user", "panoseti", *options)
    assert result.returncode != 0
    assert result.stdout == ""
    assert says in result.stderr and "Traceback" not in result.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="not root")
def test_nobody_gets_a_server_of_root_without_asking() -> None:
    result = run_command("systemd-unit")
    assert result.returncode == 2
    assert "--user" in result.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_no_fault_and_little_exposure_in_the_unit(tmp_path: Path) -> None:
    file = tmp_path / "panoseti-daq.service"
    file.write_text(run_command("systemd-unit", "--user", "panoseti").stdout)
    verified = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and "panoseti-daq.service" not in verified.stderr, verified.stderr
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", file],  # of 100
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-300:] + rated.stderr


@pytest.mark.parametrize("is_abstract", [False, True], ids=["path", "abstract"])
def test_systemd_is_told_when_calls_are_accepted_that_it_lives_and_that_it_stops(
    tmp_path: Path, is_abstract: bool
) -> None:
    name = f"panoseti-daq-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
    unit = unit_of("--data-dir", tmp_path, "--run-probe", "none", "--port", 0)
    environment = os.environ | {
        "NOTIFY_SOCKET": f"@{name}" if is_abstract else name,
        "WATCHDOG_USEC": "200000",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    with listening(f"\0{name}" if is_abstract else name) as manager:
        server = subprocess.Popen(words_of(unit["Service.ExecStart"][0]), env=environment)
        try:
            ready = manager.recv(4096).decode().splitlines()
            assert ready[0] == "READY=1"
            address = ready[1].removeprefix("STATUS=listening on ")
            assert run_command("ping", "--host", address, "--timeout", 5).returncode == 0
            for _ in range(3):
                assert manager.recv(4096) == b"WATCHDOG=1"
            server.send_signal(signal.SIGTERM)
            while (said := manager.recv(4096)) == b"WATCHDOG=1":
                pass
            assert said.startswith(b"STOPPING=1\n")
            assert server.wait(PATIENCE_S) == 0
        finally:
            server.kill()
            server.wait()


async def pings(manager: socket.socket, n: int) -> None:
    for _ in range(n):
        while await asyncio.get_running_loop().sock_recv(manager, 100) != b"WATCHDOG=1":
            pass


@pytest.mark.anyio
async def test_a_loop_that_hangs_pings_no_watchdog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    with listening(str(tmp_path / "notify")) as manager:
        manager.setblocking(False)
        async with notifying("here"):
            await asyncio.wait_for(pings(manager, 3), PATIENCE_S)
            with pytest.raises(BlockingIOError):
                while True:  # what had come before
                    manager.recv(100)
            time.sleep(0.1)  # noqa: ASYNC251 - the hang
            with pytest.raises(BlockingIOError):
                manager.recv(100)
            await asyncio.wait_for(pings(manager, 1), PATIENCE_S)


@pytest.mark.anyio
async def test_a_service_manager_that_is_gone_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    async with notifying("here"):
        await until(lambda: len(caplog.records) > 2)
    assert "cannot notify the service manager of READY=1" in caplog.text


def test_nothing_is_sent_where_no_service_manager_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_pinged_at_half_of_what_is_allowed(
    environment: dict[str, str], interval_s: float | None
) -> None:
    assert watchdog_interval_s(environment) == interval_s
