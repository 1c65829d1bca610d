"""Snapshots: known by name, read whole whenever they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.frames import append, contents, frame_bytes, numbers
from support.run_files import (
    IMG8,
    IMG16,
    file_of,
    frames,
    look,
)

from panoseti_daq.pff import PffName
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.snapshot import snapshot_name


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("start_2026-01-01T00:00:00Z.img16.seqno_0.pff", PffName(IMG16, 9)),
        ("module_1.img8.seqno_0.pff", PffName(IMG8, 9)),
        ("start_x.dp_img16.seqno_0.pff", None),
        ("notes.pff", None),
        ("img16.txt", None),
    ],
)
def test_snapshots_are_known_by_name(file: str, expected: PffName | None) -> None:
    assert snapshot_name(file, 9) == expected


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    path = tmp_path / "module_3" / "obs_snapshot" / "start_2026-01-01T00:00:00Z.img16.seqno_0.pff"
    append(path, frames(1))
    return path


def rewrite(path: Path, data: bytes) -> None:
    with path.open("r+b") as file:
        file.write(data)


def test_snapshot_is_read_whenever_it_has_other_content(snapshot: Path, files: RunFiles) -> None:
    (first,) = look(files)
    assert (contents([first]), first.module_id, first.product) == (frames(1), 3, IMG16)
    assert look(files) == []
    rewrite(snapshot, frames(2))
    assert files.look().modified == {str(snapshot)}
    (second,) = look(files)
    assert (contents([second]), numbers([second]), second.file) == (frames(2), [0], snapshot.name)
    assert second._generation > first._generation
    os.utime(snapshot)
    assert look(files) == []


def test_half_written_snapshot_waits(snapshot: Path, files: RunFiles) -> None:
    look(files)
    snapshot.write_bytes(frames(2)[:100])
    assert look(files) == []
    snapshot.write_bytes(frames(2))
    assert contents(look(files)) == frames(2)


def test_snapshot_is_not_followed_once_the_run_has_data_of_its_product(
    tmp_path: Path, snapshot: Path, files: RunFiles
) -> None:
    append(file_of(tmp_path, 3), b"")
    append(file_of(tmp_path, 3, IMG8), frame_bytes(IMG8))
    assert {block.product for block in look(files)} == {IMG16, IMG8}
    append(file_of(tmp_path, 3), frames(5))
    rewrite(snapshot, frames(2))
    assert contents(look(files)) == frames(5)
    assert len(files) == 2
