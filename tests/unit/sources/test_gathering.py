from __future__ import annotations

import pytest

from panoseti_daq.sources.gathering import Gathering

MOST_S = 0.008
LOOK_S = 0.0015  # until a change is seen and read


def followed(rate_hz: float, n_files: int, seconds: float, most_s: float = MOST_S) -> tuple[int, int, float]:
    """Frames that were the newest of their file when it was read, all frames, and batches per second."""
    gathering = Gathering()
    gathering.most_s = most_s
    period_s = 1 / rate_hz
    now, n_read, n_newest, n_batches = 0.0, [0] * n_files, 0, 0
    while now < seconds:
        now += max(LOOK_S, gathering.rest_s)
        n_there = [int(max(0.0, now - i * period_s / n_files) / period_s) for i in range(n_files)]
        blocks = [range(n) for n in (b - a for a, b in zip(n_read, n_there, strict=True)) if n]
        n_read, n_newest, n_batches = n_there, n_newest + len(blocks), n_batches + bool(blocks)
        if blocks:
            gathering.note(blocks)
    return n_newest, sum(n_read), n_batches / seconds


@pytest.mark.parametrize("rate_hz", [100, 150, 300])
def test_frames_are_gathered_as_long_as_nearly_none_is_passed_over(rate_hz: float) -> None:
    n_newest, n_frames, batches_per_s = followed(rate_hz, 8, 60.0)
    assert n_newest >= 0.995 * n_frames
    assert batches_per_s < 0.75 * followed(rate_hz, 8, 60.0, most_s=0.0)[2]


def test_files_that_are_too_fast_for_it_are_not_held_up() -> None:
    n_newest, _, _ = followed(1000, 8, 10.0)
    assert n_newest >= 0.95 * followed(1000, 8, 10.0, most_s=0.0)[0]


def test_without_need_nothing_is_gathered() -> None:
    gathering = Gathering()
    for _ in range(1000):
        gathering.note([range(1)])
    assert gathering.rest_s == 0.0


def test_a_need_that_ends_takes_the_wait_with_it() -> None:
    gathering = Gathering()
    gathering.most_s = MOST_S
    for _ in range(1000):
        gathering.note([range(1)])
    assert gathering.rest_s == MOST_S
    gathering.most_s = 0.0
    gathering.note([range(1)])
    assert gathering.rest_s == 0.0
