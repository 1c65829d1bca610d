"""Surroundings: all instruments at one moment, and a line about each module."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from panoseti_daq.beside.instrument import Instrument
from panoseti_daq.beside.kinds import RULES, kind_of
from panoseti_daq.beside.words import Severity

if TYPE_CHECKING:
    import pandas as pd

_CELSIUS: Final = re.compile(r"(?:(?<=, )|^)-?\d+ C(?=,|$)")
Hashes = Mapping[str, Mapping[str, str]]
"""Fields of each hash, by its name, as they stand in Redis."""


@dataclass(frozen=True, slots=True)
class ModuleLine:
    """One line about the quabos of a module.

    Attributes
    ----------
    text
        ``Q0-Q3: HV -55 V, 20-22 C, shutter open``, or what each says when they differ.
    severity
        The worst.
    is_old
        Whether none of them is written any more; `text` says since when.
    """

    text: str
    severity: Severity
    is_old: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stood beside the images at one moment.

    Attributes
    ----------
    source
        Where it was read: an address without its password, or a file.
    trouble
        Why it cannot be read now; empty when all is well.
    instruments
        By the name of their hashes, in order.
    read_age_s
        Since it was read, s; NaN when it never was.
    """

    source: str = ""
    trouble: str = ""
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    read_age_s: float = math.nan

    @classmethod
    def at(
        cls, hashes: Hashes, now_unix_s: float, source: str, trouble: str = "", read_age_s: float = math.nan
    ) -> Self:
        """Surroundings of these hashes, with ages that count to a moment, UTC s since 1970."""
        found = {name: Instrument.at(name, hashes[name], now_unix_s) for name in sorted(hashes, key=_order)}
        return cls(source, trouble, found, read_age_s)

    def quabo(self, module_id: int, quabo: int) -> Instrument | None:
        """Return what a quabo says; None when nothing is known of it."""
        return self.instruments.get(f"QUABO_{4 * module_id + quabo}")

    @property
    def modules(self) -> dict[int, ModuleLine]:
        """A line about each module, by its number."""
        quabos: dict[int, dict[int, Instrument]] = {}
        for instrument in self.instruments.values():
            if instrument.place is not None:
                module_id, quabo = instrument.place
                quabos.setdefault(module_id, {})[quabo] = instrument
        return {module_id: _line(of_module) for module_id, of_module in sorted(quabos.items())}

    def to_pandas(self) -> pd.DataFrame:
        """Return all numbers as a table: one row per instrument, indexed by name."""
        import pandas as pd

        rows = {
            name: {"age_s": one.age_s, "is_old": one.is_old, "severity": one.severity.name.lower()}
            | {**one.numbers}
            for name, one in self.instruments.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")


def chosen(name: str, values: Mapping[str, str]) -> dict[str, str] | None:
    """Return the fields of a hash that are read; None when it is of no kind that is."""
    kind = kind_of(name)
    if kind is None:
        return None
    fields = RULES[kind].fields
    return {key: value for key, value in values.items() if not fields or key in fields}


def _order(name: str) -> tuple[str, int, str]:
    head, _, number = name.rpartition("_")
    return (head, int(number), name) if number.isdecimal() else (name, 0, name)


def _line(quabos: Mapping[int, Instrument]) -> ModuleLine:
    live = {quabo: one for quabo, one in quabos.items() if not one.is_old}
    if not live:
        youngest = min((one.age_s for one in quabos.values() if not math.isnan(one.age_s)), default=math.nan)
        when = "no time" if math.isnan(youngest) else f"nothing for {_duration(youngest)}"
        return ModuleLine(f"{when}; then {'; '.join(_parts(quabos))}", Severity.OK, is_old=True)
    gone = [
        f"Q{quabo}: nothing for {_duration(quabos[quabo].age_s)}" for quabo in sorted(quabos.keys() - live.keys())
    ]
    worst = max(one.severity for one in live.values())
    return ModuleLine(
        "; ".join([*_parts(live), *gone]), max(worst, Severity.WARNING if gone else worst), is_old=False
    )


def _parts(quabos: Mapping[int, Instrument]) -> Iterator[str]:
    """Yield what quabos say, those with the same words together."""
    said: dict[str, list[int]] = {}
    for quabo, one in sorted(quabos.items()):
        said.setdefault(_CELSIUS.sub("{}", one.text, 1) or "nothing", []).append(quabo)
    for text, places in said.items():
        celsius = [round(quabos[place].numbers.get("TEMP1", math.nan)) for place in places] if "{}" in text else []
        span = (
            "" if not celsius else f"{min(celsius)}" if len({*celsius}) == 1 else f"{min(celsius)}-{max(celsius)}"
        )
        yield f"{_range(places)}: {text.replace('{}', f'{span} C')}"


def _range(places: list[int]) -> str:
    if len(places) > 1 and places[-1] - places[0] == len(places) - 1:
        return f"Q{places[0]}-Q{places[-1]}"
    return ", ".join(f"Q{place}" for place in places)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
