"""Titles of images."""

from __future__ import annotations

import enum
import functools
import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.errors import PffError
from panoseti_daq.pff import Frame, Kind, PffName, TimeStatus
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.host.times import age_text, time_text

OLD_AFTER_PERIODS: Final = 5
KIND_NAMES: Final = {Kind.MOVIE: "movie", Kind.PULSE_HEIGHT: "pulse height"}


class Tone(enum.Enum):
    """How important a piece of text is; a viewer gives it a color."""

    HEAD = "head"
    NORMAL = "normal"
    OLD = "old"
    """Of a frame that is older than `OLD_AFTER_PERIODS` refresh periods."""
    WARNING = "warning"
    BAD = "bad"


class Span(NamedTuple):
    """A piece of a line."""

    text: str
    tone: Tone


Line = tuple[Span, ...]


class Stamp(NamedTuple):
    """A frame and when it was taken, UTC s since 1970 and on the viewers' clock; when it came, if unknown."""

    frame: Frame
    unix_s: float
    taken_s: float

    @classmethod
    def of(cls, frame: Frame, arrived_unix_s: float, clock: Clock | None = None) -> Stamp:
        """Stamp of a frame that came at `arrived_unix_s`; without a clock, ages are counted in UTC."""
        unix_s = frame.time.unix_ns / 1e9 or arrived_unix_s
        if clock is None or not isinstance(frame, ReceivedFrame):
            return cls(frame, unix_s, unix_s)
        taken_s = clock.taken_s(frame)
        return cls(frame, unix_s, clock.read_s(frame) if math.isnan(taken_s) else taken_s)

    def age_s(self, now_s: float) -> float:
        """How old it is, s, at a time of its clock."""
        return now_s - self.taken_s


@functools.lru_cache(maxsize=1024)
def file_text(name: str) -> str:
    """A file in few words: ``seqno 3 from 04:34:46``, when it was begun; the name itself when it tells neither."""
    try:
        parsed = PffName.parse(name)
    except PffError:
        return name
    return f"seqno {parsed.seqno}" + (f" from {parsed.start:%H:%M:%S}" if parsed.start else "")


def warning(status: TimeStatus) -> Span | None:
    """What there is to say about the clock of a frame; None when all is well."""
    match status:
        case TimeStatus.HOST_CLOCK:
            return Span("host clock!", Tone.WARNING)
        case TimeStatus.NO_TIME:
            return Span("no time!", Tone.BAD)
    return None


def tone_of(stamp: Stamp, now_unix_s: float, refresh_period_s: float) -> Tone:
    """Whether a frame is old."""
    return Tone.OLD if stamp.age_s(now_unix_s) > OLD_AFTER_PERIODS * refresh_period_s else Tone.NORMAL


def head_line(module_id: int, frame: Frame) -> Line:
    """Which module and product."""
    product = f"{KIND_NAMES[frame.product.kind]} {frame.product.token}"
    return (Span(f"module {module_id}", Tone.HEAD), Span(product, Tone.NORMAL))


def frame_lines(stamp: Stamp, silent: Iterable[int], now_unix_s: float, refresh_period_s: float) -> list[Line]:
    """Lines about a frame of a whole module: time, frame number and age, file, warnings."""
    frame, tone = stamp.frame, tone_of(stamp, now_unix_s, refresh_period_s)
    lines: list[Line] = [
        (Span(f"{time_text(frame.time.unix_ns)} UTC", tone),),
        (Span(f"frame {frame.frame_number}", tone), Span(f"age {age_text(stamp.age_s(now_unix_s))}", tone)),
        (Span(file_text(frame.file), tone),),
    ]
    said = warning(frame.time.status)
    missing = [Span(f"Q{quabo} missing", Tone.WARNING) for quabo in silent]
    if said or missing:
        lines.append((*([said] if said else []), *missing))
    return lines


def quabo_line(quabo: int, stamp: Stamp | None, now_unix_s: float, refresh_period_s: float) -> Line:
    """Line about a ph256 frame: quabo, in the color of its warning, time, frame number, age."""
    if stamp is None:
        return (Span(f"Q{quabo}", Tone.OLD), Span("nothing yet", Tone.OLD))
    frame, tone = stamp.frame, tone_of(stamp, now_unix_s, refresh_period_s)
    spans = [
        Span(f"Q{quabo}", tone),
        Span(time_text(frame.time.unix_ns, date=False), tone),
        Span(f"#{frame.frame_number}", tone),
        Span(age_text(stamp.age_s(now_unix_s)), tone),
    ]
    return (
        (spans[0]._replace(tone=said.tone), *spans[1:]) if (said := warning(frame.time.status)) else tuple(spans)
    )
