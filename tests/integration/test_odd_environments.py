"""Commands in environments that others made: proxies, closed descriptors, signals, sockets in use."""

from __future__ import annotations

import grp
import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from support.patience import PATIENCE_S
from support.rig import command, recording, run_command, serving_process, started

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.scratch import scratch_directory


# odd night 22
def test_servers_are_reached_directly_whatever_proxy_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving_process("--simulate") as (_, address):
        assert run_command("ping", "--host", address).returncode == 0
        assert run_command("ping", "--host", address, "--use-proxy").returncode == 3


# odd night 25
def test_a_socket_at_which_a_server_listens_is_not_taken_over(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/a.sock"
    with started("serve", "--host", address, "--simulate") as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("listening on"):
            assert process.poll() is None
        second = run_command("serve", "--host", address, "--simulate")
        assert (second.returncode, "Address already in use" in second.stderr) == (1, True), second.stderr
        assert run_command("ping", "--host", address).returncode == 0


# odd night 25
def test_a_socket_that_a_killed_server_left_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
        left.listen()
    with started("serve", "--host", f"unix://{path}", "--simulate") as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("listening on"):
            assert process.poll() is None
        assert run_command("ping", "--host", f"unix://{path}").returncode == 0


# odd night 64 and 65
def test_a_server_listens_at_tcp_and_at_a_socket_that_a_group_may_use(tmp_path: Path) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    path = tmp_path / "daq.sock"
    at = ("--host", "127.0.0.1", "--host", f"unix://{path}", "--port", 0, "--unix-group", group)
    with started("serve", *at, "--simulate") as process:
        assert process.stderr is not None
        addresses: list[str] = []
        while len(addresses) < 2:
            assert process.poll() is None
            addresses += re.findall(r"^listening on (\S+)", process.stderr.readline())
        assert addresses[1] == f"unix://{path}"
        for address in addresses:
            assert run_command("ping", "--host", address).returncode == 0
        found = path.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (0o660, os.getgid())


# odd night 64
@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        (("--unix-group", "users"), 2, "no effect without --host unix:///PATH"),
        (("--unix-group", "nobody-is-in-it", "--host", "unix:///tmp/never.sock"), 1, "nobody-is-in-it not found"),
    ],
)
def test_a_group_that_cannot_use_the_socket_is_refused(options: tuple[str, ...], code: int, why: str) -> None:
    refused = run_command("serve", "--simulate", "--port", 0, *options)
    assert (refused.returncode, why in refused.stderr) == (code, True), refused.stderr


# odd night 40
@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("unix:///nowhere/a.sock", "No such file or directory"),
        (f"unix:///tmp/{'a' * 110}", "path too long"),
        ("no-such-host.invalid", "Name or service not known|Temporary failure in name resolution|No address"),
        ("192.0.2.1", "Cannot assign requested address"),
    ],
)
def test_why_an_address_cannot_be_listened_at_is_said(host: str, why: str) -> None:
    refused = run_command("serve", "--host", host, "--simulate")
    assert refused.returncode == 1
    assert any(text in refused.stderr for text in why.split("|")), refused.stderr
    assert "port in use" not in refused.stderr


# odd night 28
def test_a_closed_stderr_takes_nothing_from_the_output() -> None:
    with serving_process("--simulate") as (_, address):
        streamed = subprocess.run(
            ["sh", "-c", '"$@" 2>&-', "sh", *command("stream", "--host", address, "--json", "--count", "2")],
            stdout=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    assert (streamed.returncode, len(streamed.stdout.splitlines())) == (0, 2)


# odd night 29
@pytest.mark.parametrize("period", ["inf", "nan", "1e10"])
@pytest.mark.parametrize(("name", "option"), [("stream", "--update-interval"), ("plot view", "--refresh-period")])
def test_a_period_that_no_clock_counts_is_wrong_usage(name: str, option: str, period: str) -> None:
    refused = run_command(*name.split(), option, period)
    assert refused.returncode == 2
    assert f"Invalid value for '{option}'" in refused.stderr


# odd night 32
def test_a_recording_that_is_stopped_says_what_it_has(tmp_path: Path) -> None:
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16, 3)
        with serving_process("--data-dir", tmp_path / "data", "--run-probe", "none") as (_, address):
            arguments = command("record", tmp_path / "out", "--host", address, "--from-start")
            process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
            while not any(file.stat().st_size for file in (tmp_path / "out").rglob("*.pff")):
                assert process.poll() is None
                os.sched_yield()
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "recorded 3 frames" in errors


# odd night 39
def test_a_deleted_working_directory_is_named(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    # Not in the directory of this process: imports of others fail there (odd night 58).
    delete = ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', str(gone)]
    refused = subprocess.run(
        [*delete, *command("serve", "--simulate", "--port", 0)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (refused.returncode, refused.stderr) == (
        1,
        "panoseti-daq: the working directory: No such file or directory\n",
    )


# odd night 76
def test_record_goes_on_in_the_directory_of_an_earlier_recording(tmp_path: Path) -> None:
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16, 3)
        with serving_process("--data-dir", tmp_path / "data", "--run-probe", "none") as (_, address):
            options = (tmp_path / "out", "--host", address, "--from-start", "--count")
            assert run_command("record", *options, 3).returncode == 0
            recorder.write(DataProduct.IMG16, 4)
            again = run_command("record", *options, 4)
    assert (again.returncode, "recorded 4 frames" in again.stderr) == (0, True), again.stderr
    (source,) = (path for path in (tmp_path / "data").rglob("*img16*"))
    (copy,) = (path for path in (tmp_path / "out").rglob("*img16*"))
    assert copy.read_bytes() == source.read_bytes()


# odd night 38
def test_a_replay_that_does_not_fit_is_refused_and_what_a_killed_one_left_is_deleted(tmp_path: Path) -> None:
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
    with pytest.raises(SourceError, match=r"MB free, .* MB are needed; TMPDIR names another"):
        with scratch_directory(1 << 60, tmp_path):
            pass
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    arguments = command("serve", "--replay", next((tmp_path / "data").glob("module_1/*")), "--port", 0)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("listening on"):
            assert process.poll() is None
        (copies,) = tmp_path.glob("panoseti-daq-scratch-*")
        os.utime(copies, (0, 0))
        with scratch_directory(0, tmp_path):
            assert copies.exists()
        process.kill()
    os.utime(copies, (0, 0))
    with scratch_directory(0, tmp_path) as other:
        assert not copies.exists()
    assert not other.exists()
