"""Instrument: what one hash of the observatory's Redis says, checked, dated and in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Self

from panoseti_daq.beside.kinds import RULES, TIME_FIELDS, InstrumentKind, kind_of
from panoseti_daq.beside.words import Severity, is_offline, severity_of, text_of

OLD_AFTER_PERIODS: Final = 3
LEAST_OLD_S: Final = 10.0  # clocks of two computers differ, and readers poll
NO_SENSOR: Final = 511.75  # °C: what TEMP1 says when the sensor is broken or missing
_QUABOS: Final = 4
_COORDINATES: Final = frozenset(("ra_hours", "dec_deg", "alt_deg", "az_deg", "ra_hours_j2000", "dec_deg_j2000"))


@dataclass(frozen=True)
class Instrument:
    """What one hash says, at one moment.

    Attributes
    ----------
    name
        Name of the hash, such as ``QUABO_1001``.
    values
        Its fields as text, as they stand in Redis.
    age_s
        Since its daemon wrote it, by the time that stands in it, s; NaN without such a time.
    """

    name: str
    values: Mapping[str, str] = field(repr=False)
    age_s: float = math.nan

    @classmethod
    def at(cls, name: str, values: Mapping[str, str], now_unix_s: float) -> Self:
        """Instrument whose age counts to a moment, UTC s since 1970."""
        return cls(name, values, now_unix_s - written_unix_s(values))

    @cached_property
    def kind(self) -> InstrumentKind:
        """What it is."""
        kind = kind_of(self.name)
        if kind is None:
            raise ValueError(f"invalid name of an instrument: {self.name}")
        return kind

    @property
    def is_known(self) -> bool:
        """Whether it is of a kind that is known here."""
        return kind_of(self.name) is not None

    @cached_property
    def place(self) -> tuple[int, int] | None:
        """Module and quabo; None for what is none."""
        match = RULES[InstrumentKind.QUABO].pattern.fullmatch(self.name)
        return divmod(int(match[1]), _QUABOS) if match else None

    @property
    def is_old(self) -> bool:
        """Whether its daemon seems to be dead: nothing for three periods, or no time at all."""
        limit_s = max(LEAST_OLD_S, OLD_AFTER_PERIODS * RULES[self.kind].period_s)
        return not self.age_s <= limit_s

    @property
    def is_offline(self) -> bool:
        """Whether a mount says that it is offline; its coordinates are then those of before."""
        return self.kind is InstrumentKind.MOUNT and is_offline(self.values)

    @cached_property
    def numbers(self) -> Mapping[str, float]:
        """Fields that are numbers and mean something: no missing sensor, no coordinates of an offline mount."""
        left_out = {*TIME_FIELDS, *(_COORDINATES if self.is_offline else ())}
        found = {name: _number(text) for name, text in self.values.items() if name not in left_out}
        if self.kind is InstrumentKind.QUABO and found.get("TEMP1") == NO_SENSOR:
            del found["TEMP1"]
        return {name: number for name, number in found.items() if math.isfinite(number)}

    @cached_property
    def hv_volts(self) -> tuple[float, ...]:
        """High voltage of the detectors of a quabo, V; those that are reported."""
        return tuple(self.numbers[name] for i in range(_QUABOS) if (name := f"HVMON{i}") in self.numbers)

    @cached_property
    def severity(self) -> Severity:
        """The worst of what its daemon says and of the observatory's limits."""
        return severity_of(self.kind, self.values, self.numbers)

    @cached_property
    def text(self) -> str:
        """What there is to say, in a few words, without the age: ``HV off, 21 C, shutter closed``."""
        return text_of(self.kind, self.values, self.numbers)


def written_unix_s(values: Mapping[str, str]) -> float:
    """Return when a hash was written, UTC s since 1970: the newest of its times; NaN without any.

    An offline mount gets a new ``timestamp`` only (FIELD 4.2).
    """
    return max(_times(values), default=math.nan)


def _times(values: Mapping[str, str]) -> Iterator[float]:
    for name in TIME_FIELDS:
        if (text := values.get(name)) is not None:
            unix_s = _number(text)
            if math.isnan(unix_s):
                unix_s = _iso(text)
            if math.isfinite(unix_s):
                yield unix_s


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _iso(text: str) -> float:
    """Seconds since 1970 of an ISO time, in UTC when it names no zone; NaN for another text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return math.nan
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
