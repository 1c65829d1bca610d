"""Which files are followed, and from where they are read."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from support.frames import append, each_product, frame_bytes, numbers
from support.run_files import (
    FRAME,
    IMG8,
    LATER_RUN,
    LONG_AGO_NS,
    PH256,
    PH1024,
    RUN,
    file_of,
    look,
    recorded_long_ago,
)

from panoseti_daq.pff import DataProduct
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.looks import Look
from panoseti_daq.sources.runs import RUN_NAME_FILE


def test_daq_run_name_is_obeyed(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    append(file_of(tmp_path, run=LATER_RUN), FRAME * 2)
    (tmp_path / RUN_NAME_FILE).write_text(RUN + "\n")
    assert numbers(look(files)) == [0]


def test_daq_run_name_of_garbage_is_ignored(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    (tmp_path / RUN_NAME_FILE).write_bytes(b"\xff\xfe\x00")
    assert numbers(look(files)) == [0]


def test_module_whitelist_is_obeyed(tmp_path: Path) -> None:
    for module_id in (1, 2, 3):
        append(file_of(tmp_path, module_id), FRAME)
    with closing(RunFiles(tmp_path, module_ids=[1, 3, 9])) as files:
        assert {block.module_id for block in look(files)} == {1, 3}
        assert files.modules == (1, 3)


def test_product_whitelist_is_obeyed(tmp_path: Path) -> None:
    for product in DataProduct:
        append(file_of(tmp_path, product=product), frame_bytes(product))
    with closing(RunFiles(tmp_path, products=[PH256, IMG8])) as files:
        assert {block.product for block in look(files)} == {PH256, IMG8}


@each_product
def test_first_look_gives_the_newest_frame(tmp_path: Path, files: RunFiles, product: DataProduct) -> None:
    append(file_of(tmp_path, product=product), b"".join(frame_bytes(product, i) for i in range(300)))
    assert numbers(look(files))[-1] == 299


def test_first_look_does_not_read_the_past(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path, seqno=0), FRAME * 10)
    append(file_of(tmp_path, seqno=1), FRAME * 10)
    (block,) = look(files)
    assert (block.file, numbers([block])) == (file_of(tmp_path, seqno=1).name, [9])


def test_first_look_goes_back_far_enough_for_every_quabo(tmp_path: Path, files: RunFiles) -> None:
    quabos = [3, 2, 1, *[0] * 40]
    append(file_of(tmp_path, product=PH256), b"".join(frame_bytes(PH256, quabo=quabo) for quabo in quabos))
    found = {key.quabo for block in look(files) for key in block.newest()}
    assert found == {0, 1, 2, 3}


def test_empty_file_of_the_first_look_loses_none_of_its_first_burst(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), b"")
    assert look(files) == []
    append(file_of(tmp_path), FRAME * 413)
    assert numbers(files.read()) == list(range(413))


def test_only_what_was_appended_is_read(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    assert numbers(look(files)) == [0]
    append(file_of(tmp_path), FRAME * 2)
    assert numbers(look(files)) == [1, 2]


def test_only_the_paths_asked_for_are_read(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path, 1), FRAME)
    append(file_of(tmp_path, 2), FRAME)
    files.scan()
    paths = [str(file_of(tmp_path, 2)), str(tmp_path / "unknown.pff")]
    assert [block.module_id for block in files.read(paths)] == [2]


def test_new_file_is_read_from_its_beginning(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    append(file_of(tmp_path, product=PH1024), frame_bytes(PH1024) * 3)
    assert numbers(look(files)) == [0, 1, 2]


def test_new_module_is_followed(tmp_path: Path, files: RunFiles) -> None:
    assert look(files) == []
    append(file_of(tmp_path, 5), FRAME * 2)
    assert numbers(look(files)) == [0, 1]
    assert files.modules == (5,)


def test_new_run_is_followed_and_the_rest_of_the_old_one_comes_first(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    append(file_of(tmp_path, run=LATER_RUN), FRAME * 2)
    append(file_of(tmp_path), FRAME)
    old, new = look(files)
    assert (numbers([old]), numbers([new])) == ([1], [0, 1])
    assert old._generation < new._generation


def test_symlinked_module_is_followed(tmp_path: Path) -> None:
    data_dir, disk = tmp_path / "data", tmp_path / "disk"
    data_dir.mkdir()
    append(file_of(disk), FRAME)
    (data_dir / "module_1").symlink_to(disk / "module_1")
    with closing(RunFiles(data_dir)) as files:
        assert numbers(look(files)) == [0]


def test_rest_of_the_old_file_comes_before_its_successor(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path, seqno=0), FRAME)
    look(files)
    append(file_of(tmp_path, seqno=4), FRAME)
    append(file_of(tmp_path, seqno=0), FRAME * 2)
    old, new = look(files)
    assert (numbers([old]), numbers([new])) == ([1, 2], [0])


def test_rest_of_the_old_file_that_comes_late_has_the_smaller_generation(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path, seqno=0), FRAME)
    look(files)
    append(file_of(tmp_path, seqno=1), FRAME)
    (new,) = look(files)
    append(file_of(tmp_path, seqno=0), FRAME)
    (rest,) = files.read([str(file_of(tmp_path, seqno=0))])
    assert rest._generation < new._generation
    assert numbers([rest]) == [1]


def test_old_files_of_the_first_look_are_ordered_by_seqno(tmp_path: Path, files: RunFiles) -> None:
    paths = [file_of(tmp_path, seqno=seqno) for seqno in (2, 10)]
    for path in reversed(paths):
        append(path, FRAME)
    look(files)
    for path in reversed(paths):
        append(path, FRAME)
    assert [block.file for block in files.read()] == [path.name for path in paths]


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


def test_look_finds_what_changed_and_what_appeared(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    look(files)
    assert files.look() == Look(frozenset(), False, frozenset())
    append(file_of(tmp_path), FRAME)
    assert files.look() == Look(frozenset({str(file_of(tmp_path))}), False, frozenset())
    os.utime(file_of(tmp_path), ns=(LONG_AGO_NS, LONG_AGO_NS))
    assert files.look().missed == {str(file_of(tmp_path))}
    append(file_of(tmp_path, 2), FRAME)
    assert files.look().rescan
    look(files)
    assert not files.look().rescan
    (tmp_path / RUN_NAME_FILE).write_text(RUN)
    assert files.look().rescan
