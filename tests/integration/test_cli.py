"""The commands as a user runs them: what they print, how they end, what they say when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from pathlib import Path
from struct import unpack

import numpy as np
import pytest
from support.patience import PATIENCE_S
from support.rig import RUN, command, recording, run_command, serving_process, started

from panoseti_daq.pff import DataProduct, open_file


def test_the_path_of_the_readme_from_writer_to_json_lines(tmp_path: Path) -> None:
    simulate = ("simulate", tmp_path / "run", "--module-id", 1, "--module-id", 3, "--rate-hz", 50)
    with started(*simulate, "--duration", 20):
        while not (tmp_path / "run" / "daq_run_name").exists():
            time.sleep(0.01)
        with serving_process("--data-dir", tmp_path / "run", "--run-probe", "none") as (_, address):
            result = run_command("stream", "--host", address, "--json", "--count", 20, "--update-interval", 0)
    assert result.returncode == 0, result.stderr
    images = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(images) == 20
    assert {image["module_id"] for image in images} == {1, 3}
    assert {"type", "header", "shape", "bytes_per_pixel", "file", "frame_number", "min", "max", "mean"} <= set(
        images[0]
    )
    assert "image_array" not in images[0]
    assert all(0 <= image["age_s"] < 20 for image in images)


def test_the_table_is_printed_once_without_color_when_stdout_is_no_terminal(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        recorder.write(DataProduct.IMG8)
        with serving_process("--data-dir", tmp_path, "--run-probe", "none") as (_, address):
            result = run_command("stream", "--host", address, "--count", 2)
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    assert result.stdout.count("img16") == result.stdout.count("img8") == 1


def test_only_the_product_and_the_quabo_that_are_asked_for_are_streamed_and_recorded(tmp_path: Path) -> None:
    data_dir, out_dir = tmp_path / "data", tmp_path / "out"
    with recording(data_dir) as recorder:
        for product in DataProduct:
            recorder.write(product, 8)
        options = ("--product", "ph256", "--quabo", 1, "--quabo", 2)
        with serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address):
            streamed = run_command("stream", "--host", address, "--json", "--count", 2, *options)
            recorded = run_command("record", out_dir, "--host", address, "--from-start", "--count", 4, *options)
    assert (streamed.returncode, recorded.returncode) == (0, 0), streamed.stderr + recorded.stderr
    images = [json.loads(line) for line in streamed.stdout.splitlines()]
    assert {(image["product"], image["header"]["quabo_num"]) for image in images} == {("ph256", 1), ("ph256", 2)}
    [file] = out_dir.rglob("*.pff")
    [original] = data_dir.rglob(file.name)
    wanted = [frame for frame in open_file(original) if frame.header.quabo_num in (1, 2)]
    assert [frame.pixels for frame in open_file(file)] == [frame.pixels for frame in wanted]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_ends_with_0_on_signals(number: signal.Signals) -> None:
    with serving_process("--simulate") as (process, _):
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0


def test_serve_ends_its_streams_when_it_is_stopped(tmp_path: Path) -> None:
    with serving_process("--simulate") as (server, address):
        client = subprocess.Popen(
            command("stream", "--host", address, "--json", "--update-interval", 0),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        client.stdout.readline()
        server.terminate()
        assert server.wait(PATIENCE_S) == 0
        client.send_signal(signal.SIGINT)  # it waits for the server to come back: odd night 48
        _, errors = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 130
    assert "shutting down" in errors
    assert "Traceback" not in errors


def test_ctrl_c_ends_a_stream_with_130_and_no_traceback() -> None:
    with serving_process("--simulate") as (_, address):
        client = subprocess.Popen(
            command("stream", "--host", address, "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        client.stdout.readline()
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 130
    assert "Traceback" not in errors


def test_a_client_that_is_killed_frees_its_slot() -> None:
    with serving_process("--simulate") as (_, address):
        for _ in range(2):
            client = subprocess.Popen(
                command("stream", "--host", address, "--json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            assert client.stdout is not None
            client.stdout.readline()
            client.kill()
            client.communicate()
        assert run_command("stream", "--host", address, "--json", "--count", 1).returncode == 0


def test_ping_tells_who_answers() -> None:
    with serving_process() as (_, address):
        result = run_command("ping", "--host", address, "--host", "localhost:1")
    assert result.returncode == 0
    assert f"{address}: answered in" in result.stdout
    assert "localhost:1: no answer" in result.stdout


def test_simulate_leaves_what_it_wrote_or_cleans_up(tmp_path: Path) -> None:
    data_dir = tmp_path / "run"
    assert run_command("simulate", data_dir, "--duration", 0.3).returncode == 0
    files = list(data_dir.rglob("*.img16.*.pff"))
    assert len(open_file(next(data_dir.rglob("*dp_img16*")))) > 3, files
    assert run_command("simulate", tmp_path / "other", "--duration", 0.3, "--clean").returncode == 0
    assert not (tmp_path / "other").exists()


def test_snapshot_saves_the_newest_image_of_every_key(tmp_path: Path) -> None:
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.PH256)
        recorder.write(DataProduct.IMG16, 3)
        with serving_process("--data-dir", tmp_path / "data", "--run-probe", "none") as (_, address):
            out = tmp_path / "out"
            shot = run_command("snapshot", out, "--host", address, "--png", "--npy", "--json")
            assert shot.returncode == 0, shot.stderr
            [img16, ph256] = map(json.loads, shot.stdout.splitlines())
            assert (img16["frame_number"], ph256["type"]) == (2, "PULSE_HEIGHT")
            files = {path.name: path.read_bytes() for path in out.iterdir()}
            quabo = int(ph256["header"]["quabo_num"])
            keys = ("module_1.img16", f"module_1.ph256_q{quabo}")
            assert files.keys() == {f"{key}.{kind}" for key in keys for kind in ("png", "npy")}
            assert np.load(out / f"{keys[0]}.npy").tolist() == img16["image_array"]
            assert gray_of(files[f"{keys[1]}.png"]) == (256, 256, {0, 255})
            assert run_command("snapshot", "--host", address).returncode == 2
            none = run_command("snapshot", "--host", address, "--json", "--module-id", 9, "--wait", 0.1)
            assert (none.returncode, none.stdout) == (1, "")


def gray_of(png: bytes) -> tuple[int, int, set[int]]:
    """Width, height, least and largest value of a gray PNG without filters."""
    width, height, *form = unpack(">IIBBBBB", png[16:29])
    assert (png[:8], form) == (b"\x89PNG\r\n\x1a\n", [8, 0, 0, 0, 0])
    rows = zlib.decompress(png[41 : 41 + unpack(">I", png[33:37])[0]])
    pixels = [rows[i * (width + 1) + 1 : (i + 1) * (width + 1)] for i in range(height)]
    return width, height, {min(map(min, pixels)), max(map(max, pixels))}


def test_pff_info_tells_what_a_run_holds(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.PH256, 30)
        recorder.write(DataProduct.IMG16, 20)
    head, *rows = run_command("pff", "info", tmp_path).stdout.splitlines()[1:]
    assert head.split() == [
        "module",
        "product",
        "files",
        "frames",
        "first",
        "UTC",
        "last",
        "UTC",
        "per",
        "s",
        "bad",
        "headers",
    ]
    assert [row.split()[1:4] + row.split()[-1:] for row in rows] == [
        ["img16", "1", "20", "0"],
        ["ph256", "1", "30", "0"],
    ]


def test_pff_info_and_dump_tell_what_a_file_holds(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.PH256, 30)
    file = next(tmp_path.rglob("*dp_ph256*"))
    info = run_command("pff", "info", file).stdout
    assert "30 frames of 636 bytes" in info
    assert "ph256: 16x16 int16, pulse height" in info
    assert "WHITE_RABBIT 30" in info
    dump = run_command("pff", "dump", file, "--frame", -1).stdout
    assert "frame 29 of 30" in dump
    assert '"quabo_num"' in dump
    assert str(open_file(file)[29].image[0, 0]) in dump


def _one_line(result: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in result.stderr.splitlines() if line.startswith("panoseti-daq: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["serve", "--data-dir", "/nowhere"], 1, "data_dir '/nowhere' does not exist"),
        (["serve", "--run-probe", "guess"], 2, "process, pid-file, growth, none"),
        (["serve", "--port", "70000"], 2, "65535"),
        (["serve", "--no-such-option"], 2, "No such option"),
        (["stream", "--host", "localhost:1", "--wait", "0.1"], 3, "'localhost:1' does not answer"),
        (["stream", "--host", "no.such.host.invalid", "--wait", "0.1"], 3, "does not answer"),
        (["stream", "--host", "a:b"], 2, "HOST:PORT"),
        (["stream", "--daq-config", "/no/daq_config.json"], 1, "/no/daq_config.json"),
        (["ping", "--host", "localhost:1"], 3, "no server answered"),
        # odd night 52
        (["ping", "--net-config", "nofile", "--host", "localhost:1"], 2, "no effect without --daq-config"),
        (["serve", "--simulate", "--speed", "2"], 2, "--speed has no effect without --replay"),
        # odd night 53
        (["plot", "veiw"], 2, "Did you mean 'view'"),
        (["simulate", "/proc/nowhere"], 1, "cannot write to /proc/nowhere"),
        (["simulate", "/tmp/x", "--product", "img32"], 2, "img8, img16, ph256, ph1024"),
        (["simulate", "/tmp/x", "--replay", "/nowhere"], 1, "'/nowhere' does not exist"),
        (["simulate", "/tmp/x", "--rate-hz", "-1"], 1, "rate_hz"),
        (["pff", "info", "/nowhere.pff"], 1, "/nowhere.pff: No such file"),
        (["pff", "info", __file__], 1, "does not end in .pff"),
        (["nonsense"], 2, "No such command 'nonsense'"),
    ],
    ids=lambda value: " ".join(value)[:50] if isinstance(value, list) else "",
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(arguments: list[str], code: int, says: str) -> None:
    result = run_command(*arguments)
    assert result.returncode == code, result.stderr
    assert says in _one_line(result)


def test_a_port_in_use_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run_command("serve", "--port", taken.getsockname()[1])
    assert result.returncode == 1
    assert "cannot listen on 127.0.0.1" in _one_line(result)


def test_an_unreadable_data_dir_is_one_line(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    tmp_path.chmod(0)
    assert "cannot be read" in _one_line(run_command("serve", "--data-dir", tmp_path))
    tmp_path.chmod(0o700)


def test_files_that_are_not_pff_do_not_keep_the_server_from_serving_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "module_2" / RUN
    bad.mkdir(parents=True)
    (bad / "start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_2.seqno_0.pff").write_bytes(b"x" * 5000)
    (bad / "start_2026-01-01T00:00:00Z.dp_img8.bpp_1.module_2.seqno_0.pff").write_bytes(b'{ "quabo_0": {')
    (bad / "notes.pff").write_text("no tokens")
    with recording(tmp_path) as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_process("--data-dir", tmp_path, "--run-probe", "none") as (_, address):
            result = run_command("stream", "--host", address, "--json", "--count", 1)
    assert json.loads(result.stdout)["module_id"] == 1


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from panoseti_daq.cli.main import run; run(['--help']);"
        "print([m for m in ('numpy', 'pandas', 'grpc', 'pydantic', 'rich', 'PySide6') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_version_is_told() -> None:
    result = run_command("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("panoseti-daq 0.")


def test_record_names_a_server_that_never_came_and_exits_3(tmp_path: Path) -> None:  # odd night 46
    with recording(tmp_path / "data") as recorder:
        recorder.write(DataProduct.IMG16)
        with serving_process("--data-dir", tmp_path / "data", "--run-probe", "none") as (_, address):
            hosts = ("--host", address, "--host", "localhost:1")
            recorded = run_command("record", tmp_path / "out", *hosts, "--from-start", "--frames", 1)
            initialized = run_command("init", "--sim", *hosts, "--timeout", 0.5)
            status = run_command("status", "--json", *hosts)
    assert recorded.returncode == initialized.returncode == status.returncode == 3
    assert "never answered: localhost:1" in recorded.stderr
    assert "localhost:1 does not answer: nothing listens there; waiting for it" in recorded.stderr
    assert "recorded 1 frames" in recorded.stderr
    assert f"initialized: {address}" in initialized.stdout
    assert "not initialized: localhost:1" in initialized.stdout
    assert [json.loads(line)["host"] for line in status.stdout.splitlines()] == [address]
    assert "localhost:1" in status.stderr


@pytest.mark.parametrize("name", ["ping", "hosts", "status", "stream", "record", "init"])
def test_a_host_that_daq_config_does_not_have_is_not_configured(name: str, tmp_path: Path) -> None:  # odd night 47
    config = tmp_path / "daq_config.json"
    config.write_text(json.dumps({"daq_nodes": [{"ip_addr": "localhost"}]}))
    own = {"record": (tmp_path / "out",), "init": ("--sim",)}.get(name, ())
    result = run_command(name, *own, "--daq-config", config, "--host", "daq9")
    assert result.returncode == 3
    assert "daq9 is not configured; configured: localhost" in _one_line(result)


@pytest.mark.parametrize("name", ["ping", "hosts"])
def test_the_reason_for_no_answer_is_given(name: str) -> None:  # odd night 51
    with serving_process("--simulate") as (_, address):
        result = run_command(name, "--tls", "--host", address)
    assert result.returncode == 3
    assert "it does not speak TLS" in result.stdout
