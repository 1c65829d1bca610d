"""Every frame of a module and product exactly once, or a gap that says which are missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import append as append_to
from support.frames import frame_bytes

from panoseti_daq.pff import DataProduct, Gap, Position, Stretch, open_file
from panoseti_daq.sources.cursor import Cursor, position_in_run
from panoseti_daq.sources.places import earliest_run

PH256 = DataProduct.PH256
RUN_1 = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
RUN_2 = "obs_Test.start_2026-01-02T00:00:00Z.runtype_sci-data.pffd"


def file_name(seqno: int, product: DataProduct = PH256) -> str:
    return f"start_2026-01-01T00:00:{seqno:02}Z.dp_{product.token}.bpp_2.module_1.seqno_{seqno}.pff"


def append(module_dir: Path, run: str, seqno: int, data: bytes) -> Path:
    path = module_dir / run / file_name(seqno)
    append_to(path, data)
    return path


def frames(first: int, n: int) -> bytes:
    return b"".join(frame_bytes(PH256, number) for number in range(first, first + n))


def read_all(cursor: Cursor) -> list[Stretch | Gap]:
    return list(iter(cursor.read, None))


def places(items: list[Stretch | Gap]) -> list[tuple[str, str, int, int]]:
    found = []
    for item in items:
        assert isinstance(item, Stretch), item
        found.append((item.first.run, item.first.file, item.first.frame_number, len(item.block)))
    return found


def data_of(items: list[Stretch | Gap]) -> bytes:
    return b"".join(bytes(item.block.data) for item in items if isinstance(item, Stretch))


def test_it_reads_from_file_to_file_and_from_run_to_run(tmp_path: Path) -> None:
    for run, seqno, first, n in ((RUN_1, 0, 0, 3), (RUN_1, 4, 3, 2), (RUN_2, 0, 5, 1)):
        append(tmp_path, run, seqno, frames(first, n))
    items = read_all(Cursor(tmp_path, 1, PH256))
    assert places(items) == [
        (RUN_1, file_name(0), 0, 3),
        (RUN_1, file_name(4), 0, 2),
        (RUN_2, file_name(0), 0, 1),
    ]
    assert data_of(items) == frames(0, 6)


def test_files_are_in_the_order_of_their_seqno_and_not_of_their_name(tmp_path: Path) -> None:
    for i, seqno in enumerate((2, 10, 9)):
        append(tmp_path, RUN_1, seqno, frames(i, 1))
    assert [place[1] for place in places(read_all(Cursor(tmp_path, 1, PH256)))] == [
        file_name(seqno) for seqno in (2, 9, 10)
    ]


@given(cuts=st.lists(st.integers(1, 2000), min_size=1, max_size=20), per_file=st.integers(1, 5))
def test_appends_of_any_size_give_every_frame_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], per_file: int
) -> None:
    module_dir = tmp_path_factory.mktemp("module")
    cursor = Cursor(module_dir, 1, PH256)
    everything = [frames(seqno * per_file, per_file) for seqno in range(3)]
    items: list[Stretch | Gap] = []
    for seqno, data in enumerate(everything):
        at = 0
        for cut in [*cuts, len(data)]:
            append(module_dir, RUN_1, seqno, data[at : at + cut])
            at += cut
            items += read_all(cursor)
    assert data_of(items) == b"".join(everything)
    assert not any(isinstance(item, Gap) for item in items)


def test_the_rest_of_a_file_that_comes_after_the_next_file_appeared_is_read_first(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path, 1, PH256)
    append(tmp_path, RUN_1, 0, frames(0, 1))
    assert data_of(read_all(cursor)) == frames(0, 1)
    append(tmp_path, RUN_1, 1, b"")  # opened by the writer, still empty
    assert read_all(cursor) == []
    append(tmp_path, RUN_1, 0, frames(1, 2))
    append(tmp_path, RUN_1, 1, frames(3, 1))
    assert data_of(read_all(cursor)) == frames(1, 3)


def test_a_file_that_is_deleted_while_it_is_open_is_read_to_its_end(tmp_path: Path) -> None:
    path = append(tmp_path, RUN_1, 0, frames(0, 1))
    cursor = Cursor(tmp_path, 1, PH256)
    read_all(cursor)
    append(tmp_path, RUN_1, 0, frames(1, 1))
    path.unlink()
    append(tmp_path, RUN_2, 0, frames(2, 1))
    assert data_of(read_all(cursor)) == frames(1, 2)


def test_files_deleted_before_a_slow_reader_comes_to_them_are_a_gap_with_their_size(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, frames(0, 3))
    lost = append(tmp_path, RUN_1, 1, frames(3, 4))
    append(tmp_path, RUN_1, 2, frames(7, 1))
    cursor = Cursor(tmp_path, 1, PH256, block_bytes=700, look_ahead_every_s=0.0)  # a frame at a time
    first, second = cursor.read(), cursor.read()
    assert isinstance(first, Stretch)
    assert isinstance(second, Stretch)
    lost.unlink()
    items = read_all(cursor)
    gap = next(item for item in items if isinstance(item, Gap))
    assert (gap.first.file, gap.first.frame_number, gap.n_frames) == (lost.name, 0, 4)
    assert data_of([first, second, *items]) == frames(0, 3) + frames(7, 1)


def test_it_goes_on_at_a_position(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, frames(0, 5))
    cursor = Cursor(tmp_path, 1, PH256, at=Position(1, PH256, RUN_1, file_name(0), 3))
    assert data_of(read_all(cursor)) == frames(3, 2)


def test_a_position_in_a_file_that_is_gone_is_a_gap_and_reading_goes_on_after_it(tmp_path: Path) -> None:
    append(tmp_path, RUN_2, 0, frames(0, 1))
    cursor = Cursor(tmp_path, 1, PH256, at=Position(1, PH256, RUN_1, file_name(3), 7))
    gap, stretch = read_all(cursor)
    assert isinstance(gap, Gap)
    assert (gap.first.run, gap.first.frame_number, gap.n_frames) == (RUN_1, 7, None)
    assert isinstance(stretch, Stretch)
    assert stretch.first.run == RUN_2


def test_a_frame_that_never_became_whole_is_a_gap_of_one(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, frames(0, 2)[:-10])
    append(tmp_path, RUN_1, 1, frames(2, 1))
    before, gap, after = read_all(Cursor(tmp_path, 1, PH256))
    assert isinstance(gap, Gap)
    assert (gap.first.frame_number, gap.n_frames) == (1, 1)
    assert data_of([before, after]) == frames(0, 1) + frames(2, 1)


def test_runs_before_the_one_asked_for_are_left_out(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, frames(0, 1))
    append(tmp_path, RUN_2, 0, frames(1, 1))
    assert data_of(read_all(Cursor(tmp_path, 1, PH256, from_run=RUN_2))) == frames(1, 1)


def test_other_products_and_empty_files_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, b"")
    (tmp_path / RUN_1 / file_name(1, DataProduct.IMG16)).write_bytes(frame_bytes(DataProduct.IMG16, 0))
    (tmp_path / RUN_1 / "notes.pff").write_text("no")
    assert read_all(Cursor(tmp_path, 1, PH256)) == []


def test_snapshots_are_passed_over(tmp_path: Path) -> None:
    append(tmp_path, "obs_snapshot", 0, frames(0, 1))
    append(tmp_path, RUN_1, 0, frames(1, 1))
    (tmp_path / RUN_1 / "start_2026-01-01T00:00:00Z.ph256.seqno_0.pff").write_bytes(frames(2, 1))
    cursor = Cursor(tmp_path, 1, PH256)
    assert data_of(read_all(cursor)) == frames(1, 1)
    append(tmp_path, RUN_2, 0, frames(3, 1))
    assert places(read_all(cursor)) == [(RUN_2, file_name(0), 0, 1)]


@pytest.mark.parametrize(
    ("runs", "earliest"),
    [
        ([RUN_2, "", RUN_1], RUN_1),
        (["obs_Z.start_2025-12-31T23_59_59Z.pffd", RUN_1], "obs_Z.start_2025-12-31T23_59_59Z.pffd"),
        ([RUN_1, "obs_Z"], "obs_Z"),  # nobody knows when it started
        (["", ""], ""),
        ([], ""),
    ],
)
def test_the_earliest_run_is_the_one_that_started_first(runs: list[str], earliest: str) -> None:
    assert earliest_run(runs) == earliest


def test_a_module_that_is_not_there_yet_is_read_when_it_is(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "module_1", 1, PH256)
    assert read_all(cursor) == []
    append(tmp_path / "module_1", RUN_1, 0, frames(0, 1))
    assert data_of(read_all(cursor)) == frames(0, 1)


def test_the_end_of_a_run_is_after_its_last_whole_frame(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, frames(0, 2))
    append(tmp_path, RUN_1, 1, frames(2, 3)[:-1])
    assert position_in_run(tmp_path, RUN_1, 1, PH256) == Position(1, PH256, RUN_1, file_name(1), 2)
    assert position_in_run(tmp_path, RUN_2, 1, PH256) is None


def test_a_time_leads_to_the_first_frame_not_before_it(tmp_path: Path) -> None:
    for seqno in range(3):
        taken = (frame_bytes(PH256, i, tv_sec=1_721_882_092 + 5 * i) for i in range(4 * seqno, 4 * seqno + 4))
        append(tmp_path, RUN_1, seqno, b"".join(taken))
    paths = sorted((tmp_path / RUN_1).iterdir())
    times = [int(ns) for path in paths for ns in open_file(path).times[0]]
    for i, unix_ns in enumerate(times):
        for since_ns in (unix_ns, unix_ns - 1):
            position = position_in_run(tmp_path, RUN_1, 1, PH256, since_ns)
            assert position == Position(1, PH256, RUN_1, file_name(i // 4), i % 4)
    after = position_in_run(tmp_path, RUN_1, 1, PH256, times[-1] + 1)
    assert after == Position(1, PH256, RUN_1, file_name(2), 4)


def gaps_of(items: list[Stretch | Gap]) -> list[tuple[int, int | None, str]]:
    found = [item for item in items if isinstance(item, Gap)]
    return [(gap.first.frame_number, gap.n_frames, gap.reason.partition(":")[0]) for gap in found]


def test_a_file_that_was_written_again_is_read_again_after_a_gap_of_unknown_size(tmp_path: Path) -> None:
    path = append(tmp_path, RUN_1, 0, frames(0, 3))
    cursor = Cursor(tmp_path, 1, PH256)
    read_all(cursor)
    path.write_bytes(frames(7, 1))
    items = read_all(cursor)
    assert gaps_of(items) == [(0, 3, "the file was truncated")]
    assert data_of(items) == frames(7, 1)


def test_a_file_that_is_not_pff_is_a_gap_and_the_next_one_is_read(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 0, b"{" + b"x" * 9000)
    append(tmp_path, RUN_1, 1, frames(0, 2))
    items = read_all(Cursor(tmp_path, 1, PH256))
    assert gaps_of(items)[0] == (0, None, "the file is not PFF")
    assert data_of(items) == frames(0, 2)


def test_a_file_that_is_gone_before_it_is_opened_is_a_gap(tmp_path: Path) -> None:
    append(tmp_path, RUN_1, 1, frames(0, 2))
    at = Position(1, PH256, RUN_1, file_name(0), 5)
    items = read_all(Cursor(tmp_path, 1, PH256, at))
    assert gaps_of(items) == [(5, None, "the file was deleted before it was read")]
    assert data_of(items) == frames(0, 2)


def test_frames_without_a_time_and_files_that_are_not_pff_are_passed_over_on_the_way_to_a_time(
    tmp_path: Path,
) -> None:
    seconds = [1_721_882_092, 0, 0, 1_721_882_102]
    append(tmp_path, RUN_1, 0, b"".join(frame_bytes(PH256, i, tv_sec=s) for i, s in enumerate(seconds)))
    append(tmp_path, RUN_1, 1, b"no frames")
    (tmp_path / RUN_1 / "notes.pff").write_text("no")
    last_ns = int(open_file(tmp_path / RUN_1 / file_name(0)).times[0][3])
    position = position_in_run(tmp_path, RUN_1, 1, PH256, last_ns)
    assert position is not None
    assert (position.file, position.frame_number) == (file_name(0), 1)  # its own neighbors may be as late
