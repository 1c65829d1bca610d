"""The Status RPC, and the commands that ask and tell two nodes, one of them dead."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.deaf import deaf_watch
from support.frames import append, wait_until
from support.patience import PATIENCE_S
from support.pseudo_terminal import in_terminal
from support.rig import recording, run_command, serving_in_thread, started

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.main import run
from panoseti_daq.client import DaqDataClient
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.faults import Faults
from panoseti_daq.simulator.schedule import Simulation
from panoseti_daq.simulator.simulator import Simulator
from panoseti_daq.sources.follow import RunSource

DEAD = "127.0.0.1:1"  # nobody listens there


def show_status(address: str) -> None:
    """Run the command in this process."""
    assert run(["status", "--host", address]) == 0


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server that follows three frames of module 1."""
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        recorder.write(DataProduct.IMG16, 3)
        yield server.address


@pytest.fixture
def daq_config(address: str, tmp_path: Path) -> Path:
    """That server, and a node that is dead."""
    path = tmp_path / "daq_config.json"
    path.write_text(json.dumps({"daq_nodes": [{"ip_addr": address}, {"ip_addr": DEAD}]}))
    return path


def test_status_tells_keys_and_streams(address: str, tmp_path: Path) -> None:
    with DaqDataClient.connect(address) as client:
        stream = client.stream_frames()
        assert next(stream).module_id == 1
        wait_until(lambda: client.get_status(address).keys[0].frames == 3)
        status = client.get_status(address)
        [key], [open_stream] = status.keys, status.streams
        stream.close()
    assert (key.module_id, key.product, key.frame_number) == (1, "img16", 2)
    assert key.unix_ns > 0
    assert open_stream.sent >= 1
    assert status.followed.description == str(tmp_path) or str(tmp_path) in status.followed.description
    assert list(status.followed.modules) == [1]


def test_status_of_a_server_that_follows_nothing_has_none() -> None:
    with serving_in_thread() as server, DaqDataClient.connect(server.address) as client:
        status = client.get_status(server.address)
    assert not status.HasField("followed")
    assert not status.keys
    assert status.version


def test_status_says_that_all_is_well_in_few_words(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_status(address)
    shown = capsys.readouterr().out
    _, follows, noticed_by, set_by, *_ = shown.splitlines()
    assert follows == f"follows data directory {tmp_path}, modules 1, 4 files"
    assert noticed_by == "changes noticed by: inotify"
    assert re.match(r"set by the server's start \d\.\d s ago: ", set_by)
    for fault in ("bad frames", "skipped", "missed"):
        assert fault not in shown


def test_status_tells_the_bytes_that_were_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        recorder.write(DataProduct.IMG16, 3)
        (path,) = (path for path in recorder.writer.last_files if path.stat().st_size)
        append(path, b"\xa5" * 777)
        recorder.write(DataProduct.IMG16, 3)
        with DaqDataClient.connect(server.address) as client:
            wait_until(lambda: bool(keys := client.get_status(server.address).keys) and keys[0].frames == 6)
            status = client.get_status(server.address)
        show_status(server.address)
    assert status.skipped_bytes == 777
    assert status.bad_frames >= 1  # of what is seen in parts nobody knows how many frames it was
    assert "skipped in files: 777 bytes that are not a frame, " in capsys.readouterr().out


def test_status_says_that_it_polls_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "module_1").mkdir()
    with serving_in_thread(tmp_path, polling_interval_seconds=0.25) as server:
        show_status(server.address)
    assert "changes noticed by: polling every 0.25 s, as configured\n" in capsys.readouterr().out


def test_status_tells_the_changes_that_inotify_missed_and_what_is_done_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make_source(config: HpIoConfig, _: ServerSettings) -> RunSource:
        return RunSource(config.data_dir, make_watch=deaf_watch(0.02))

    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        (path,) = (path for path in recorder.writer.last_files if path.stat().st_size)
        serve = serving_in_thread(tmp_path, make_source=make_source)
        with serve as server, DaqDataClient.connect(server.address) as client:
            recorder.write(DataProduct.IMG16)
            os.utime(path, (0, 0))  # so long ago that it ought to have been told
            wait_until(lambda: client.get_status(server.address).followed.missed_events > 0)
            show_status(server.address)
    shown = capsys.readouterr().out
    assert "changes noticed by: polling every 0.1 s, because inotify did not report a change of " in shown
    assert "missed by inotify, found by looking: 1 change\n" in shown


def test_status_as_json_is_one_object_per_server_that_answers(address: str, daq_config: Path) -> None:
    done = run_command("status", "--json", "--daq-config", daq_config)
    assert done.returncode == 3, done.stderr  # odd night 46: the other node is named
    assert DEAD in done.stderr
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert answer["host"] == address
    assert answer["status"]["keys"][0]["product"] == "img16"


def test_json_names_every_field_as_the_protocol_does(address: str) -> None:
    with DaqDataClient.connect(address) as client:
        wait_until(lambda: bool(client.get_status(address).keys))
    (line,) = run_command("status", "--json", "--host", address).stdout.splitlines()
    status = json.loads(line)["status"]
    assert status.keys() == {field.name for field in pb.StatusResponse.DESCRIPTOR.fields}
    (key,) = status["keys"]
    assert key["quabo"] is None
    assert key["time_status"] == "WHITE_RABBIT"
    assert isinstance(key["unix_ns"], int)
    assert (key["seqno"], key["frame_number"], key["quality"], key["flawed_frames"]) == (0, 2, {}, 0)
    assert status["streams"] == []


def test_watch_as_json_is_a_line_per_refresh(address: str) -> None:
    with started("status", "--watch", "--json", "--refresh-period", 0.1, "--host", address) as process:
        assert process.stdout is not None
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    assert first["host"] == second["host"] == address
    assert second["status"]["uptime_seconds"] > first["status"]["uptime_seconds"]


def test_watch_tells_that_a_server_is_gone_and_goes_on(tmp_path: Path) -> None:
    with serving_in_thread() as server:
        watch = ("status", "--watch", "--json", "--refresh-period", 0.1, "--host", server.address)
        with ExitStack() as stack:
            process = stack.enter_context(started(*watch))
            assert process.stdout is not None
            assert "status" in json.loads(process.stdout.readline())
            leave = stack.pop_all()
    with leave:
        lines = (json.loads(line) for line in process.stdout)
        gone = next(line for line in lines if "error" in line)
        assert gone["host"] == server.address
        assert process.poll() is None


def test_watch_draws_in_place_and_ctrl_c_gives_the_terminal_back(address: str) -> None:
    with in_terminal("status", "--watch", "--refresh-period", 0.1, "--host", address) as terminal:
        terminal.read_until_text("img16", "follows data directory")
        terminal.read_until_text("img16")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert terminal.attributes == terminal.attributes_before
        assert b"\x1b[?1049h" in terminal.output  # the alternate screen
        assert terminal.output.rindex(b"\x1b[?1049l") > terminal.output.rindex(b"\x1b[?1049h")
        assert terminal.output.rindex(b"\x1b[?25h") > terminal.output.rindex(b"\x1b[?25l")  # the cursor
        assert "Traceback" not in terminal.text


def test_streams_of_both_kinds_are_told_with_their_rates(address: str) -> None:
    with DaqDataClient.connect(address) as client:
        newest, every = client.stream_frames(), client.stream_blocks(since="run")
        next(newest), next(every)
        wait_until(lambda: len(client.get_status(address).streams) == 2)
        streams = {stream.kind: stream for stream in client.get_status(address).streams}
        newest.close()
        every.close()
    assert streams.keys() == {"newest", "all"}
    assert all(stream.messages_per_second > 0 for stream in streams.values())


def test_room_on_the_disk_is_told_in_hours_once_two_bursts_tell_the_rate(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        address = server.address
        with DaqDataClient.connect(address) as client:

            def has_rate() -> bool:
                recorder.write(DataProduct.IMG16)
                return any(key.frames_per_second for key in client.get_status(address).keys)

            wait_until(has_rate)
            (disk,) = client.get_status(address).disks
    space = os.statvfs(tmp_path)
    assert disk.path == str(tmp_path)
    assert (list(disk.modules), disk.total_bytes) == ([1], space.f_blocks * space.f_frsize)
    assert disk.hours_left == pytest.approx(disk.free_bytes / disk.bytes_per_second / 3600)


def test_damage_is_told_with_the_module_and_product_that_has_it(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        recorder.write(DataProduct.IMG16, 3)
        recorder.write(DataProduct.IMG8, 3)
        (path,) = (path for path in recorder.writer.last_files if "img16" in path.name)
        append(path, b"\xa5" * 777)
        recorder.write(DataProduct.IMG16, 3)
        with DaqDataClient.connect(server.address) as client:
            wait_until(lambda: sum(key.frames for key in client.get_status(server.address).keys) == 9)
            keys = {key.product: key for key in client.get_status(server.address).keys}
    assert (keys["img16"].skipped_bytes, keys["img8"].skipped_bytes) == (777, 0)
    assert (keys["img16"].bad_frames > 0, keys["img8"].bad_frames) == (True, 0)


FAULTS = [
    (Faults(missing_quabos=(1,)), {"missing_quabo_1"}),
    (Faults(zero_quadrants=(2,)), {"zero_quadrant_2"}),
    (Faults(zero_quadrants=(0, 1, 2, 3)), {"zero_image"}),
    (Faults(zero_frame_every=1), {*(f"missing_quabo_{i}" for i in range(4)), "zero_image", "no_time"}),
    (Faults(clock_desync_s=5), {"host_clock"}),
    (Faults(lost_frame_every=3), {"packet_gap"}),
    (Faults(time_back_every=3), {"time_backwards"}),
]


@pytest.mark.parametrize(("faults", "flags"), FAULTS, ids=[" ".join(sorted(flags)) for _, flags in FAULTS])
def test_each_fault_of_the_simulator_is_counted_under_its_name(
    tmp_path: Path, faults: Faults, flags: set[str]
) -> None:
    simulation = Simulation(module_ids=(1,), products=(DataProduct.IMG16,), rate_hz=100)
    (tmp_path / "module_1").mkdir()
    with serving_in_thread(tmp_path) as server, DaqDataClient.connect(server.address) as client:
        simulator = Simulator(tmp_path, simulation, faults=faults)
        simulator.run(0.1)
        wait_until(lambda: bool(keys := client.get_status(server.address).keys) and keys[0].frames >= 6)
        (key,) = client.get_status(server.address).keys
    assert set(key.quality) == flags
    assert 0 < key.flawed_frames <= key.frames


def test_status_of_a_dead_node_by_name_is_nothing_reachable(daq_config: Path) -> None:
    done = run_command("status", "--daq-config", daq_config, "--host", DEAD)
    assert done.returncode == 3
    assert f"daq_host='{DEAD}' does not answer" in done.stderr
    assert done.stdout == ""


def test_hosts_shows_both_nodes(address: str, daq_config: Path, tmp_path: Path) -> None:
    done = run_command("hosts", "--daq-config", daq_config)
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert " yes " in rows[address]
    assert str(tmp_path) in rows[address]
    assert " ".join(rows[DEAD].split()[1:]) == "no no answer: nothing listens there"


def test_init_initialises_the_node_that_answers(address: str, daq_config: Path) -> None:
    done = run_command("init", "--sim", "--timeout", "2", "--daq-config", daq_config)
    assert done.returncode == 3, done.stderr  # odd night 46
    assert DEAD in done.stderr
    assert f"initialized: {address}\n" in done.stdout
    with DaqDataClient.connect(address) as client:
        wait_until(lambda: 224 in client.get_status(address).followed.modules)


def test_an_init_that_is_refused_is_a_failure_that_says_why(daq_config: Path, tmp_path: Path) -> None:
    config = tmp_path / "hp_io_config.json"
    config.write_text(json.dumps({"data_dir": "/not/there", "update_interval_seconds": 1}))
    done = run_command("init", config, "--timeout", "2", "--daq-config", daq_config)
    assert done.returncode == 1
    assert "data_dir '/not/there' does not exist" in done.stderr


def test_init_of_a_dead_node_is_nothing_reachable(daq_config: Path) -> None:
    done = run_command("init", "--sim", "--timeout", "1", "--daq-config", daq_config, "--host", DEAD)
    assert done.returncode == 3


def test_reflect_names_the_calls_of_the_node_that_answers(address: str, daq_config: Path) -> None:
    done = run_command("reflect", "--daq-config", daq_config)
    assert done.returncode == 0, done.stderr
    assert address in done.stdout
    assert "InitHpIo" in done.stdout
    assert DEAD not in done.stdout


@pytest.mark.parametrize("name", ["hosts", "status", "reflect"])
def test_nothing_reachable_is_an_exit_code_of_its_own(name: str) -> None:
    done = run_command(name, "--host", DEAD)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["stream", "status"])
def test_a_dead_node_of_a_configuration_is_named_and_the_other_is_shown(
    address: str, daq_config: Path, command: str
) -> None:
    more = ("--duration", 2) if command == "stream" else ()
    result = run_command(command, "--daq-config", daq_config, *more)
    assert result.returncode == 3
    assert "img16" in result.stdout
    assert DEAD in result.stderr
