"""Known frames: where a file was cut and written again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.frames import frame_bytes, layout_of

from panoseti_daq.pff import DataProduct
from panoseti_daq.sources.known import KnownFrames

PH256 = DataProduct.PH256
N_FRAMES = 200
FRAMES = [frame_bytes(PH256, i) for i in range(2 * N_FRAMES)]
SIZE = len(FRAMES[0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 90), max_size=8), st.integers(0, N_FRAMES), st.integers(0, N_FRAMES))
def test_the_first_frame_that_is_not_as_it_was_is_found_however_they_were_read(
    tmp_path: Path, at_once: list[int], n_left: int, n_written: int
) -> None:
    path, known, n_read = tmp_path / "file", KnownFrames(), 0
    path.write_bytes(b"".join(FRAMES[:N_FRAMES]))
    for n in [*at_once, N_FRAMES]:
        frames = FRAMES[n_read : min(n_read + n, N_FRAMES)]
        if frames:
            known.add(n_read * SIZE, n_read, layout_of(PH256), b"".join(frames))
            n_read += len(frames)
    path.write_bytes(b"".join(FRAMES[:n_left] + FRAMES[N_FRAMES : N_FRAMES + n_written]))
    with path.open("rb") as file:
        changed = known.first_changed(file.fileno())
    assert changed == ((n_left * SIZE, n_left) if n_left < N_FRAMES else None)


@pytest.mark.parametrize("n_frames", [1, 100])
@pytest.mark.parametrize("place", ["first", "last"])
def test_one_digit_of_a_header_makes_another_frame(tmp_path: Path, n_frames: int, place: str) -> None:
    known, path = KnownFrames(), tmp_path / "file"
    known.add(0, 0, layout_of(PH256), b"".join(FRAMES[:n_frames]))
    changed = bytearray(b"".join(FRAMES[:n_frames]))
    begin, end = layout_of(PH256).slots[0 if place == "first" else -1]
    changed[(n_frames - 1) * SIZE + end - 1] ^= 1
    path.write_bytes(changed)
    assert begin < end
    with path.open("rb") as file:
        assert known.first_changed(file.fileno()) == ((n_frames - 1) * SIZE, n_frames - 1)


def test_frames_that_somebody_else_read_are_known_too(tmp_path: Path) -> None:
    known, path = KnownFrames(), tmp_path / "file"
    path.write_bytes(b"".join(FRAMES[:60]))
    fd = os.open(path, os.O_RDONLY)
    known.learn(fd, layout_of(PH256), 50)
    known.add(50 * SIZE, 50, layout_of(PH256), b"".join(FRAMES[50:60]))
    assert known.first_changed(fd) is None
    path.write_bytes(b"".join(FRAMES[:45] + FRAMES[100:115]))
    assert known.first_changed(fd) == (45 * SIZE, 45)
    os.close(fd)
