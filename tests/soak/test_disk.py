"""The disk fills up, refuses, moves, or goes away."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from soak.collected import whole_bytes
from soak.processes import patiently, running_server
from soak.scale import note
from support.frames import wait_until
from support.rig import RUN, Recorder, command, recording

from panoseti_daq.client import DaqDataClient
from panoseti_daq.pff import DataProduct
from panoseti_daq.sources.files import RunFiles

pytestmark = pytest.mark.timeout(300)

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
LATER = RUN.replace("2026-01-01", "2026-01-02")

_HAS_MOUNT = os.geteuid() == 0 and shutil.which("mount") is not None
needs_mount = pytest.mark.skipif(not _HAS_MOUNT, reason="only root can mount a file system")
# To root every file is readable; without these capabilities it is a user like any other.
_WITHOUT_POWER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
can_refuse_root = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None,
    reason="root may read everything, and setpriv is missing",
)


@contextmanager
def mounted(path: Path, *options: str) -> Iterator[Path]:
    """A file system of its own; skips where it cannot be had."""
    path.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options) or "size=16m", "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield path
    finally:
        with suppress(subprocess.CalledProcessError):
            unmount(path)


def unmount(path: Path) -> None:
    subprocess.run(["umount", "-l", str(path)], check=True, capture_output=True)


def files_up_to(size_bytes: int) -> tuple[str, ...]:
    """Command that runs a command which cannot write more to a file."""
    return "prlimit", f"--fsize={size_bytes}:{size_bytes}"


def run(*arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    for _ in range(5):
        done = subprocess.run(
            [*prefix, *command(*arguments)], capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 3:  # a busy machine did not answer within the half second that commands wait
            break
    return done


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The error of a command: one line and exit code 1."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("panoseti-daq: ")]
    assert (done.returncode, len(lines)) == (1, 1), done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


def n_frames(address: str, product: DataProduct) -> int:
    """Frames of a product that a server has met."""
    with DaqDataClient.connect(address) as client:
        keys = client.get_status(address).keys
        return sum(key.frames for key in keys if key.product == product.token)


def wait_for_newest(address: str, recorder: Recorder, product: DataProduct) -> None:
    """Stream until the frame comes that was written last, pixel for pixel."""
    with DaqDataClient.connect(address) as client:
        for frame in client.stream_frames():
            if frame.product is product and recorder.frames[product][-1].endswith(frame.pixels):
                return
    raise AssertionError("the stream ended")


@needs_mount
def test_a_writer_whose_disk_is_full_says_so_and_the_server_goes_on(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", "size=600k") as disk,
        running_server(disk, tmp_path / "log") as (server, address),
    ):
        done = run("simulate", disk, "--product", "img16", "--rate-hz", 5000, "--duration", 60)
        assert "No space left on device" in one_line(done)
        [file] = [path for path in disk.rglob("*.pff") if path.stat().st_size]
        n_whole = whole_bytes(file) // 2540
        assert n_whole > 100
        wait_until(lambda: n_frames(address, IMG16) == n_whole, 60)
        shutil.rmtree(file.parent)
        (disk / "daq_run_name").unlink()
        # the server lets go of what was deleted, and with it of the space
        wait_until(lambda: shutil.disk_usage(disk).free > 100_000, 60)
        with recording(disk, 224, LATER) as recorder:
            recorder.write(IMG16, 20)
            wait_for_newest(address, recorder, IMG16)
        server.check_alive()
        assert "Traceback" not in server.said


@needs_mount
def test_a_recording_on_a_disk_that_fills_up_ends_with_whole_frames_and_a_reason(tmp_path: Path) -> None:
    source = tmp_path / "source"
    with (
        recording(source) as recorder,
        mounted(tmp_path / "out", "size=600k") as out,
        running_server(source, tmp_path / "log") as (server, address),
    ):
        recorder.write(IMG16, 600)
        # The disk is checked before each block: a keeper of room has filled it meanwhile, as other programs do.
        (out / "other").write_bytes(bytes(100_000))
        done = run("record", out, "--host", address, "--from-start", "--min-free-gb", 0)
        assert "left" in one_line(done) or "No space left on device" in one_line(done)
        check_is_beginning(source, out)
        server.check_alive()


def check_is_beginning(source: Path, out: Path) -> None:
    """Recorded files hold whole frames, the first of their source."""
    for path in out.rglob("*.pff"):
        data = path.read_bytes()
        assert data == (source / path.relative_to(out)).read_bytes()[: len(data)]
        assert len(data) == (whole_bytes(path) if data else 0)


def test_a_write_that_is_cut_short_leaves_whole_frames_and_is_told(tmp_path: Path) -> None:
    """A limit, a quota or another program: the check of the free space cannot see it coming."""
    source, out = tmp_path / "source", tmp_path / "out"

    with recording(source) as recorder, running_server(source, tmp_path / "log") as (_, address):
        recorder.write(IMG16, 600)
        done = run(
            "record", out, "--host", address, "--from-start", "--min-free-gb", 0, prefix=files_up_to(300_001)
        )
        assert "cannot record to" in one_line(done)
        check_is_beginning(source, out)
        assert f"recorded {300_001 // 2540} frames" in done.stderr


def test_a_simulation_whose_write_is_cut_short_says_so(tmp_path: Path) -> None:
    done = run(
        "simulate", tmp_path, "--product", "img16", "--rate-hz", 1000, "--duration", 30, prefix=files_up_to(3000)
    )
    assert "cannot write to" in one_line(done)


@needs_mount
def test_a_data_directory_that_is_read_only_is_followed(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk, recording(disk) as recorder:
        recorder.write(IMG16, 5)
        recorder.writer.close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with running_server(disk, tmp_path / "log") as (server, address):
            wait_for_newest(address, recorder, IMG16)
            assert "Read-only file system" in one_line(run("simulate", disk, "--duration", 1))
            done = run("record", disk / "out", "--host", address, "--count", 1)
            assert "Read-only file system" in one_line(done)
            assert "Traceback" not in server.said


@can_refuse_root
def test_permission_that_is_removed_and_restored(tmp_path: Path) -> None:
    """The other module is not concerned, and this one comes back by itself."""
    data_dir = tmp_path / "data"
    prefix = _WITHOUT_POWER if os.geteuid() == 0 else ()
    with (
        recording(data_dir, 1) as first,
        recording(data_dir, 2) as second,
        running_server(data_dir, tmp_path / "log", prefix=prefix) as (server, address),
    ):
        first.write(IMG16, 3)
        second.write(PH256, 3)
        wait_for_newest(address, first, IMG16)
        module_dir = data_dir / "module_1"
        module_dir.chmod(0)
        try:
            wait_until(lambda: "module 1 cannot be read" in server.said, 60)
            second.write(PH256, 3)
            wait_for_newest(address, second, PH256)
        finally:
            module_dir.chmod(0o755)
        first.write(IMG16, 3)
        wait_for_newest(address, first, IMG16)
        server.check_alive()
        assert "Permission denied" in server.said
        assert "Traceback" not in server.said


@can_refuse_root
def test_a_file_that_may_not_be_read_harms_no_other(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    prefix = _WITHOUT_POWER if os.geteuid() == 0 else ()
    with recording(data_dir, 1) as recorder:
        recorder.write(IMG16, 3)
        recorder.write(PH256, 3)
        (file,) = (p for p in recorder.writer.last_files if p.stat().st_size and "img16" in p.name)
        file.chmod(0)
        with running_server(data_dir, tmp_path / "log", prefix=prefix) as (server, address):
            wait_for_newest(address, recorder, PH256)
            assert n_frames(address, IMG16) == 0
            patiently(lambda: f"{file} cannot be read: Permission denied" in server.said)
            recorder.write(PH256, 1)
            wait_for_newest(address, recorder, PH256)
            file.chmod(0o644)
            recorder.write(IMG16, 1)
            wait_for_newest(address, recorder, IMG16)
            assert "inotify did not report" not in server.said  # it has nothing to do with it


def test_a_directory_that_may_be_read_again_is_looked_at_again(tmp_path: Path) -> None:
    """Neither its entries nor its mtime are others than before."""
    with recording(tmp_path):
        files = RunFiles(tmp_path)
        files.scan()
        assert not files.look().rescan
        (tmp_path / "module_1").chmod(0o700)
        assert files.look().rescan
        files.close()


def test_a_file_that_may_not_be_read_is_not_one_that_no_event_told(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(IMG16)
        (file,) = (path for path in recorder.writer.last_files if path.stat().st_size)
        os.utime(file, (0, 0))
        files = RunFiles(tmp_path)
        files.scan()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "open", refuse)
            assert not list(files.read())
        assert not files.look().modified
        assert not files.look().missed
        files.close()


def refuse(path: object, flags: int) -> int:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


@pytest.mark.parametrize("fate", ["moved", "deleted"])
def test_a_run_directory_that_vanishes_while_it_is_written(tmp_path: Path, fate: str) -> None:
    data_dir = tmp_path / "data"
    with (
        recording(data_dir) as recorder,
        running_server(data_dir, tmp_path / "log") as (server, address),
        DaqDataClient.connect(address) as client,
    ):
        recorder.write(IMG16, 3)
        frames = client.stream_frames()
        assert next(frames).module_id == 1
        run_dir = recorder.writer.run_dir
        if fate == "moved":
            run_dir.rename(tmp_path / "elsewhere")
        else:
            shutil.rmtree(run_dir)
        recorder.write(IMG16, 3)  # into files that have no name here any more
        with recording(data_dir, 1, LATER) as later:
            later.write(IMG16, 2)
            while not later.frames[IMG16][-1].endswith(next(frames).pixels):
                pass
        frames.close()
        server.check_alive()
        wait_until(lambda: not deleted_files_of(server.pid), 60)
        assert "Traceback" not in server.said


def deleted_files_of(pid: int) -> list[str]:
    """Files without a name that a process still holds open."""
    held = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            held.append(os.readlink(link))
    return [path for path in held if path.endswith("(deleted)") and ".pff" in path]


@needs_mount
def test_a_mount_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with mounted(data_dir), recording(data_dir) as recorder:
        with running_server(data_dir, tmp_path / "log") as (server, address):
            recorder.write(IMG16, 3)
            wait_for_newest(address, recorder, IMG16)
            unmount(data_dir)
            with DaqDataClient.connect(address) as client:
                wait_until(lambda: not client.get_status(address).followed.modules, 60)
            assert n_frames(address, IMG16) == 3
            with mounted(data_dir), recording(data_dir, 1, LATER) as later:
                later.write(IMG16, 4)
                wait_for_newest(address, later, IMG16)
                server.check_alive()
                assert "Traceback" not in server.said
    note("disk: full, read-only, without permission, moved, deleted, unmounted: the server went on")
