from __future__ import annotations

from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.frames import each_product, frame_bytes

from panoseti_daq.pff import DataProduct, PffName
from panoseti_daq.simulator.writer import Buffering, RunWriter

IMG8, IMG16, PH256, PH1024 = DataProduct


class Journal:
    """What reaches the disk: stands between the writer and its files, as strace would."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, int]] = []

    def open(self, path: Path) -> BinaryIO:
        """Open a file to append to it, for a `RunWriter`."""
        journal = self

        class Observed(FileIO):
            def write(self, data: Any) -> int:
                journal.entries.append(("write", path.name, len(data)))
                return super().write(data)

            def close(self) -> None:
                journal.entries.append(("close", path.name, 0))
                super().close()

        self.entries.append(("open", path.name, 0))
        return Observed(path, "ab")

    def sizes(self, product: DataProduct) -> list[int]:
        return [
            size for what, name, size in self.entries if what == "write" and PffName.parse(name).product is product
        ]


@pytest.fixture
def journal() -> Journal:
    return Journal()


def sizes_in(run_dir: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in run_dir.iterdir()}


@each_product
def test_hashpipe_writes_whole_stdio_buffers_and_the_rest_at_the_end(
    tmp_path: Path, journal: Journal, product: DataProduct
) -> None:
    buffer_bytes = 4096 if product is PH256 else 1048576
    frame = frame_bytes(product)
    n_frames = int(2.5 * buffer_bytes) // len(frame)
    with closing(RunWriter(tmp_path, 1, buffering=Buffering.HASHPIPE, open_file=journal.open)) as writer:
        for _ in range(n_frames):
            writer.write(product, frame)
        assert journal.sizes(product) == [buffer_bytes, buffer_bytes]
    assert journal.sizes(product) == [buffer_bytes, buffer_bytes, n_frames * len(frame) - 2 * buffer_bytes]


def test_hashpipe_usually_leaves_a_part_of_a_frame_at_the_end(tmp_path: Path) -> None:
    frame = frame_bytes(PH256)
    with closing(RunWriter(tmp_path, 1, buffering=Buffering.HASHPIPE)) as writer:
        for _ in range(7):
            writer.write(PH256, frame)
        (size,) = filter(None, sizes_in(tmp_path).values())
        assert size == 4096
        assert size % len(frame)


@each_product
def test_frame_buffering_writes_each_frame_at_once(tmp_path: Path, journal: Journal, product: DataProduct) -> None:
    frame = frame_bytes(product)
    with closing(RunWriter(tmp_path, 1, open_file=journal.open)) as writer:
        for i in range(1, 4):
            writer.write(product, frame)
            assert journal.sizes(product) == [len(frame)] * i


@pytest.mark.parametrize("buffering", Buffering)
def test_file_holds_the_frames_in_order(tmp_path: Path, buffering: Buffering) -> None:
    frames = [frame_bytes(IMG16, i) for i in range(500)]
    with closing(RunWriter(tmp_path, 1, buffering=buffering)) as writer:
        for frame in frames:
            writer.write(IMG16, frame)
    (path,) = tmp_path.glob("*dp_img16*")
    assert path.read_bytes() == b"".join(frames)


def test_files_of_all_products_are_there_from_the_start(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path / "module_9" / "run", 9)) as writer:
        names = [PffName.parse(name) for name in sizes_in(writer.run_dir)]
    assert {name.product for name in names} == set(DataProduct)
    assert {(name.module_id, name.seqno) for name in names} == {(9, 0)}


def test_unused_files_stay_empty(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path, 1)) as writer:
        writer.write(IMG16, frame_bytes(IMG16))
    sizes = {PffName.parse(name).product: size for name, size in sizes_in(tmp_path).items()}
    assert sizes == {IMG8: 0, IMG16: len(frame_bytes(IMG16)), PH256: 0, PH1024: 0}


def test_rotation_opens_the_new_file_before_the_old_ones_last_bytes(tmp_path: Path, journal: Journal) -> None:
    frame = frame_bytes(IMG16)
    with closing(
        RunWriter(tmp_path, 1, buffering=Buffering.HASHPIPE, max_file_frames=2, open_file=journal.open)
    ) as writer:
        del journal.entries[:]
        for _ in range(3):
            writer.write(IMG16, frame)
        steps = [(what, PffName.parse(name).seqno, size) for what, name, size in journal.entries]
    assert steps == [("open", 1, 0), ("write", 0, 2 * len(frame)), ("close", 0, 0)]


def test_products_share_the_count_of_files(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path, 1, max_file_frames=1)) as writer:
        for product in (IMG16, PH256, IMG16, PH256):
            writer.write(product, frame_bytes(product))
    names = sorted((PffName.parse(name) for name in sizes_in(tmp_path)), key=lambda name: name.seqno)
    rotated = [(name.product, name.seqno) for name in names if name.seqno]
    assert rotated == [(IMG16, 1), (PH256, 2)]


def test_old_files_are_deleted_when_only_some_are_kept(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path, 1, max_file_frames=1, keep_files=2)) as writer:
        for i in range(5):
            writer.write(IMG16, frame_bytes(IMG16, i))
    assert sorted(PffName.parse(path.name).seqno for path in tmp_path.glob("*img16*")) == [3, 4]


def test_names_of_the_first_files_may_be_given(tmp_path: Path) -> None:
    name = "start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_1.seqno_3.pff"
    RunWriter(tmp_path, 1, names={IMG16: name}).close()
    assert name in sizes_in(tmp_path)
    assert len(sizes_in(tmp_path)) == 4


def test_frames_are_counted_per_product(tmp_path: Path) -> None:
    with closing(RunWriter(tmp_path, 1, max_file_frames=2)) as writer:
        for _ in range(5):
            writer.write(PH1024, frame_bytes(PH1024))
    assert writer.n_frames == {IMG8: 0, IMG16: 0, PH256: 0, PH1024: 5}


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path, 1)
    writer.close()
    writer.close()
