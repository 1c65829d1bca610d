"""The ``coincidence`` trigger: pulse-height events of modules in different domes, within a microsecond."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from panoseti_daq.events.anchored import CoincidenceWindow, coincident
from panoseti_daq.events.background import Background
from panoseti_daq.events.candidate import Candidate, Member, Shape
from panoseti_daq.events.module_events import Frames, ModuleEvents
from panoseti_daq.events.rates import EventRates
from panoseti_daq.events.shape import lit_pixels
from panoseti_daq.events.trigger import PULSE_HEIGHTS, TriggerSpec
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import FrameBlock, TimeStatus
from panoseti_daq.pff.flags import names_of
from panoseti_daq.pff.quabos import quabo_at

_MAX_POINT_PIXELS: Final = 4
_NS: Final = 1_000_000_000


class CoincidenceOptions(BaseModel):
    """Options of the trigger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_ns: int = Field(1000, ge=0, le=1_000_000_000, description="Coincidence window, ns.")
    offsets_ns: dict[str, int] = Field({}, description='Delay of the second of two modules, ns: {"1:3": -500}.')
    domes: dict[str, list[int]] = Field({}, description="Modules that share a dome; any other module has its own.")
    multiplicity: int = Field(2, ge=2, le=256, description="Minimum number of different domes.")
    join_ns: int = Field(300, ge=0, description="Frames of a module within this time are one event, ns.")
    dead_time_ns: int = Field(1_000_000, ge=0, description="Dead time of a module after an event, ns.")
    host_clock_window_ns: int | None = Field(
        None,
        ge=1000,
        description="Window of modules whose clocks disagree, ns; default: they take no part.",
    )
    min_adc: int = Field(0, ge=0, description="Minimum ADC counts of the brightest pixel.")
    picture_sigma: float = Field(5.0, gt=0, description="Threshold of a lit pixel, in sigma of the image.")
    border_sigma: float = Field(
        3.0, gt=0, description="Threshold of a pixel that touches a lit one, in sigma of the image."
    )
    hot_fraction: float = Field(
        0.25, gt=0, le=1, description="Fraction of frames with a pixel as the brightest that makes it hot."
    )
    n_shifts: int = Field(10, ge=0, le=100, description="Number of time shifts for the background.")

    @field_validator("offsets_ns")
    @classmethod
    def _are_pairs(cls, offsets: dict[str, int]) -> dict[str, int]:
        for pair in offsets:
            first, colon, second = pair.partition(":")
            if not (colon and first.isdecimal() and second.isdecimal() and int(first) < int(second) <= 255):
                raise ValueError(f"{pair!r} is not LOWER:HIGHER, two module ids")
        return offsets

    @property
    def window(self) -> CoincidenceWindow:
        """The same as the search wants it."""
        pairs = {pair: ns for pair, ns in self.offsets_ns.items()}
        return CoincidenceWindow(
            self.window_ns,
            self.host_clock_window_ns,
            {(int(pair.partition(":")[0]), int(pair.partition(":")[2])): ns for pair, ns in pairs.items()},
            {module_id: dome for dome, module_ids in self.domes.items() for module_id in module_ids},
            self.multiplicity,
        )


class Coincidence:
    """Finds coincidences; a `Trigger`.

    Holds the events of about the reordering time of the slowest stream, and those of the last hour as times.
    """

    def __init__(self, options: CoincidenceOptions) -> None:
        self._options = options
        self._window = options.window
        self._events = ModuleEvents(
            options.join_ns,
            options.dead_time_ns,
            options.host_clock_window_ns,
            options.min_adc,
            options.hot_fraction,
        )
        self._waiting: deque[Frames] = deque()  # events that may have a partner still
        self._rates = EventRates()
        self._background = Background(options.n_shifts, self._window)
        self._n_events = self._n_candidates = 0

    def feed(self, block: FrameBlock) -> tuple[Candidate, ...]:
        """Take frames; candidates come at `flush`."""
        self._events.add(block)
        return ()

    def flush(self, watermark_ns: int) -> list[Candidate]:
        """Return the coincidences whose last member is certain."""
        options = self._options
        # A frame that comes later may still join an event that is younger than this.
        certain_ns = watermark_ns - max(options.join_ns, options.host_clock_window_ns or 0)
        for event in self._events.before(watermark_ns):
            unix_ns, module_id, by_host = _of(event)
            self._rates.add(unix_ns, module_id)
            self._background.add(unix_ns, module_id, by_host)
            self._waiting.append(event)
            self._n_events += 1
        self._background.count_before(certain_ns)
        candidates = list(self._coincidences(certain_ns - self._window.reach_ns))
        self._n_candidates += len(candidates)
        # Blocks are kept for their images as long as an event of theirs may become a candidate.
        self._events.keep({int(number) for event in self._waiting for number in event["block"]})
        return candidates

    def _coincidences(self, before_ns: int) -> Iterator[Candidate]:
        if not self._waiting:
            return
        columns = [_of(event) for event in self._waiting]
        unix_ns = np.array([column[0] for column in columns], np.int64)
        module_ids = np.array([column[1] for column in columns], np.uint8)
        by_host = np.array([column[2] for column in columns], np.bool_)
        groups, is_done = coincident(unix_ns, module_ids, by_host, self._window, before_ns)
        for group in groups:
            yield self._candidate([self._waiting[i] for i in group])
        self._waiting = deque(event for event, done in zip(self._waiting, is_done, strict=True) if not done)

    def _candidate(self, events: list[Frames]) -> Candidate:
        members, n_lit = [], []
        for event in events:
            n_lit_of_module = 0
            for frame in event:
                member, n_pixels = self._member(frame)
                members.append(member)
                n_lit_of_module += n_pixels if frame["is_good"] else 0
            n_lit.append(n_lit_of_module)
        times = [_of(event)[0] for event in events]
        by_host = any(_of(event)[2] for event in events)
        # One event by the host clock is enough to make the wide window the one that applies.
        window_ns = (self._options.host_clock_window_ns or 0) if by_host else self._options.window_ns
        module_ids = [_of(event)[1] for event in events]
        return Candidate(
            trigger=SPEC.name,
            unix_ns=times[0],
            uncertainty_ns=1000 if by_host else 1,
            duration_ns=times[-1] - times[0],
            shape=Shape.POINT if max(n_lit) <= _MAX_POINT_PIXELS else Shape.EXTENDED,
            members=tuple(members),
            snr=None,
            false_per_hour=self._rates.accidentals_per_hour(module_ids, window_ns, times[0]),
        )

    def _member(self, frame: np.void) -> tuple[Member, int]:
        block, row = self._events.block_of(frame), int(frame["row"])
        # A copy: a view would hold the block, a megabyte, for as long as the candidate lives.
        image = block.images[row].copy()
        image.flags.writeable = False
        lit = lit_pixels(image, self._options.picture_sigma, self._options.border_sigma)
        quabo = int(frame["quabo"]) if block.product.one_quabo else quabo_at(lit.row, lit.column)
        member = Member(
            block.module_id,
            block.product,
            quabo,
            block.file,
            int(frame["frame_number"]),
            int(frame["unix_ns"]),
            TimeStatus(int(frame["status"])),
            (lit.row, lit.column),
            lit.value,
            lit.snr,
            names_of(int(frame["flags"])),
            block.host,
            image,
        )
        return member, lit.n

    def counters(self) -> Mapping[str, float]:
        """Events, coincidences by chance so far, dead time summed over modules, and frames left out by reason."""
        counts: OpenDict = self._events.counts
        return {
            "events": self._n_events,
            **({"accidentals": self._background.expected} if self._options.n_shifts else {}),
            "dead_s": self._n_events * self._options.dead_time_ns / _NS,
            **{f"left_out_{reason}": n for reason, n in counts.items()},
        }


def _of(event: Frames) -> tuple[int, int, bool]:
    """Time, module, and whether the time is that of the host clock."""
    first = event[0]
    return int(first["unix_ns"]), int(first["module_id"]), bool(first["status"] == TimeStatus.HOST_CLOCK)


SPEC: Final = TriggerSpec(
    "coincidence",
    "Pulse heights of modules in different domes within a microsecond.",
    CoincidenceOptions,
    Coincidence,
    PULSE_HEIGHTS,
)
