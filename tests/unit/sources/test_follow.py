"""The source that follows a data directory live."""

from __future__ import annotations

import asyncio
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from support.deaf import deaf_watch
from support.frames import append, contents, frame_bytes, numbers, wait_until
from support.patience import PATIENCE_S
from support.run_files import (
    FRAME,
    IMG16,
    LATER_RUN,
    LONG_AGO_NS,
    RUN,
    file_of,
    frames,
    open_files,
)

from panoseti_daq.errors import DataDirError
from panoseti_daq.pff import FrameBlock
from panoseti_daq.sources.changes import WatchIntervals
from panoseti_daq.sources.follow import RunSource
from panoseti_daq.sources.runs import RUN_NAME_FILE
from panoseti_daq.sources.watch import QUIET_AFTER_S, DirectoryWatch


async def take(source: RunSource, n_frames: int) -> list[FrameBlock]:
    """Blocks until they hold this number of frames."""
    blocks: list[FrameBlock] = []
    async with asyncio.timeout(PATIENCE_S):
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
    by_events = partial(DirectoryWatch, intervals=WatchIntervals(look_s=3600, rescan_s=3600))

    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path, make_watch=by_events) as source:
            await take(source, 1)
            append(file_of(tmp_path, run=LATER_RUN), frame_bytes(IMG16, 9))
            (tmp_path / RUN_NAME_FILE).write_text(LATER_RUN)
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
        async with RunSource(tmp_path) as source, asyncio.timeout(PATIENCE_S):
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


def test_catching_up_is_bounded_per_batch(tmp_path: Path) -> None:
    for module_id in (1, 2, 3):
        append(file_of(tmp_path, module_id), FRAME)

    async def main() -> list[FrameBlock]:
        async with RunSource(tmp_path, max_batch_bytes=1) as source:
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


def test_changes_that_no_event_tells_are_seen_and_the_status_says_so(
    tmp_path: Path,
) -> None:
    append(file_of(tmp_path), frames(0))

    async def main() -> None:
        async with RunSource(tmp_path, make_watch=deaf_watch(0.4)) as source:
            await take(source, 1)
            assert source.status().watching == "inotify"
            append(file_of(tmp_path), frames(1))
            os.utime(file_of(tmp_path), ns=(LONG_AGO_NS, LONG_AGO_NS))
            assert contents(await take(source, 1)) == frames(1)
            status = source.status()
            assert "inotify did not report a change of" in status.watching
            assert status.n_missed_events == 1
            append(file_of(tmp_path, 2), frames(2))  # where nothing was before
            assert contents(await take(source, 1)) == frames(2)

    asyncio.run(main())


def test_an_append_after_a_quiet_spell_is_read_before_watchfiles_reports_it(tmp_path: Path) -> None:
    append(file_of(tmp_path), frames(0))

    async def main() -> None:
        async with RunSource(tmp_path, make_watch=deaf_watch(1e6)) as source:
            await take(source, 1)
            reading = asyncio.create_task(take(source, 1))
            await asyncio.sleep(QUIET_AFTER_S + 0.2)
            append(file_of(tmp_path), frames(1))
            assert contents(await reading) == frames(1)
            assert source.status().n_missed_events == 0

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
