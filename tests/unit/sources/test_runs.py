from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.frames import append, contents, each_product, frame_bytes, numbers, wait_until

from panoseti_daq.errors import DataDirError
from panoseti_daq.pff import DataProduct, FrameBlock, PffName
from panoseti_daq.sources import files as files_module
from panoseti_daq.sources import follow
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_run, module_dirs

IMG8, IMG16, PH256, PH1024 = DataProduct
RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
LATER_RUN = "obs_Test.start_2026-01-02T00:00:00Z.runtype_sci-data.pffd"
FRAME = frame_bytes(IMG16)


def file_of(
    data_dir: Path, module_id: int = 1, product: DataProduct = IMG16, seqno: int = 0, run: str = RUN
) -> Path:
    return data_dir / f"module_{module_id}" / run / PffName(product, module_id, seqno).format()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[RunFiles]:
    with closing(RunFiles(tmp_path)) as files:
        yield files


def look(files: RunFiles) -> list[FrameBlock]:
    files.scan()
    return list(files.read())


def make_runs(module_dir: Path, *names: str) -> None:
    for name in names:
        (module_dir / name).mkdir(parents=True)


# Modules and runs


def test_modules_are_found_by_number(tmp_path: Path) -> None:
    for name in ("module_10", "module_2", "module_256", "module_x", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "module_3").touch()
    assert list(module_dirs(tmp_path).items()) == [(2, tmp_path / "module_2"), (10, tmp_path / "module_10")]


def test_missing_data_dir_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataDirError, match=r"missing' does not exist"):
        module_dirs(tmp_path / "missing")


def test_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match="Not a directory"):
        module_dirs(tmp_path / "file")


def test_run_that_started_last_is_active(tmp_path: Path) -> None:
    make_runs(tmp_path, LATER_RUN, RUN)
    assert active_run(tmp_path, None) == tmp_path / LATER_RUN


def test_named_run_is_active(tmp_path: Path) -> None:
    make_runs(tmp_path, RUN, LATER_RUN)
    assert active_run(tmp_path, RUN) == tmp_path / RUN


@pytest.mark.parametrize("run_name", ["", "obs_Missing.start_2026-01-03T00:00:00Z.runtype_x.pffd"])
def test_name_of_a_run_that_is_not_there_does_not_count(tmp_path: Path, run_name: str) -> None:
    make_runs(tmp_path, RUN, LATER_RUN)
    assert active_run(tmp_path, run_name) == tmp_path / LATER_RUN


@pytest.mark.parametrize("mark", [":", "_", "-"])
def test_start_times_of_all_spellings_are_compared(tmp_path: Path, mark: str) -> None:
    later = f"obs_A.start_2026-01-01T00{mark}00{mark}01Z.runtype_x.pffd"
    make_runs(tmp_path, "obs_Z.start_2025-12-31T23:59:59Z.runtype_x.pffd", later, RUN)
    assert active_run(tmp_path, None) == tmp_path / later


def test_run_without_a_start_time_is_followed_when_it_is_the_only_one(tmp_path: Path) -> None:
    make_runs(tmp_path, "obs_A")
    assert active_run(tmp_path, None) == tmp_path / "obs_A"


def test_directories_and_files_that_are_no_runs_do_not_count(tmp_path: Path) -> None:
    make_runs(tmp_path, "lost+found", "obs_snapshot")
    (tmp_path / RUN).touch()
    assert active_run(tmp_path, None) is None


def test_daq_run_name_is_obeyed(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    append(file_of(tmp_path, run=LATER_RUN), FRAME * 2)
    (tmp_path / RUN_NAME_FILE).write_text(RUN + "\n")
    assert numbers(look(files)) == [0]


def test_daq_run_name_of_garbage_is_ignored(tmp_path: Path, files: RunFiles) -> None:
    append(file_of(tmp_path), FRAME)
    (tmp_path / RUN_NAME_FILE).write_bytes(b"\xff\xfe\x00")
    assert numbers(look(files)) == [0]


# What is followed


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
    assert old.generation < new.generation


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
    assert rest.generation < new.generation
    assert numbers([rest]) == [1]


def test_old_files_of_the_first_look_are_ordered_by_seqno(tmp_path: Path, files: RunFiles) -> None:
    paths = [file_of(tmp_path, seqno=seqno) for seqno in (2, 10)]
    for path in reversed(paths):
        append(path, FRAME)
    look(files)
    for path in reversed(paths):
        append(path, FRAME)
    assert [block.file for block in files.read()] == [path.name for path in paths]


# Letting go


def test_settled_file_is_closed_and_goes_on_when_it_grows(
    tmp_path: Path, files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(file_of(tmp_path, seqno=0), FRAME)
    append(file_of(tmp_path, seqno=1), FRAME)
    look(files)
    monkeypatch.setattr(files_module, "SETTLED_AFTER_S", 0.0)
    look(files)
    assert len(files) == 1
    append(file_of(tmp_path, seqno=0), FRAME)
    assert numbers(files.read([str(file_of(tmp_path, seqno=0))])) == [1]


def open_files(directory: Path) -> list[str]:
    """Files below `directory` that this process has open, deleted ones included."""
    targets = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return [target for target in targets if target.startswith(f"{directory}/")]


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


# What cannot be read


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


# The source


async def take(source: RunSource, n_frames: int) -> list[FrameBlock]:
    """Blocks until they hold so many frames."""
    blocks: list[FrameBlock] = []
    async with asyncio.timeout(5):
        async for block in source:
            blocks.append(block)
            if sum(map(len, blocks)) >= n_frames:
                break
    return blocks


polled = pytest.mark.parametrize("polling_interval_s", [None, 0.01], ids=["inotify", "polling"])


@polled
def test_appended_frames_are_streamed(tmp_path: Path, polling_interval_s: float | None) -> None:
    append(file_of(tmp_path), FRAME)

    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path, polling_interval_s=polling_interval_s) as source:
            blocks = await take(source, 1)
            append(file_of(tmp_path), frame_bytes(IMG16, 1) + frame_bytes(IMG16, 2))
            return blocks + await take(source, 2)

    blocks = asyncio.run(main())
    assert contents(blocks) == b"".join(frame_bytes(IMG16, i) for i in range(3))
    assert numbers(blocks) == [0, 1, 2]


@polled
def test_new_module_is_streamed(tmp_path: Path, polling_interval_s: float | None) -> None:
    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path, polling_interval_s=polling_interval_s) as source:
            append(file_of(tmp_path, 3), FRAME * 2)
            return await take(source, 2)

    assert numbers(asyncio.run(main())) == [0, 1]


def test_change_of_daq_run_name_is_followed_at_once(tmp_path: Path) -> None:
    append(file_of(tmp_path), FRAME)
    (tmp_path / RUN_NAME_FILE).write_text(RUN)

    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path) as source:
            await take(source, 1)
            append(file_of(tmp_path, run=LATER_RUN), frame_bytes(IMG16, 9))
            (tmp_path / RUN_NAME_FILE).write_text(LATER_RUN)
            async with asyncio.timeout(2):  # well before the next reconcile scan
                return await take(source, 1)

    assert contents(asyncio.run(main())) == frame_bytes(IMG16, 9)


def test_missing_data_dir_is_refused_on_entering(tmp_path: Path) -> None:
    async def main() -> None:
        async with RunSource(tmp_path / "missing"):
            raise AssertionError("entered")

    with pytest.raises(DataDirError, match="does not exist"):
        asyncio.run(main())


def test_stop_ends_the_iteration(tmp_path: Path) -> None:
    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path) as source, asyncio.timeout(5):
            asyncio.get_running_loop().call_soon(source.stop)
            return [block async for block in source]

    assert asyncio.run(main()) == []


def test_cancelled_reader_leaves_no_file_open(tmp_path: Path) -> None:
    append(file_of(tmp_path), FRAME)

    async def main() -> None:
        async def follow(started: asyncio.Event) -> None:
            async with RunSource(tmp_path) as source:
                async for _ in source:
                    started.set()

        started = asyncio.Event()
        following = asyncio.create_task(follow(started))
        await started.wait()
        following.cancel()
        await asyncio.wait([following])
        assert following.cancelled()
        wait_until(lambda: not open_files(tmp_path))

    asyncio.run(main())


def test_catching_up_is_bounded_per_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_BATCH_BYTES", 1)
    for module_id in (1, 2, 3):
        append(file_of(tmp_path, module_id), FRAME)

    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path) as source:
            return await take(source, 3)

    assert {block.module_id for block in asyncio.run(main())} == {1, 2, 3}


def test_status_tells_what_is_followed(tmp_path: Path) -> None:
    append(file_of(tmp_path, 2), FRAME)
    append(file_of(tmp_path, 3), FRAME)

    async def main() -> None:
        source = RunSource(tmp_path, module_ids=[2])
        assert source.status().watching == "not yet"
        async with source:
            status = source.status()
        assert (status.watching, status.modules, status.n_files) == ("inotify", (2,), 1)
        assert str(tmp_path) in status.description

    asyncio.run(main())
