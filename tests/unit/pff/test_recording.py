from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.frames import frame_bytes

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import DataProduct, PffName, open_run

IMG8, IMG16, PH256, PH1024 = DataProduct
START = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "obs_Test.start_2026-01-01T00:00:00Z.runtype_sci-data.pffd"


def write(
    run_dir: Path, product: DataProduct, seqno: int, *which: int, module_id: int = 1, more: bytes = b""
) -> None:
    run_dir.mkdir(parents=True, exist_ok=True)
    name = PffName(product, module_id, seqno, START + timedelta(minutes=seqno))
    (run_dir / name.format()).write_bytes(b"".join(frame_bytes(product, i) for i in which) + more)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    run_dir = tmp_path / RUN
    write(run_dir, IMG16, 0, 0, 1, 2)
    write(run_dir, IMG16, 1)  # empty
    write(run_dir, IMG16, 2, 3, 4, more=b"{ a part")
    write(run_dir, IMG16, 10, 5)
    write(run_dir, PH256, 3, 0, 1)
    write(run_dir, IMG16, 0, 0, module_id=2)
    return run_dir


def numbers_of(images: np.ndarray[tuple[int, int, int], np.dtype[np.generic]]) -> list[int]:
    return [int(image[0, 0]) for image in images]


def test_files_are_joined_over_rotations_by_module_and_product(run_dir: Path) -> None:
    run = open_run(run_dir)
    assert {key: len(recording) for key, recording in run.items()} == {(1, IMG16): 6, (1, PH256): 2, (2, IMG16): 1}
    recording = run[1, "img16"]
    assert run[1, IMG16] is recording
    assert (run.name, recording.run, recording.module_id, recording.product) == (RUN, RUN, 1, IMG16)
    assert [len(block) for block in recording.blocks] == [3, 2, 1]
    assert numbers_of(recording.images) == [frame.image[0, 0] for frame in recording]
    assert recording.columns["pkt_num"].shape == (6, 4)
    unix_ns, status = recording.times
    assert (unix_ns.shape, status.shape, recording.valid.tolist()) == ((6,), (6,), [True] * 6)
    assert unix_ns.tolist() == [frame.time.unix_ns for frame in recording]


@pytest.mark.parametrize("which", [slice(2, 5), slice(None, 2), slice(-1, None), slice(4, 2), slice(0, 99)])
def test_a_slice_of_a_recording_crosses_files(run_dir: Path, which: slice) -> None:
    recording = open_run(run_dir)[1, "img16"]
    part = recording[which]
    assert len(part) == len(range(6)[which])
    assert numbers_of(part.images) == numbers_of(recording.images[which])
    assert part.times[0].tolist() == recording.times[0][which].tolist()


def test_a_recording_is_a_sequence_of_frames(run_dir: Path) -> None:
    recording = open_run(run_dir)[1, "img16"]
    assert [(recording[i].file, recording[i].frame_number) for i in (0, 3, -1)] == [
        (recording.blocks[0].file, 0),
        (recording.blocks[1].file, 0),
        (recording.blocks[2].file, 0),
    ]
    with pytest.raises(IndexError, match="has no frame 6"):
        recording[6]
    with pytest.raises(ValueError, match="invalid step: 3; allowed: 1"):
        recording[::3]


def test_headers_become_a_table_of_all_files(run_dir: Path) -> None:
    recording = open_run(run_dir)[1, "img16"]
    table = recording.to_pandas()
    assert table.index.names == ["file", "frame_number"]
    assert [number for _, number in table.index] == [0, 1, 2, 0, 1, 0]
    assert table["unix_ns"].tolist() == recording.times[0].tolist()


def test_runs_and_recordings_show_what_they_are(run_dir: Path) -> None:
    run = open_run(run_dir)
    assert repr(run) == f"<Run {RUN}, frames of module 1 img16: 6, module 1 ph256: 2, module 2 img16: 1>"
    assert repr(run[1, "img16"]) == f"<Recording module 1 img16, 6 frames in 3 files of {RUN}>"


def test_what_is_not_there_is_said_with_what_there_is(run_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="module 2 ph256 not found in .*; there are: 1 img16, 1 ph256, 2 img16"):
        open_run(run_dir)[2, "ph256"]
    with pytest.raises(NotADirectoryError, match="does not exist"):
        open_run(tmp_path / "nowhere")
    write(tmp_path / "empty.pffd", IMG8, 0, more=b"{ a part")
    with pytest.raises(PffError, match="no file of .* holds a whole frame"):
        open_run(tmp_path / "empty.pffd")
    with pytest.raises(ConfigError, match="holds 2 runs: empty.pffd, obs_Test"):
        open_run(tmp_path)
