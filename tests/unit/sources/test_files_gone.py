"""Followed files that settle, change, vanish or cannot be read."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, contents, numbers
from support.run_files import (
    FRAME,
    IMG8,
    RUN,
    file_of,
    frames,
    look,
    open_files,
)

from panoseti_daq.sources.files import RunFiles


def test_settled_file_is_closed_and_goes_on_when_it_grows(
    tmp_path: Path,
) -> None:
    files = RunFiles(tmp_path, settled_after_s=0.0)
    append(file_of(tmp_path, seqno=0), FRAME)
    append(file_of(tmp_path, seqno=1), FRAME)
    look(files)
    look(files)
    assert len(files) == 1
    append(file_of(tmp_path, seqno=0), FRAME)
    assert numbers(files.read([str(file_of(tmp_path, seqno=0))])) == [1]


def test_deleted_run_is_let_go(tmp_path: Path) -> None:
    with closing(RunFiles(tmp_path)) as files:
        append(file_of(tmp_path), FRAME)
        look(files)
        shutil.rmtree(tmp_path / "module_1" / RUN)
        assert look(files) == []
        assert len(files) == 0
        assert not open_files(tmp_path)


def test_rest_of_a_deleted_file_is_read(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    append(file_of(tmp_path), FRAME * 3)
    shutil.rmtree(tmp_path / "module_1")
    assert numbers(look(files)) == [1, 2, 3]


def test_run_moved_away_is_read_to_its_end(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    append(file_of(tmp_path), FRAME)
    (tmp_path / "module_1" / RUN).rename(tmp_path / "collected")
    assert numbers(look(files)) == [1]
    assert len(files) == 0


def test_file_replaced_by_another_of_its_name_is_read_from_its_beginning(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME * 2)
    look(files)
    shutil.rmtree(tmp_path / "module_1")
    append(file_of(tmp_path), FRAME * 3)
    assert numbers(look(files)) == [0, 1, 2]


def test_closing_releases_every_file_even_half_way(tmp_path: Path) -> None:
    with closing(RunFiles(tmp_path)) as files:
        for module_id in (1, 2):
            append(file_of(tmp_path, module_id), FRAME)
        look(files)
        for module_id in (1, 2):
            append(file_of(tmp_path, module_id), FRAME)
        shutil.rmtree(tmp_path / "module_1")
        files.scan()
        reading = files.read()
        next(reading)
        del reading
    assert not open_files(tmp_path)


def test_replaced_data_dir_is_noticed(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    with closing(RunFiles(data_dir)) as files:
        assert files.scan()
        assert not files.scan()
        data_dir.rename(tmp_path / "old")
        assert files.scan()
        data_dir.mkdir()
        assert files.scan()


@pytest.fixture
def settled(tmp_path: Path, impatient: RunFiles) -> Path:
    """A file that was read, replaced by a later one, and closed."""
    append(file_of(tmp_path, seqno=0), frames(0, 1))
    append(file_of(tmp_path, seqno=1), FRAME)
    look(impatient)
    impatient.scan()
    assert len(impatient) == 1
    return file_of(tmp_path, seqno=0)


def test_settled_file_that_grows_is_found_by_a_scan(impatient: RunFiles, settled: Path) -> None:
    append(settled, FRAME)
    assert numbers(look(impatient)) == [2]


def test_settled_file_that_is_replaced_is_read_from_its_beginning(impatient: RunFiles, settled: Path) -> None:
    append(settled.with_suffix(".new"), frames(5, 6, 7))
    settled.with_suffix(".new").rename(settled)
    assert contents(look(impatient)) == frames(5, 6, 7)


def test_file_that_grows_just_before_it_would_be_settled_loses_nothing(
    tmp_path: Path, impatient: RunFiles
) -> None:
    append(file_of(tmp_path, seqno=0), FRAME)
    append(file_of(tmp_path, seqno=1), FRAME)
    look(impatient)
    append(file_of(tmp_path, seqno=0), FRAME)
    assert numbers(look(impatient)) == [1]


def test_damage_of_all_files_is_counted(tmp_path: Path, files: RunFiles) -> None:
    files.scan()
    for module_id in (1, 2):
        append(file_of(tmp_path, module_id), frames(0) + b"\0" * 9 + frames(1))
    assert contents(look(files)) == frames(0, 1) * 2
    assert (files.damage.n_frames, files.damage.n_bytes) == (2, 18)


def test_file_that_is_not_pff_does_not_stop_the_others(
    tmp_path: Path, files: RunFiles, caplog: pytest.LogCaptureFixture
) -> None:
    append(file_of(tmp_path, product=IMG8), b"no frames here")
    append(file_of(tmp_path), FRAME)
    for _ in range(3):
        files.scan()
        list(files.read([str(file_of(tmp_path, product=IMG8))]))
    assert numbers(look(files)) == [0]
    assert caplog.text.count("not PFF") == 1


@pytest.mark.parametrize("name", ["notes.pff", "notes.txt", "dp_img32.bpp_4.module_1.seqno_0.pff"])
def test_file_with_another_name_is_not_followed(tmp_path: Path, files: RunFiles, name: str) -> None:
    append(file_of(tmp_path).with_name(name), FRAME)
    append(file_of(tmp_path), FRAME)
    assert len(look(files)) == 1
    assert len(files) == 1


def test_dangling_link_does_not_stop_the_others(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    file_of(tmp_path, product=IMG8).symlink_to(tmp_path / "missing.pff")
    assert numbers(look(files)) == [0]


def test_unreadable_module_does_not_stop_the_others(
    tmp_path: Path, files: RunFiles, caplog: pytest.LogCaptureFixture
) -> None:
    append(file_of(tmp_path, 1), FRAME)
    (tmp_path / "module_2").symlink_to("module_2")  # a loop: not even root can read it
    for _ in range(3):
        files.scan()
    assert numbers(files.read()) == [0]
    assert caplog.text.count("module 2 cannot be read") == 1


def test_data_dir_that_vanishes_is_reported_and_awaited(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_dir = tmp_path / "data"
    append(file_of(data_dir), FRAME)
    with closing(RunFiles(data_dir)) as files:
        look(files)
        shutil.rmtree(data_dir)
        assert look(files) == []
        assert files.modules == ()
        assert "does not exist" in caplog.text
        append(file_of(data_dir), FRAME)
        assert numbers(look(files)) == [0]
