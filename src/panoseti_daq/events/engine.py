"""Engine: feeds blocks to triggers, advances their time, and stops one that raises.

It has no clock either: who runs it live says which streams have been silent for too long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from panoseti_daq.events.candidate import Candidate
from panoseti_daq.events.trigger import Trigger, TriggerSpec
from panoseti_daq.events.watermark import END_NS, NEVER_NS, StreamTime
from panoseti_daq.pff import FrameBlock, ModuleProduct
from panoseti_daq.plugins import describe

_log = logging.getLogger(__name__)

_FLUSH_EVERY_NS: Final = 100_000_000  # of data time: to flush has a price per call


@dataclass(frozen=True, slots=True)
class TriggerReport:
    """How a trigger fares, as plain values.

    Attributes
    ----------
    name
        Name of the trigger.
    n_candidates, n_frames
        Candidates found, frames fed.
    error
        Why it was stopped; empty while it works.
    counters
        What it counts itself, see `Trigger.counters`.
    """

    name: str
    n_candidates: int
    n_frames: int
    error: str
    counters: Mapping[str, float]


@dataclass(slots=True)
class RunningTrigger:
    """One trigger and how it fares.

    Attributes
    ----------
    spec, trigger
        What it is, and the object that works.
    error
        Why it was stopped; empty while it works.
    n_candidates, n_frames
        Candidates found, frames fed.
    watermark_ns
        Time up to which it knows the frames to be complete.
    """

    spec: TriggerSpec
    trigger: Trigger
    error: str = ""
    n_candidates: int = 0
    n_frames: int = 0
    watermark_ns: int = field(default=int(NEVER_NS))

    def report(self) -> TriggerReport:
        """How it fares; a trigger that is stopped counts nothing itself."""
        counted: dict[str, float] = {}
        self._call(lambda: counted.update(self.trigger.counters()) or ())
        return TriggerReport(self.spec.name, self.n_candidates, self.n_frames, self.error, counted)

    def call(self, what: Callable[[], Iterable[Candidate]]) -> list[Candidate]:
        """Candidates that a call to the trigger gives; one that raises is the last."""
        found = self._call(what)
        self.n_candidates += len(found)
        return found

    def _call(self, what: Callable[[], Iterable[Candidate]]) -> list[Candidate]:
        if self.error:
            return []
        try:
            return list(what())
        except (Exception, SystemExit) as error:  # a door: whatever a plugin does, the others continue
            _log.exception("trigger %s is stopped", self.spec.name)
            self.error = describe(error)
            return []


class Engine:
    """Runs triggers over blocks; can be pickled between two calls. For one thread.

    Parameters
    ----------
    triggers
        Specs and the objects made of them.
    expected
        Modules and products that will come: no watermark passes one that has not spoken. Others are taken as they
        come, but what they had to say of times that were flushed before is too late.

    Attributes
    ----------
    triggers
        Each trigger and how it fares.
    silent
        Modules and products that are not waited for.
    """

    def __init__(
        self, triggers: Iterable[tuple[TriggerSpec, Trigger]], expected: Collection[ModuleProduct] = ()
    ) -> None:
        self.triggers = [RunningTrigger(spec, trigger) for spec, trigger in triggers]
        self._streams: dict[ModuleProduct, StreamTime] = {}
        self.silent: frozenset[ModuleProduct] = frozenset()
        self.expect(expected)

    def expect(self, streams: Iterable[ModuleProduct]) -> None:
        """Wait for modules and products that will come."""
        for key in streams:
            self._streams.setdefault(key, StreamTime())

    def reports(self) -> list[TriggerReport]:
        """How each trigger fares."""
        return [running.report() for running in self.triggers]

    @property
    def streams(self) -> Collection[ModuleProduct]:
        """Modules and products that came or are expected."""
        return self._streams.keys()

    @property
    def newest_ns(self) -> int | None:
        """Time of the latest of the last frames of all streams, UTC ns since 1970; None before the first frame."""
        return max((last for time in self._streams.values() if (last := time.last_ns) is not None), default=None)

    def is_wanted(self, key: ModuleProduct) -> bool:
        """Return whether a running trigger wants the frames of a module and product."""
        return any(key[1] in running.spec.products and not running.error for running in self.triggers)

    def feed(self, block: FrameBlock) -> list[Candidate]:
        """Take consecutive frames of a module and product; return the candidates that are certain."""
        key = block.module_id, block.product
        self.silent -= {key}
        if not self.is_wanted(key):
            return []
        self.expect([key])
        unix_ns = block.times[0]
        self._streams[key].add(unix_ns[unix_ns > 0])
        candidates: list[Candidate] = []
        for running in self.triggers:
            if block.product in running.spec.products and not running.error:
                running.n_frames += len(block)
                candidates += running.call(lambda running=running: running.trigger.feed(block))  # type: ignore[misc]
        return candidates + self._flush()

    def leave_out(self, silent: Collection[ModuleProduct]) -> list[Candidate]:
        """Stop waiting for these streams, until they speak again; return the candidates found by that."""
        self.silent = frozenset(silent)
        return self._flush()

    def finish(self) -> list[Candidate]:
        """Take note that no more frames come; return the last candidates."""
        return self._flush(END_NS)

    def _flush(self, at_least_ns: int = int(NEVER_NS)) -> list[Candidate]:
        candidates = []
        for running in self.triggers:
            watermark_ns = max(self._watermark_of(running.spec), at_least_ns)
            if watermark_ns == NEVER_NS or watermark_ns < running.watermark_ns + _FLUSH_EVERY_NS:
                continue
            running.watermark_ns = watermark_ns
            candidates += running.call(
                lambda running=running, ns=watermark_ns: running.trigger.flush(ns)  # type: ignore[misc]
            )
        return candidates

    def _watermark_of(self, spec: TriggerSpec) -> int:
        marks = [
            time.watermark_ns
            for key, time in self._streams.items()
            if key[1] in spec.products and key not in self.silent
        ]
        return min(marks, default=int(NEVER_NS))
