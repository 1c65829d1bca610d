from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.events import BEGIN_NS, NS, engine_of, ph256, pulse_height

from panoseti_daq.cli.main import run
from panoseti_daq.events.scan import blocks_of, scan, stream_files
from panoseti_daq.pff import DataProduct, PffName, open_file

START_NS = BEGIN_NS
PERIOD_NS = 100_000_000


def make_run(run_dir: Path, n_frames: int = 300, dt_ns: int = 50) -> None:
    """Two modules with an event every 0.1 s; a pair every 10 s, and a file that is cut off."""
    run_dir.mkdir()
    for module_id in (1, 3):
        for seqno in (0, 1):
            times = [START_NS + (seqno * n_frames + i) * PERIOD_NS for i in range(n_frames)]
            times = [
                t + (dt_ns if module_id == 3 else 0) + (i % 100 and module_id * NS // 50)
                for i, t in enumerate(times)
            ]
            name = PffName(DataProduct.PH256, module_id, seqno).format()
            frames = (pulse_height(t, i % 4, (i % 16, i // 16 % 16)) for i, t in enumerate(times))
            (run_dir / name).write_bytes(b"".join(frames) + b"{torn")


def test_a_run_is_searched_across_its_files_in_order_of_time(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    streams = stream_files(tmp_path / "run")
    assert [len(paths) for paths in streams.values()] == [2, 2]
    engine = engine_of([])
    seen: list[int] = []
    found = list(scan(engine, streams, lambda progress: seen.append(progress.at_ns)))
    assert [candidate.unix_ns for candidate in found] == [START_NS + i * 100 * PERIOD_NS for i in range(6)]
    assert seen == sorted(seen)
    assert [m.file for m in found[3].members] == [PffName(DataProduct.PH256, m, 1).format() for m in (1, 3)]
    assert [m.frame_number for m in found[3].members] == [0, 0]


def test_files_come_as_blocks_with_their_frame_numbers(tmp_path: Path) -> None:
    make_run(tmp_path / "run")
    (paths, _) = stream_files(tmp_path / "run").values()
    blocks = list(blocks_of(paths, n_frames=128))
    assert [(len(b), b.first_frame_number) for b in blocks] == [(128, 0), (128, 128), (44, 256)] * 2
    assert blocks[1][0].header == open_file(paths[0])[128].header


def test_the_command_writes_a_line_of_json_for_each_candidate_and_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "run")
    command = ["events", "scan", str(tmp_path / "run"), "--trigger", "coincidence", "--json"]
    clips = tmp_path / "clips"
    assert run([*command, "--clip", str(clips), "--clip-seconds", "0.5"]) == 0
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.out.splitlines()]
    assert len(lines) == 6 and "coincidence: 6 candidates" in printed.err
    expected = {
        "alert_tense": "archival",
        "alert_type": "initial",
        "unix_ns": START_NS,
        "duration_ns": 50,
        "mission": "PANOSETI",
    }
    assert lines[0].items() >= expected.items()
    members = [(m["module"], m["product"], m["quabo"], m["frame_number"]) for m in lines[0]["members"]]
    assert members == [(1, "ph256", 0, 0), (3, "ph256", 0, 0)]
    assert {m["time_method"] for m in lines[0]["members"]} == {"white_rabbit"}
    for member in lines[4]["members"]:
        whole, clip = ((path / member["file"]).read_bytes() for path in (tmp_path / "run", clips / lines[4]["id"]))
        assert clip in whole
        inside = open_file(clips / lines[4]["id"] / member["file"]).times[0]
        assert len(inside) in (10, 11) and abs(inside - lines[4]["unix_ns"]).max() <= NS // 2


def test_a_narrower_window_finds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run")
    command = ["events", "scan", str(tmp_path / "run"), "--trigger", "coincidence"]
    assert run([*command, "--window-ns", "49"]) == 0
    assert capsys.readouterr().out == ""
    assert run([*command, "--set", 'coincidence.offsets_ns={"1:3": 50}', "--window-ns", "0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--trigger", "nova"], "trigger nova not found; there are: coincidence, pulse"),
        (["--set", "coincidence.windw=1"], "option windw not found"),
        (["--set", "coincidence"], "is not TRIGGER.OPTION=VALUE"),
        (["--trigger", "coincidence", "--false-per-hour", "2"], "trigger pulse, which does not run"),
        (["--window-ns", "-1"], "window-ns"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    make_run(tmp_path / "run", 3)
    assert run(["events", "scan", str(tmp_path / "run"), *options]) in (1, 2)
    printed = capsys.readouterr()
    assert said in printed.err and len(printed.err.splitlines()) == 1


def test_options_come_from_a_file_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run")
    (tmp_path / "options.toml").write_text(
        "[coincidence]\nwindow_ns = 49\ndomes = { north = [1, 3] }\n[other]\nx = 1\n"
    )
    command = ["events", "scan", str(tmp_path / "run"), "--options", str(tmp_path / "options.toml")]
    assert run([*command, "--window-ns", "1000"]) == 0
    assert capsys.readouterr().out == ""


def test_the_triggers_are_listed_with_their_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["events", "triggers"]) == 0
    printed = capsys.readouterr().out
    assert "coincidence" in printed and "false_per_hour" in printed


def test_frames_of_other_products_are_not_read() -> None:
    assert list(scan(engine_of([ph256(1, [0])]), {})) == []
