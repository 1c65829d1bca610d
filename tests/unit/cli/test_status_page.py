"""Page of ``status`` about a server."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.cli.status_page import Answer, page
from panoseti_daq.errors import DaqError


def shown(answer: Answer) -> list[str]:
    console = Console(file=StringIO(), width=300)
    for part in page("daq1", answer):
        console.print(part, highlight=False)
    assert isinstance(console.file, StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def following(**more: object) -> pb.StatusResponse:
    followed = pb.Followed(
        description="data directory /data",
        watching="inotify",
        files=4,
        modules=[1, 2],
        module_ids=[1, 2],
        set_by="ipv4:10.0.0.1:5",
        since_seconds=420,
        update_interval_seconds=0.5,
    )
    return pb.StatusResponse(version="1.2", uptime_seconds=7300, followed=followed, **more)  # type: ignore[arg-type]


def test_a_server_that_does_not_answer_is_one_line() -> None:
    assert shown(DaqError("Connection refused")) == ["daq1: no answer: Connection refused"]


def test_a_server_that_follows_nothing_says_what_to_do() -> None:
    lines = shown(pb.StatusResponse(version="1.2", uptime_seconds=3))
    assert lines == ["daq1: panoseti-daq 1.2, up 3.0 s", "follows nothing yet: see panoseti-daq init"]


def test_when_all_is_well_there_are_four_lines() -> None:
    assert shown(following()) == [
        "daq1: panoseti-daq 1.2, up 2 h",
        "follows data directory /data, modules 1, 2, 4 files",
        "changes noticed by: inotify",
        "set by ipv4:10.0.0.1:5 7 min ago: modules 1, 2, at most one frame per key and 0.5 s",
    ]


def test_every_fault_has_a_line() -> None:
    key = pb.KeyStatus(
        module_id=3, product="ph256", quabo=2, frames=50, flawed_frames=4, quality={"zero_image": 4}
    )
    answer = following(stalled="no frame came for 60 s", skipped_bytes=1, bad_frames=2, keys=[key])
    answer.followed.missed_events = 3
    lines = shown(answer)
    assert "STALLED: no frame came for 60 s" in lines
    assert "skipped in files: 1 byte that are not a frame, 2 bad frames" in lines
    assert "missed by inotify, found by looking: 3 changes" in lines
    assert lines[-1] == "flawed: module 3 ph256 Q2: 4 of 50 (zero_image 4)"


@pytest.mark.parametrize(
    ("hours", "left"),
    [(None, ""), (3.25, ", 3.2 hours left at 2.0 MB/s"), (100.0, ", 4 days left at 2.0 MB/s")],
)
def test_a_disk_tells_how_long_it_lasts(hours: float | None, left: str) -> None:
    disk = pb.Disk(path="/data", free_bytes=5 * 10**9, total_bytes=8 * 10**9, bytes_per_second=2e6)
    if hours is not None:
        disk.hours_left = hours
    assert shown(following(disks=[disk]))[-1] == f"disk of /data: 5.0 of 8.0 GB free{left}"


def test_keys_and_streams_are_tables() -> None:
    key = pb.KeyStatus(module_id=3, product="img16", frames=50, frames_per_second=20, frame_number=7, seqno=2)
    key.age_seconds = 0.25
    stream = pb.StreamStatus(peer="ipv4:10.0.0.9:1", kind="newest", sent=9, since_seconds=90, idle_seconds=0.1)
    *_, keys, row, streams, sent = shown(
        following(
            keys=[
                key,
            ],
            streams=[stream],
        )
    )
    assert keys.split()[:4] == ["module", "product", "frames", "per"]
    assert row.split()[:4] == ["3", "img16", "50", "20.0"]
    assert "0.250" in row.split()
    assert streams.startswith("stream to")
    assert sent.split() == ["ipv4:10.0.0.9:1", "newest", "9", "0.0", "0", "90", "s", "0.1", "s", "ago"]
