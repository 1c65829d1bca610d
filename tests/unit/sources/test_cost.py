"""Cost of a frame, a file and a call: counted, beside old runs and in runs of many files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.counted import counted
from support.frames import append
from support.run_files import FRAME, IMG16, LONG_AGO_NS, RUN, file_of, look, recorded_long_ago

from panoseti_daq.pff import Begin, Gap, Kind, Selection, Stretch
from panoseti_daq.pff.position import Grown
from panoseti_daq.sources.files import RunFiles
from panoseti_daq.sources.reader import FrameReader
from panoseti_daq.sources.runs import RUN_NAME_FILE, active_runs

DATED = "obs_Old.start_2024-{:02}-01T00:{:02}:00Z.runtype_sci-data.pffd"
LATER = "obs_Old.start_2027-{:02}-01T00:{:02}:00Z.runtype_sci-data.pffd"
UNDATED = "test_{}_{}"
MOVIES = Selection(kinds=frozenset((Kind.MOVIE,)))


def make_old_runs(data_dir: Path, n: int, name: str) -> None:
    for i in range(n):
        path = file_of(data_dir, run=name.format(1 + i // 60, i % 60))
        recorded_long_ago(path.with_name(path.name.replace("seqno_0", "seqno_1")), b"")
        recorded_long_ago(path, FRAME)
    recorded_long_ago(file_of(data_dir), FRAME)
    (data_dir / RUN_NAME_FILE).write_text(RUN)
    long_ago = data_dir / "module_1"
    os.utime(long_ago, ns=(LONG_AGO_NS, LONG_AGO_NS))


def read_all(reader: FrameReader, grown: Grown | None) -> int:
    """Read until nothing comes; number of frames."""
    read: Callable[[], list[object]] = lambda: list(reader.read(grown))  # noqa: E731
    return sum(len(item.block) for items in iter(read, []) for item in items if isinstance(item, Stretch))


def cost_of_a_frame(data_dir: Path, n_runs: int, name: str) -> dict[str, int]:
    """Calls for one frame, of what follows and of a client, once both know the runs."""
    make_old_runs(data_dir, n_runs, name)
    path = file_of(data_dir)
    active = active_runs(data_dir)
    with (
        closing(RunFiles(data_dir)) as files,
        closing(FrameReader(data_dir, MOVIES, Begin(), lambda: active)) as r,
    ):
        look(files)
        read_all(r, None)
        read_all(r, None)
        append(path, FRAME)
        with counted() as counts:
            assert sum(map(len, files.read(frozenset({str(path)})))) == 1
            assert not files.look().modified
            assert read_all(r, {(1, IMG16): {(RUN, path.name): (1, 2)}}) == 1
    return counts


@pytest.fixture(autouse=True)
def _no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done once a second or a minute is not counted, however slow the machine is."""
    monkeypatch.setattr("time.monotonic", lambda: 1_000_000.0)


# odd night 16
@pytest.mark.parametrize("name", [DATED, LATER, UNDATED])
def test_a_frame_costs_the_same_beside_many_old_runs(tmp_path: Path, name: str) -> None:
    few, many = (cost_of_a_frame(tmp_path / str(n), n, name) for n in (10, 300))
    assert many["scandir"] <= few["scandir"]
    assert many["open"] <= few["open"]
    # The order of a directory decides on a look at a run or two, of 3 calls of stat each; runs are 290 more.
    assert many["stat"] <= few["stat"] + 10
    assert many["calls"] < few["calls"] + 290


def cost_of_a_run(data_dir: Path, n_files: int, n_frames: int) -> dict[str, int]:
    for seqno in range(n_files):
        append(file_of(data_dir, seqno=seqno), FRAME * (n_frames // n_files))
    with counted() as counts, closing(FrameReader(data_dir, MOVIES, Begin(0), lambda: {1: RUN})) as reader:
        assert read_all(reader, None) == n_frames
    return counts


# odd night 17
def test_frames_cost_the_same_in_many_files(tmp_path: Path) -> None:
    few, many = (cost_of_a_run(tmp_path / str(n), n, 4000) for n in (20, 1000))
    n_more = 1000 - 20
    assert many["scandir"] <= few["scandir"] + 1
    assert many["open"] == few["open"] + n_more
    assert many["stat"] <= few["stat"] + 4 * n_more
    assert many["calls"] <= few["calls"] + 500 * n_more  # the same for each file, however many there are


# odd night 17
def test_a_directory_is_listed_once_per_change_for_all_clients(tmp_path: Path) -> None:
    make_old_runs(tmp_path, 3, DATED)
    readers = [FrameReader(tmp_path, MOVIES, Begin(0), lambda: {1: RUN}) for _ in range(8)]
    for reader in readers:
        read_all(reader, None)
    recorded_long_ago(file_of(tmp_path, seqno=1), FRAME)
    with counted() as counts:
        assert [read_all(reader, None) for reader in readers] == [1] * 8
    assert counts["scandir"] == 2 * 8 + 1  # each looks for modules, twice
    for reader in readers:
        reader.close()


class BlockedError(Exception):
    """What ends the test if a call reads on."""


# odd night 17
def test_reading_ends_with_the_next_block_once_the_call_is_over(tmp_path: Path) -> None:
    for seqno in range(100):
        append(file_of(tmp_path, seqno=seqno), b"no frames at all " * 100)
    reader = FrameReader(tmp_path, MOVIES, Begin(0), lambda: {1: RUN})

    def files_read() -> Iterator[Gap]:
        for n in range(100):
            if n == 3:
                reader.close()  # by another thread
            if n > 3:
                raise BlockedError
            yield Gap(None, None, "")  # type: ignore[arg-type]

    reader.read(None)
    cursor = reader._cursors[1, IMG16]
    cursor._items = files_read()
    assert len(reader.read({(1, IMG16): {}})) <= 4
    assert reader.read(None) == []


def test_a_directory_that_cannot_be_read_harms_no_other_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_old_runs(tmp_path, 1, DATED)
    (tmp_path / "module_1" / "lost+found").symlink_to(
        "lost+found"
    )  # as one without permission: root may read those
    with closing(FrameReader(tmp_path, MOVIES, Begin(0), lambda: {1: RUN})) as reader:
        assert read_all(reader, None) == 1
        append(file_of(tmp_path), FRAME)
        assert read_all(reader, None) == 1
    assert caplog.text.count("lost+found is left out") == 1


def test_an_old_run_that_grows_again_is_read_at_once(tmp_path: Path) -> None:
    make_old_runs(tmp_path, 20, UNDATED)
    with closing(FrameReader(tmp_path, MOVIES, Begin(), lambda: {1: RUN})) as reader:
        read_all(reader, None)
        grows = file_of(tmp_path, run=UNDATED.format(1, 3), seqno=7)
        append(grows, FRAME)
        assert read_all(reader, {(1, IMG16): {(grows.parent.name, grows.name): (0, 1)}}) == 1
