"""How the messages of a stream follow its line."""

from __future__ import annotations

from itertools import pairwise

import pytest

from panoseti_daq.service.batch_size import SLOW_S, BatchSize


class Line:
    """A line on which each frame takes `s_per_frame`, and the clock of who waits for it."""

    def __init__(self, s_per_frame: float) -> None:
        self.s_per_frame = s_per_frame
        self.now = 0.0

    def sends(self, size: BatchSize, n_waiting: int = 1000) -> int:
        """Let as many frames as there may be go in one message, and return their number."""
        n = min(size.n_most, n_waiting)
        size.begin()
        self.now += n * self.s_per_frame
        size.end(n)
        return n


def size_for(line: Line, n_allowed: int = 16) -> BatchSize:
    return BatchSize(n_allowed, lambda: line.now)


def test_messages_on_a_thin_line_become_so_small_that_none_waits_long() -> None:
    line = Line(0.022)  # img16 at 100 kB/s
    size = size_for(line)
    assert [line.sends(size) for _ in range(6)] == [16, 8, 4, 2, 2, 2]


def test_on_the_thinnest_line_a_message_holds_one_frame() -> None:
    line = Line(1.0)
    size = size_for(line)
    assert [line.sends(size) for _ in range(6)] == [16, 8, 4, 2, 1, 1]


def test_messages_grow_again_when_the_line_is_free() -> None:
    line = Line(1.0)
    size = size_for(line)
    for _ in range(5):
        line.sends(size)
    line.s_per_frame = 1e-5
    assert [line.sends(size) for _ in range(6)] == [1, 2, 4, 8, 16, 16]


def test_many_frames_go_into_one_message_where_that_is_allowed_and_the_line_takes_them() -> None:
    line = Line(1e-5)
    size = size_for(line, 116)
    assert [line.sends(size) for _ in range(5)] == [16, 32, 64, 116, 116]


def test_a_message_that_was_not_full_says_nothing_about_larger_ones() -> None:
    line = Line(1e-5)
    size = size_for(line, 116)
    assert [line.sends(size, n_waiting=3) for _ in range(5)] == [3] * 5
    assert size.n_most == 16


def test_a_client_that_cannot_take_batches_gets_none() -> None:
    line = Line(1e-5)
    size = size_for(line, 1)
    assert [line.sends(size) for _ in range(3)] == [1] * 3


@pytest.mark.parametrize("ms_per_frame", [0.01, 0.5, 2.0, 3.1, 6.0, 12.0, 30.0])
def test_the_size_comes_to_rest(ms_per_frame: float) -> None:
    line = Line(ms_per_frame / 1e3)
    size = size_for(line)
    sent = [line.sends(size) for _ in range(20)][10:]
    assert all(one == next_one for one, next_one in pairwise(sent))
    assert sent[0] == 1 or sent[0] * ms_per_frame / 1e3 <= SLOW_S
