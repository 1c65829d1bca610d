"""Intake of a window: what came since the last look, held while the picture stands, counted. No Qt."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq.client import ReceivedBlock, ReceivedFrame
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.clock import Clock, clock_text, newest_text
from panoseti_daq.viewers.host.feed import WindowFeed
from panoseti_daq.viewers.host.timeline import as_received
from panoseti_daq.viewers.modules import BySource, Source

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb

_log = logging.getLogger(__name__)


class Intake:
    """Frames, blocks and statuses on their way from a feed to the viewers.

    **Holds** the newest frame of each key and host while the picture stands. For one thread.

    `feed`: where they come from. `clock`: where ages are counted. `pulses`: what holds the largest pulses; None
    for the newest.
    """

    def __init__(self, feed: WindowFeed, clock: Clock, pulses: LargestPulses | None) -> None:
        self.n_frames = 0  # How many were given out
        self.clock_texts: list[str] = []  # What there is to say of the clocks of hosts
        self._feed = feed
        self._clock = clock
        self._pulses = pulses
        self._waiting: BySource = {}
        self._newest_s: float | None = None
        self._sources: set[Source] = set()
        self._said: dict[str, object] = {}

    @property
    def age_text(self) -> str:
        """Age of the newest frame."""
        return newest_text(None if self._newest_s is None else self._clock.now_s() - self._newest_s)

    def blocks(self) -> list[ReceivedBlock]:
        """Return the blocks that came."""
        return self.count_blocks(self._feed.frames.take_blocks())

    def count_blocks(self, blocks: list[ReceivedBlock]) -> list[ReceivedBlock]:
        """Return blocks as they came, having noted them."""
        if blocks:
            self.n_frames += sum(map(len, blocks))
            self._newest_s = self._clock.newest_of(blocks[-1])
            if self._pulses is not None:
                self._waiting |= self._pulses.of_blocks(blocks)
        return blocks

    def frames(self, came: BySource, *, stands: bool) -> BySource:
        """Return the frames to be shown: none while the picture stands, and what waited when it continues."""
        if self._pulses is not None:
            came = self._pulses.apply(came)
        waiting = self._waiting | came
        self._waiting = waiting if stands else {}
        if stands or not waiting:
            return {}
        for host, ahead_s in self._clock.differences(waiting.values()).items():
            self.clock_texts.append(clock_text(host, ahead_s))
            _log.warning("%s; ages are by the server's clock", self.clock_texts[-1])
        return self._count(waiting)

    def of_past(self, frames: BySource) -> BySource:
        """Return frames of a time that is shown again: with the largest pulses until then, if these are held."""
        if self._pulses is not None:
            frames, self._waiting = self._pulses.apply(frames | self._waiting), {}
        return self._count(frames)

    def forget_pulses(self) -> None:
        """Hold no pulse of later: the time that is shown went back."""
        if self._pulses is not None:
            self._pulses.clear()

    def _count(self, frames: BySource) -> BySource:
        self.n_frames += len(frames)
        taken = [self._clock.taken_s(frame) for frame in frames.values()]
        self._newest_s = max((s for s in taken if not math.isnan(s)), default=self._clock.now_s())
        return frames

    def has_new_keys(self, frames: BySource) -> bool:
        """Whether one of the keys has never been asked for here."""
        is_new = not frames.keys() <= self._sources
        self._sources |= frames.keys()
        return is_new

    def statuses(self) -> dict[str, pb.StatusResponse]:
        """Return what hosts said of themselves since the last call."""
        new = {host: said for host, said in self._feed.statuses.items() if self._said.get(host) is not said}
        self._said |= new
        return new


_MOST: Final = 64  # pulses of a key that wait for larger ones to grow old: of random pulses some ten do


class LargestPulses:
    """The largest pulse of each key and host over the last seconds.

    **Holds** of each the largest pulse, the largest of those after it, and so on, `_MOST` at most.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_ns = round(hold_s * 1e9)
        self._held: dict[Source, list[tuple[int, ReceivedFrame]]] = {}

    def clear(self) -> None:
        """Forget them: the time that is shown went back."""
        self._held.clear()

    def apply(self, frames: BySource) -> BySource:
        """Return frames with the held ones in place of smaller pulses."""
        shown = dict(frames)
        for source, frame in frames.items():
            if frame.product.kind is Kind.PULSE_HEIGHT:
                shown[source] = self._add(source, int(frame.image.max()), frame)
        return shown

    def of_blocks(self, blocks: Iterable[ReceivedBlock]) -> BySource:
        """Take every pulse of the blocks; return the largest of each key of theirs."""
        shown: BySource = {}
        for block in blocks:
            if block.product.kind is not Kind.PULSE_HEIGHT or not len(block):
                continue
            largest = block.images.reshape(len(block), -1).max(axis=1)
            for key, rows in block.rows.items():
                source = Source(block.host, key)
                for i in _larger_than_all_later(largest[rows]):
                    row = int(rows[i])
                    shown[source] = self._add(source, int(largest[row]), as_received(block[row], block.host))
        return shown

    def _add(self, source: Source, largest: int, frame: ReceivedFrame) -> ReceivedFrame:
        """Take a pulse; return the largest of its source."""
        unix_ns = frame.time.unix_ns
        held = [
            (value, other)
            for value, other in self._held.get(source, ())
            if value > largest and 0 <= unix_ns - other.time.unix_ns <= self._hold_ns
        ]
        self._held[source] = [*held[: _MOST - 1], (largest, frame)]
        return self._held[source][0][1]


def _larger_than_all_later(values: np.ndarray) -> list[int]:
    """Places of the values that no later one reaches, in order."""
    later = np.maximum.accumulate(values[::-1])[::-1]
    return np.flatnonzero(np.append(values[:-1] > later[1:], True)).tolist() if len(values) else []
