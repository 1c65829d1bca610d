"""Kinds of instruments: names of their hashes in Redis, how often they are written, and which fields count."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final


class InstrumentKind(enum.StrEnum):
    """Kind of an instrument, from the name of its hash."""

    QUABO = "quabo"
    WHITE_RABBIT = "white rabbit"
    GPS_TIME = "gps time"
    GPS_STATE = "gps state"
    GNSS = "gnss"
    MOUNT = "mount"
    WEATHER = "weather"
    DOME = "dome"
    POWER = "power"


@dataclass(frozen=True, slots=True)
class KindRule:
    """Rule of one kind.

    Attributes
    ----------
    pattern
        Of the whole name of a hash.
    period_s
        How often its daemon writes it, s.
    fields
        Those that are read; empty for all.
    """

    pattern: re.Pattern[str]
    period_s: float
    fields: frozenset[str] = frozenset()


TIME_FIELDS: Final = ("Computer_UTC", "computer_utc", "timestamp")
"""Fields that say when values were read: unix seconds, or ISO; the oldest mount daemon has only the last."""

_CHANNELS: Final = range(4)
_QUABO_FIELDS: Final = frozenset(
    [f"HVMON{i}" for i in _CHANNELS]
    + [f"HVIMON{i}" for i in _CHANNELS]
    + ["RAWHVMON", "TEMP1", "TEMP2", "SHUTTER_STATUS", "LIGHT_SENSOR_STATUS", "UID", "FWVER", "BOARDLOC"]
    + ["AGG_STATUS_LEVEL", "AGG_STATUS_MSG", "EXT_10MHz_STATUS", "EXT_1PPS_STATUS", *TIME_FIELDS]
)

RULES: Final = {
    InstrumentKind.QUABO: KindRule(re.compile(r"QUABO_(\d{1,4})"), 3.0, _QUABO_FIELDS),
    InstrumentKind.WHITE_RABBIT: KindRule(re.compile(r"WRSWITCH\w*"), 1.0),
    InstrumentKind.GPS_TIME: KindRule(re.compile(r"GPSPRIM"), 1.0),
    InstrumentKind.GPS_STATE: KindRule(re.compile(r"GPSSUPP"), 1.0),
    InstrumentKind.GNSS: KindRule(re.compile(r"UBLOX_[\w-]+"), 10.0),
    InstrumentKind.MOUNT: KindRule(re.compile(r"MOUNT_(\w+)"), 9.0),
    InstrumentKind.WEATHER: KindRule(re.compile(r"WEATHER\w*"), 30.0),
    InstrumentKind.DOME: KindRule(re.compile(r"(?:DOME-DEW|DEV_DOME_ENV)_[\w-]+"), 30.0),
    InstrumentKind.POWER: KindRule(re.compile(r"(?:POWER_|WPS)\w*"), 5.0),
}


def kind_of(name: str) -> InstrumentKind | None:
    """Return the kind of the hash of this name; None for one that is not read."""
    return next((kind for kind, rule in RULES.items() if rule.pattern.fullmatch(name)), None)
