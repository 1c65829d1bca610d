"""Pace: messages of a stream follow its line."""

from __future__ import annotations

import pytest

from panoseti_daq.service.pace import SLOW_S, Pace


class Line:
    """A line to a client who makes room for half of what is sent ahead at once, as gRPC does.

    Parameters
    ----------
    frames_per_s
        What it carries.
    n_ahead
        Frames that are sent ahead.
    n_allowed
        Frames that a message may hold.
    """

    def __init__(self, frames_per_s: float, n_ahead: int = 30, n_allowed: int = 16) -> None:
        self.now = 0.0
        self.frames_per_s = frames_per_s
        self.free_at = 0.0  # when all that is under way has arrived
        self.ages: list[float] = []  # of the frames, when they arrive, s
        self.pace = Pace(n_allowed, lambda: self.now)
        self._n_ahead = n_ahead
        self._room = n_ahead
        self._given_back: list[float] = []  # when each frame arrives that is not given back

    def _wait_for_room(self) -> None:
        half = self._n_ahead // 2
        self.now = max(self.now, self._given_back[half - 1])
        self._take_back()

    def _take_back(self) -> None:
        half = self._n_ahead // 2
        while len(self._given_back) >= half and self._given_back[half - 1] <= self.now:
            del self._given_back[:half]
            self._room += half

    def sends(self, n_waiting: int = 1000, every_s: float = 0.001) -> int:
        """Let as many frames as there may be go in one message, and return their number."""
        self.now += max(every_s, self.pace.pause_s)
        self._take_back()
        chosen_at, n = self.now, min(self.pace.n_most, n_waiting)
        self.pace.begin()
        for _ in range(n):
            if not self._room:
                self._wait_for_room()
            self._room -= 1
            self.free_at = max(self.free_at, self.now) + 1 / self.frames_per_s
            self._given_back.append(self.free_at)
        self.pace.end(n, self.now)
        self.ages += [self.free_at - chosen_at] * n
        return n

    def run(self, duration_s: float) -> int:
        """Send for some time, and return how many frames."""
        end = self.now + duration_s
        n = 0
        while self.now < end:
            n += self.sends()
        return n


@pytest.mark.parametrize("frames_per_s", [20, 45, 200])
def test_frames_on_a_thin_line_are_as_old_as_what_is_sent_ahead_of_them(frames_per_s: float) -> None:
    line = Line(frames_per_s)
    line.run(3.0)
    line.ages.clear()
    line.run(20.0)
    assert max(line.ages) <= 1.15 * 30 / frames_per_s + SLOW_S
    assert line.pace.n_most <= max(1, SLOW_S * frames_per_s)


@pytest.mark.parametrize("frames_per_s", [20, 45, 200, 2000])
def test_nothing_of_a_thin_line_is_left_unused(frames_per_s: float) -> None:
    line = Line(frames_per_s)
    line.run(3.0)
    assert line.run(20.0) >= 0.95 * 20.0 * frames_per_s


def test_a_line_that_becomes_free_is_used_at_once() -> None:
    line = Line(20)
    line.run(5.0)
    line.frames_per_s = 1e6
    line.free_at = line.now
    line.run(5.0)
    assert line.pace.n_most == 16
    assert line.pace.pause_s == 0


def test_one_pause_of_the_network_is_soon_forgotten() -> None:
    line = Line(1e6)
    line.run(1.0)
    line.free_at = line.now + 2.0  # nothing goes through
    line.run(2.1)
    assert line.run(3.0) >= 1000
    assert line.pace.pause_s == 0


def test_many_frames_go_into_one_message_where_that_is_allowed_and_the_line_takes_them() -> None:
    line = Line(1e9, n_ahead=10_000, n_allowed=116)
    assert [line.sends() for _ in range(5)] == [16, 32, 64, 116, 116]


def test_a_message_that_was_not_full_says_nothing_about_larger_ones() -> None:
    line = Line(1e9, n_ahead=10_000, n_allowed=116)
    assert [line.sends(n_waiting=3) for _ in range(5)] == [3] * 5
    assert line.pace.n_most == 16


def test_a_client_that_cannot_take_batches_gets_none() -> None:
    line = Line(1e9, n_ahead=10_000, n_allowed=1)
    assert [line.sends() for _ in range(3)] == [1] * 3
