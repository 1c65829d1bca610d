"""Files of `Recorder`: the node's files, byte for byte, and a line for each gap."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.frames import block_of, each_product

from panoseti_daq.client import ReceivedBlock
from panoseti_daq.client.record import GAPS_FILE, RESUME_FILE, Recorder
from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct, Gap, Position

RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"
IMG16 = DataProduct.IMG16


def received(
    first: int, n: int, seqno: int = 0, product: DataProduct = IMG16, host: str = "daq1"
) -> ReceivedBlock:
    block = block_of(product, n, first=first, generation=seqno)
    place = block.module_id, block.file, block.first_frame_number
    return ReceivedBlock(block.data, block.layout, *place, host=host, run=RUN)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with closing(Recorder(tmp_path / "out")) as recorder:
        yield recorder


@each_product
def test_blocks_become_the_files_they_came_from(recorder: Recorder, product: DataProduct) -> None:
    blocks = [received(0, 3, 0, product), received(3, 2, 0, product), received(0, 1, 1, product)]
    for block in blocks:
        recorder.write(block)
    run_dir = recorder.out_dir / "module_7" / RUN
    assert (run_dir / blocks[0].file).read_bytes() == bytes(blocks[0].data) + bytes(blocks[1].data)
    assert (run_dir / blocks[2].file).read_bytes() == bytes(blocks[2].data)
    n_bytes = sum(len(block.data) for block in blocks)
    assert (recorder.n_frames, recorder.n_bytes, recorder.n_files) == (6, n_bytes, 2)


def test_a_file_that_is_there_is_continued_at_its_end_only(recorder: Recorder) -> None:
    recorder.write(received(0, 3))
    recorder.close()
    recorder.write(received(3, 1))
    recorder.close()
    with pytest.raises(SourceError, match="is there already and does not end at frame 9"):
        recorder.write(received(9, 1))


# odd night 76
def test_a_recording_goes_on_where_a_killed_one_ended(recorder: Recorder) -> None:
    path = recorder.out_dir / "module_7" / RUN / received(0, 1).file
    recorder.write(received(5, 3))
    recorder.note("the token")
    recorder.close()
    with path.open("ab") as file:
        file.write(bytes(received(8, 2).data)[:-7])  # what came after the note, and the last frame is torn
    with closing(Recorder(recorder.out_dir)) as second:
        assert second.resume_token == "the token"
        second.write(received(8, 4))
        assert (path.read_bytes(), second.n_frames) == (bytes(received(5, 7).data), 3)
        second.write(Gap(Position(7, IMG16, RUN, path.name, 12), 8, "damaged frames were skipped", "daq1"))
        second.write(received(20, 1))
        second.note("another")
    with closing(Recorder(recorder.out_dir)) as third:
        third.write(received(20, 2))
    assert path.read_bytes() == bytes(received(5, 7).data) + bytes(received(20, 2).data)


# odd night 76
def test_a_file_of_other_frames_is_not_continued(recorder: Recorder) -> None:
    recorder.write(received(0, 3))
    recorder.close()
    other = replace(received(0, 4), data=bytes(received(50, 4).data))
    with pytest.raises(SourceError, match="is there already and holds other frames"):
        recorder.write(other)


# odd night 76
@pytest.mark.parametrize("content", ["", "[]", '{"resume": "x"}', "[" * 10_000])
def test_a_note_that_cannot_be_read_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / RESUME_FILE).write_text(content)
    with pytest.raises(SourceError, match=f"{RESUME_FILE} does not say where to continue"):
        Recorder(tmp_path)


def test_a_gap_is_a_line_beside_the_files(recorder: Recorder) -> None:
    gap = Gap(Position(7, IMG16, RUN, "a.pff", 4), 3, "damaged frames were skipped", "daq1")
    recorder.write(gap)
    (line,) = (recorder.out_dir / "module_7" / RUN / GAPS_FILE).read_text().splitlines()
    assert json.loads(line) == {
        "product": "img16",
        "file": "a.pff",
        "frame_number": 4,
        "n_frames": 3,
        "reason": "damaged frames were skipped",
        "host": "daq1",
    }
    assert recorder.n_gaps == 1


def test_room_that_is_to_stay_free_ends_the_recording(tmp_path: Path) -> None:
    with closing(Recorder(tmp_path, min_free_bytes=1 << 62)) as recorder:
        with pytest.raises(SourceError, match="recording stopped: .* are to stay free"):
            recorder.write(received(0, 1))
    assert not list(tmp_path.iterdir())


def test_a_directory_that_cannot_be_made_or_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match=r"cannot record to .*file/out: Not a directory"):
        Recorder(tmp_path / "file" / "out")
    with closing(Recorder(tmp_path / "out")) as recorder:
        (tmp_path / "out" / "module_7").touch()
        with pytest.raises(SourceError, match=r"cannot record to .*out: "):
            recorder.write(received(0, 1))


def test_a_module_of_two_hosts_is_written_apart(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    # odd night 20
    for first in (0, 1):
        recorder.write(received(first, 1))
        recorder.write(received(first, 1, host="unix:///run/../daq2"))
    file = received(0, 1).file
    assert (recorder.out_dir / "module_7" / RUN / file).read_bytes() == bytes(received(0, 2).data)
    apart = recorder.out_dir / "from_unix____run_.._daq2" / "module_7" / RUN / file
    assert apart.read_bytes() == bytes(received(0, 2).data)
    assert [record.getMessage() for record in caplog.records] == [
        f"module 7 comes from daq1 and from unix:///run/../daq2, which goes to {apart.parents[2]}"
    ]


def test_a_link_is_not_written_through(recorder: Recorder, tmp_path: Path) -> None:
    # odd night 19
    outside = tmp_path / "outside"
    block = received(0, 1)
    run_dir = recorder.out_dir / "module_7" / RUN
    run_dir.mkdir(parents=True)
    for name in (block.file, GAPS_FILE):
        (run_dir / name).symlink_to(outside)
    for item in (block, Gap(Position(7, IMG16, RUN, "", 0), None, "gone", "daq1")):
        with pytest.raises(SourceError, match="symbolic links"):
            recorder.write(item)
    assert not outside.exists()
