"""What the followed files may do, and what nobody tells of it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.deaf import Deaf
from support.frames import append, contents, frame_bytes, numbers

from panoseti_daq.pff import DataProduct, FrameBlock, PffName
from panoseti_daq.sources import files as files_module
from panoseti_daq.sources import watch as watch_module
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.runs import RUN_NAME_FILE
from panoseti_daq.sources.snapshot import snapshot_name

IMG8, IMG16, PH256, PH1024 = DataProduct
RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
LATER_RUN = "obs_Test.start_2026-01-02T00:00:00Z.runtype_sci-data.pffd"
FRAME = frame_bytes(IMG16)
LONG_AGO_NS = 1_700_000_000_000_000_000


def file_of(
    data_dir: Path, module_id: int = 1, product: DataProduct = IMG16, seqno: int = 0, run: str = RUN
) -> Path:
    return data_dir / f"module_{module_id}" / run / PffName(product, module_id, seqno).format()


def frames(*which: int) -> bytes:
    return b"".join(frame_bytes(IMG16, i) for i in which)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[RunFiles]:
    with closing(RunFiles(tmp_path)) as files:
        yield files


def look(files: RunFiles) -> list[FrameBlock]:
    files.scan()
    return list(files.read())


def recorded_long_ago(path: Path, data: bytes) -> None:
    append(path, data)
    for changed in (path, path.parent):
        os.utime(changed, ns=(LONG_AGO_NS, LONG_AGO_NS))


# What is news


def test_module_that_appears_with_old_files_begins_at_their_newest_frames(tmp_path: Path, files: RunFiles) -> None:
    look(files)
    recorded_long_ago(file_of(tmp_path, seqno=0), FRAME * 10)
    recorded_long_ago(file_of(tmp_path, seqno=1), FRAME * 10)
    (block,) = look(files)
    assert (block.file, numbers([block])) == (file_of(tmp_path, seqno=1).name, [9])
    append(file_of(tmp_path, seqno=1), FRAME * 2)
    assert numbers(look(files)) == [10, 11]


def test_older_run_that_becomes_active_begins_at_its_newest_frames(tmp_path: Path, files: RunFiles) -> None:
    recorded_long_ago(file_of(tmp_path), FRAME * 5)
    append(file_of(tmp_path, run=LATER_RUN), FRAME)
    look(files)
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    assert numbers(look(files)) == [4]


def test_file_that_comes_into_a_known_directory_is_new_whatever_its_times(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    recorded_long_ago(file_of(tmp_path, seqno=1), FRAME * 3)
    assert numbers(look(files)) == [0, 1, 2]


# What changes


@pytest.fixture
def settled(tmp_path: Path, files: RunFiles, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that was read, replaced by a later one, and closed."""
    append(file_of(tmp_path, seqno=0), frames(0, 1))
    append(file_of(tmp_path, seqno=1), FRAME)
    look(files)
    monkeypatch.setattr(files_module, "SETTLED_AFTER_S", 0.0)
    files.scan()
    assert len(files) == 1
    return file_of(tmp_path, seqno=0)


def test_settled_file_that_grows_is_found_by_a_scan(files: RunFiles, settled: Path) -> None:
    append(settled, FRAME)
    assert numbers(look(files)) == [2]


def test_settled_file_that_is_replaced_is_read_from_its_beginning(files: RunFiles, settled: Path) -> None:
    append(settled.with_suffix(".new"), frames(5, 6, 7))
    settled.with_suffix(".new").rename(settled)
    assert contents(look(files)) == frames(5, 6, 7)


def test_file_that_grows_just_before_it_would_be_settled_loses_nothing(
    tmp_path: Path, files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(file_of(tmp_path, seqno=0), FRAME)
    append(file_of(tmp_path, seqno=1), FRAME)
    look(files)
    append(file_of(tmp_path, seqno=0), FRAME)
    monkeypatch.setattr(files_module, "SETTLED_AFTER_S", 0.0)
    assert numbers(look(files)) == [1]


def test_damage_of_all_files_is_counted(tmp_path: Path, files: RunFiles) -> None:
    files.scan()
    for module_id in (1, 2):
        append(file_of(tmp_path, module_id), frames(0) + b"\0" * 9 + frames(1))
    assert contents(look(files)) == frames(0, 1) * 2
    assert (files.damage.n_frames, files.damage.n_bytes) == (2, 18)


# Snapshots


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
    assert second.generation > first.generation
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


# What nobody tells


def test_look_finds_what_changed_and_what_appeared(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    assert files.look() == files_module.Look(frozenset(), False, frozenset())
    append(file_of(tmp_path), FRAME)
    assert files.look() == files_module.Look(frozenset({str(file_of(tmp_path))}), False, frozenset())
    os.utime(file_of(tmp_path), ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert files.look().missed == {str(file_of(tmp_path))}
    append(file_of(tmp_path, 2), FRAME)
    assert files.look().rescan
    look(files)
    assert not files.look().rescan
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    assert files.look().rescan


async def take(source: RunSource, n_frames: int) -> list[FrameBlock]:
    blocks: list[FrameBlock] = []
    async with asyncio.timeout(5):
        async for block in source:
            blocks.append(block)
            if sum(map(len, blocks)) >= n_frames:
                break
    return blocks


def test_changes_that_no_event_tells_are_seen_and_the_status_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "RustNotify", Deaf)
    monkeypatch.setattr(watch_module, "LOOK_INTERVAL_S", 0.4)
    append(file_of(tmp_path), frames(0))

    async def main() -> None:
        async with RunSource(tmp_path) as source:
            await take(source, 1)
            assert source.status().watching == "inotify"
            append(file_of(tmp_path), frames(1))
            os.utime(file_of(tmp_path), ns=(LONG_AGO_NS, LONG_AGO_NS))
            assert contents(await take(source, 1)) == frames(1)
            status = source.status()
            assert "inotify did not tell a change of" in status.watching
            assert status.n_missed_events == 1
            append(file_of(tmp_path, 2), frames(2))  # where nothing was before
            assert contents(await take(source, 1)) == frames(2)

    asyncio.run(main())


@pytest.mark.parametrize("polling_interval_s", [None, 0.01], ids=["inotify", "polling"])
def test_whole_life_of_a_run_is_followed(tmp_path: Path, polling_interval_s: float | None) -> None:
    async def main() -> None:
        async with RunSource(tmp_path, polling_interval_s=polling_interval_s) as source:
            append(file_of(tmp_path), frames(0))
            assert contents(await take(source, 1)) == frames(0)
            append(file_of(tmp_path, seqno=3), frames(1))
            append(file_of(tmp_path), frames(2))
            assert {block.file[-11:] for block in await take(source, 2)} == {"seqno_0.pff", "seqno_3.pff"}
            append(file_of(tmp_path, run=LATER_RUN), frames(4))
            assert contents(await take(source, 1)) == frames(4)
            append(file_of(tmp_path, seqno=3), frames(5))  # flushed when the run is over
            assert contents(await take(source, 1)) == frames(5)
            append(file_of(tmp_path, seqno=3), frames(6))
            shutil.rmtree(tmp_path / "module_1" / RUN)
            assert contents(await take(source, 1)) == frames(6)
            assert source.status().n_bad_frames == 0

    asyncio.run(main())
