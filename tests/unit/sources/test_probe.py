from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.frames import append, wait_until
from support.run_files import RUN, file_of

from panoseti_daq.config.settings import RunProbe
from panoseti_daq.sources.probe import GROWN_WITHIN_S, PID_FILE, PROCESS_NAME, why_inactive

FILE = file_of(Path()).name


def test_no_probe_finds_every_run_active(tmp_path: Path) -> None:
    assert why_inactive(RunProbe.NONE, tmp_path / "missing") is None


@pytest.fixture
def process_name() -> str:
    """Not the real one: another test may be playing Hashpipe on this machine."""
    return f"hashpipe-{os.getpid()}"[:15]  # the kernel keeps 15 characters


def test_process_probe_looks_for_hashpipe() -> None:
    assert PROCESS_NAME == "hashpipe"


def test_process_probe_says_which_process_is_missing(tmp_path: Path, process_name: str) -> None:
    assert why_inactive(RunProbe.PROCESS, tmp_path, process_name) == f"no process is named {process_name!r}"


def test_process_probe_finds_the_process(tmp_path: Path, process_name: str) -> None:
    program = shutil.copy(shutil.which("sleep") or "", tmp_path / process_name)
    process = subprocess.Popen([program, "60"])
    try:
        wait_until(lambda: why_inactive(RunProbe.PROCESS, tmp_path, process_name) is None)
    finally:
        process.kill()
        process.wait()


# odd night 26
@pytest.mark.parametrize("probe", [RunProbe.PROCESS, RunProbe.PID_FILE])
def test_a_zombie_is_no_run(tmp_path: Path, process_name: str, probe: RunProbe) -> None:
    program = shutil.copy(shutil.which("true") or "", tmp_path / process_name)
    zombie = subprocess.Popen([program])
    (tmp_path / PID_FILE).write_text(str(zombie.pid))
    stat = Path("/proc", str(zombie.pid), "stat")
    wait_until(lambda: ") Z " in stat.read_text())
    try:
        assert why_inactive(probe, tmp_path, process_name) is not None
    finally:
        zombie.wait()


def test_pid_file_probe_finds_a_running_process(tmp_path: Path) -> None:
    (tmp_path / PID_FILE).write_text(f"{os.getpid()}\n")
    assert why_inactive(RunProbe.PID_FILE, tmp_path) is None


def test_pid_file_probe_says_that_the_process_is_gone(tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    (tmp_path / PID_FILE).write_text(str(process.pid))
    assert str(why_inactive(RunProbe.PID_FILE, tmp_path)).endswith("is gone")


def test_pid_file_probe_says_that_the_file_is_missing(tmp_path: Path) -> None:
    assert "No such file" in str(why_inactive(RunProbe.PID_FILE, tmp_path))


@pytest.mark.parametrize("content", [b"", b"hashpipe", b"\xff\xfe", b"-1"])
def test_pid_file_probe_says_that_the_file_holds_no_number(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PID_FILE).write_bytes(content)
    assert "instead of a process number" in str(why_inactive(RunProbe.PID_FILE, tmp_path))


def test_growth_probe_finds_a_file_that_grew(tmp_path: Path) -> None:
    append(tmp_path / "module_1" / RUN / FILE, b"x")
    assert why_inactive(RunProbe.GROWTH, tmp_path) is None


def test_growth_probe_says_that_nothing_grew(tmp_path: Path) -> None:
    path = tmp_path / "module_1" / RUN / FILE
    append(path, b"x")
    long_ago_s = path.stat().st_mtime - GROWN_WITHIN_S - 1
    os.utime(path, (long_ago_s, long_ago_s))
    assert why_inactive(RunProbe.GROWTH, tmp_path) == "no PFF file grew within 600 s"


# odd night 42
def test_growth_probe_waits_for_three_of_the_bursts_that_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "module_1" / RUN / FILE
    append(path, b"x")
    now_s = path.stat().st_mtime
    for ago_s, is_active in ((2100, False), (1000, True)):  # a burst each 18 minutes
        os.utime(path, (now_s - ago_s, now_s - ago_s))
        assert (why_inactive(RunProbe.GROWTH, tmp_path) is None) is is_active


def test_growth_probe_passes_over_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "module_1").symlink_to("module_1")
    append(file_of(tmp_path, 2), b"x")
    file_of(tmp_path, 2, seqno=1).symlink_to("missing")
    assert why_inactive(RunProbe.GROWTH, tmp_path) is None


def test_growth_probe_of_a_missing_data_dir_finds_no_run(tmp_path: Path) -> None:
    assert why_inactive(RunProbe.GROWTH, tmp_path / "missing") is not None
