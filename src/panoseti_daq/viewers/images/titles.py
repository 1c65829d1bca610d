"""Titles of images: the words, and how important each is."""

from __future__ import annotations

import enum
import functools
import math
import time
from typing import Final, NamedTuple, Self

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Kind, PffName, TimeStatus
from panoseti_daq.pff.timing import FrameTime
from panoseti_daq.viewers.clock import Clock

SILENT_AFTER_PERIODS: Final = 5
LEAST_PERIOD_S: Final = 1.0  # as `rates` has it: the writer's bursts are never as young as 0.2 s
KIND_NAMES: Final = {Kind.MOVIE: "movie", Kind.PULSE_HEIGHT: "pulse height"}


class Tone(enum.Enum):
    """How important a piece of text is; a viewer gives it a color."""

    HEAD = "head"
    NORMAL = "normal"
    OLD = "old"
    """Of a frame that is silent, or of one that never came."""
    WARNING = "warning"
    BAD = "bad"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone


Line = tuple[Span, ...]


class Caption(NamedTuple):
    """What is said of an image; each viewer puts it where it has room."""

    name: Line  # Of the module, and its host where that is needed to tell it from another
    product: Span
    age: Span  # The worst
    wrong: Line
    time: Span

    @property
    def lines(self) -> tuple[Line, Line]:
        """Two lines, what matters most first."""
        return (*self.name, self.product), (self.age, *self.wrong, self.time)


class Stamp(NamedTuple):
    """A frame, when it was taken on the clock of the viewers (s), UTC s since 1970, and the time that it says.

    For one without a time the first two say when the server read it.
    """

    frame: ReceivedFrame
    taken_s: float
    unix_s: float
    time: FrameTime

    @classmethod
    def of(cls, frame: ReceivedFrame, clock: Clock) -> Self:
        """Stamp of a frame that just came."""
        taken_s = clock.taken_s(frame)
        if math.isnan(taken_s):
            taken_s = clock.read_s(frame)
        when = frame.time
        return cls(frame, taken_s, (when.unix_ns or frame.detected_unix_ns) / 1e9 or time.time(), when)


def silent_after_s(period_s: float) -> float:
    """Return the age at which an image counts as silent, s, of frames that come so often."""
    return SILENT_AFTER_PERIODS * max(period_s, LEAST_PERIOD_S)


@functools.lru_cache(maxsize=1024)
def file_text(name: str) -> str:
    """A file in few words: ``seqno 3 from 04:34:46``, when it was begun; the name itself when it has neither."""
    parsed = _parsed(name)
    if parsed is None:
        return name
    return f"seqno {parsed.seqno}" + (f" from {parsed.start:%H:%M:%S}" if parsed.start else "")


def is_later_run(file: str, before: str) -> bool:
    """Whether a file that came after another of the same module and product belongs to another run.

    A run counts its files up, so a number that falls back, or the same number with another begin, is a new run.
    """
    now, then = _parsed(file), _parsed(before)
    if file == before or now is None or then is None:
        return False
    return now.seqno < then.seqno or (now.seqno == then.seqno and now.start != then.start)


@functools.lru_cache(maxsize=1024)
def _parsed(name: str) -> PffName | None:
    try:
        return PffName.parse(name)
    except PffError:
        return None


def warning(status: TimeStatus) -> Span | None:
    """What there is to say about the clock of a frame; None when all is well."""
    match status:
        case TimeStatus.HOST_CLOCK:
            return Span("host clock!", Tone.WARNING)
        case TimeStatus.NO_TIME:
            return Span("no time!", Tone.BAD)
    return None
