"""Beginnings of the cursors of a client: at first, and when it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from support.frames import append, frame_bytes

from panoseti_daq.errors import PffError
from panoseti_daq.pff import Begin, DataProduct, Gap, Kind, PffName, Position, Selection, Stretch
from panoseti_daq.simulator.faults import write_snapshot
from panoseti_daq.sources.reader import FrameReader
from panoseti_daq.sources.runs import RUN_NAME_FILE

IMG8, IMG16, PH256, PH1024 = DataProduct
RUN_1, RUN_2, RUN_3 = (f"obs_Test.start_2026-01-0{day}T00:00:00Z.runtype_sci-data.pffd" for day in (1, 2, 3))
NOW, RUN, TIME = None, 0, 1  # UTC ns since 1970

Delivered = tuple[int, str, str, int, int]


class Client:
    """Takes what readers give it, and knows where it is."""

    def __init__(self, data_dir: Path, wanted: Selection | None = None, begin: int | None = NOW) -> None:
        self.data_dir = data_dir
        self.wanted = wanted or Selection()
        self.begin = begin
        self.positions: dict[tuple[int, DataProduct], Position] = {}
        self.gaps: list[Gap] = []
        self.delivered: list[Delivered] = []

    @contextmanager
    def connected(self) -> Iterator[Callable[[], list[Delivered]]]:
        """Gives what reads everything that there is, and says what came."""
        begin = Begin(self.begin, tuple(self.positions.values()))
        with closing(FrameReader(self.data_dir, self.wanted, begin)) as reader:
            yield lambda: self._read(reader)

    def read(self) -> list[Delivered]:
        """Come, read, and go."""
        with self.connected() as read:
            return read()

    def _read(self, reader: FrameReader) -> list[Delivered]:
        new: list[Delivered] = []
        while items := reader.read(None):
            for item in items:
                at = item if isinstance(item, Position) else item.first
                if isinstance(item, Gap):
                    self.gaps.append(item)
                n_frames = len(item.block) if isinstance(item, Stretch) else 0
                self.positions[at.module_id, at.product] = Position(
                    at.module_id, at.product, at.run, at.file, at.frame_number + n_frames
                )
                if n_frames:
                    new.append((at.module_id, at.product.token, at.run, at.frame_number, n_frames))
        return new


def write(data_dir: Path, module_id: int, run: str, n: int, product: DataProduct = IMG16, seqno: int = 0) -> None:
    path = data_dir / f"module_{module_id}" / run / PffName(product, module_id, seqno).format()
    append(path, b"".join(frame_bytes(product, i) for i in range(n)))


# What is there at first


@pytest.mark.parametrize(("begin", "expected"), [(NOW, []), (RUN, [(1, "img16", RUN_2, 0, 3)])])
def test_what_is_there_at_first_begins_where_the_client_asks(
    tmp_path: Path, begin: int | None, expected: list[Delivered]
) -> None:
    write(tmp_path, 1, RUN_1, 2)
    write(tmp_path, 1, RUN_2, 3)
    client = Client(tmp_path, begin=begin)
    assert client.read() == expected
    write(tmp_path, 1, RUN_2, 1)
    assert client.read() == [(1, "img16", RUN_2, 3, 1)]


# What comes later


@pytest.mark.parametrize("begin", [NOW, RUN, TIME])
def test_a_module_that_appears_while_the_client_is_away_is_read_from_its_first_frame(
    tmp_path: Path, begin: int | None
) -> None:
    write(tmp_path, 1, RUN_1, 1)
    client = Client(tmp_path, begin=begin)
    client.read()
    write(tmp_path, 3, RUN_1, 2)
    write(tmp_path, 3, RUN_2, 4)
    write(tmp_path, 3, RUN_3, 5)
    assert client.read() == [(3, "img16", RUN_1, 0, 2), (3, "img16", RUN_2, 0, 4), (3, "img16", RUN_3, 0, 5)]


def test_a_product_that_appears_while_the_client_is_away_is_read_from_its_first_frame(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, 1)
    client = Client(tmp_path)
    client.read()
    write(tmp_path, 1, RUN_1, 2, PH256)
    write(tmp_path, 1, RUN_2, 3, PH256)
    assert client.read() == [(1, "ph256", RUN_1, 0, 2), (1, "ph256", RUN_2, 0, 3)]


def test_a_module_that_appears_while_the_client_reads_an_older_run_is_read_from_its_first_frame(
    tmp_path: Path,
) -> None:
    write(tmp_path, 1, RUN_1, 1)
    client = Client(tmp_path)
    with client.connected() as read:
        read()
        write(tmp_path, 3, RUN_1, 2)
        write(tmp_path, 3, RUN_2, 4)
        assert read() == [(3, "img16", RUN_1, 0, 2), (3, "img16", RUN_2, 0, 4)]


def test_runs_before_those_of_the_client_are_left_out_of_a_module_that_comes_later(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, 1)
    write(tmp_path, 1, RUN_2, 1)
    (tmp_path / "module_2").mkdir()  # which never had a run
    client = Client(tmp_path)
    client.read()
    write(tmp_path, 3, RUN_1, 5)  # from a disk that was mounted meanwhile
    write(tmp_path, 3, RUN_2, 2)
    assert client.read() == [(3, "img16", RUN_2, 0, 2)]


@pytest.mark.parametrize("wanted", [Selection(), Selection(module_ids={3, 5}), Selection((Kind.MOVIE,))])
def test_a_client_that_came_when_there_was_nothing_gets_everything(tmp_path: Path, wanted: Selection) -> None:
    client = Client(tmp_path, wanted)
    assert client.read() == []
    write(tmp_path, 3, RUN_1, 2)
    write(tmp_path, 3, RUN_2, 1)
    assert client.read() == [(3, "img16", RUN_1, 0, 2), (3, "img16", RUN_2, 0, 1)]


def test_a_client_that_came_when_its_module_was_not_there_gets_the_runs_from_then_on(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_2, 1)
    client = Client(tmp_path, Selection(module_ids={3}))
    assert client.read() == []
    for run in (RUN_1, RUN_2, RUN_3):
        write(tmp_path, 3, run, 1)
    assert [run for _, _, run, _, _ in client.read()] == [RUN_2, RUN_3]


def test_a_data_directory_that_is_away_at_first_counts_as_not_looked_at(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    client = Client(data_dir)
    with client.connected() as read:
        assert read() == []
        write(data_dir, 1, RUN_1, 2)
        assert read() == []  # the frames to come were asked for
        write(data_dir, 1, RUN_1, 1)
        assert read() == [(1, "img16", RUN_1, 2, 1)]


def test_where_a_client_is_told_to_begin_is_told_once(tmp_path: Path) -> None:
    write(tmp_path, 1, RUN_1, 1)
    client = Client(tmp_path)
    with client.connected() as read:
        read()
        assert set(client.positions) == {(1, product) for product in DataProduct}
        client.positions.clear()
        read()
        assert client.positions == {}


def test_a_position_in_what_is_no_run_is_refused(tmp_path: Path) -> None:
    client = Client(tmp_path)
    client.positions[1, IMG16] = Position(1, IMG16, "obs_snapshot", "")
    with pytest.raises(PffError, match="obs_snapshot"):
        client.read()


# Snapshots are no frames of a run


def test_snapshots_are_left_out_without_a_gap(tmp_path: Path) -> None:
    module_dir = tmp_path / "module_1"
    write_snapshot(module_dir, 1, frame_bytes(IMG16, 1))
    client = Client(tmp_path, begin=RUN)
    with client.connected() as read:
        assert read() == []
        write(tmp_path, 1, RUN_1, 2)
        write_snapshot(module_dir, 1, frame_bytes(IMG16, 2))
        assert read() == [(1, "img16", RUN_1, 0, 2)]
        write_snapshot(module_dir, 1, frame_bytes(IMG16, 3))
        assert read() == []
    write(tmp_path, 1, RUN_2, 1)
    assert client.read() == [(1, "img16", RUN_2, 0, 1)]
    assert not client.gaps


@pytest.mark.parametrize("begin", [NOW, RUN])
def test_the_directory_of_the_snapshots_is_not_the_run_at_which_a_client_begins(
    tmp_path: Path, begin: int | None
) -> None:
    write_snapshot(tmp_path / "module_1", 1, frame_bytes(IMG16, 1))
    client = Client(tmp_path, begin=begin)
    client.read()
    run = "obs_Lick.runtype_sci-data.pffd"  # without a start, before obs_snapshot by name
    write(tmp_path, 1, run, 2)
    assert client.read() == [(1, "img16", run, 0, 2)]


def test_a_snapshot_that_is_named_like_a_file_of_a_run_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, 1, "obs_snapshot", 1)
    write(tmp_path, 1, RUN_1, 2)
    (tmp_path / RUN_NAME_FILE).write_text(RUN_1)
    assert Client(tmp_path, begin=RUN).read() == [(1, "img16", RUN_1, 0, 2)]
    client = Client(tmp_path)
    client.positions[1, IMG16] = Position(1, IMG16, "", "")
    assert client.read() == [(1, "img16", RUN_1, 0, 2)]
