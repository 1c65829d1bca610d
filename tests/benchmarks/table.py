"""The table: what a row is, and how it looks on a terminal, in JSON and in Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

OURS: Final = "ours"
FLOOR: Final = "floor"
RATIO: Final = "ours / floor"
COLUMNS: Final = (OURS, "peer 0.1.1.1", "peer 0.3.5 socket", "peer 0.3.5 pipe", FLOOR)


@dataclass(frozen=True, slots=True)
class Value:
    """Median of some repetitions, and their range."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Value | None:
        """None when nothing was measured in most repetitions."""
        found = list(values)
        numbers = [v for v in found if not math.isnan(v)]
        if not numbers or len(numbers) < len(found) / 2:
            return None
        return cls(statistics.median(numbers), min(numbers), max(numbers), len(numbers))

    def __str__(self) -> str:
        middle = _format(self.median)
        return middle if self.n == 1 else f"{middle} ({_format(self.low)}-{_format(self.high)})"


@dataclass(frozen=True, slots=True)
class Goal:
    """What ours should reach; `rule` says where the limit comes from."""

    limit: float
    rule: str
    at_least: bool = False

    def missed_by(self, value: Value) -> float:
        """How far off a value is: 1 or less where the goal is met, 2 where it is half as good as it should be."""
        if not self.limit or not value.median:
            return 1.0 if value.median == self.limit or self.at_least == (value.median > self.limit) else math.inf
        return self.limit / value.median if self.at_least else value.median / self.limit

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        limit = f"{sign} {_format(self.limit)}"
        return f"{limit} ({self.rule})" if self.rule else limit


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of one piece of work.

    Attributes
    ----------
    work
        What was done.
    quantity, unit
        What was measured.
    values
        By system; None for one that gave nothing.
    goal
        None where there is none.
    absent
        What stands for a system that gave nothing.
    """

    work: str
    quantity: str
    unit: str
    values: Mapping[str, Value | None]
    goal: Goal | None = None
    absent: str = "nothing"

    @classmethod
    def of(
        cls,
        work: str,
        quantity: str,
        unit: str,
        measured: Mapping[str, Iterable[float]],
        goal: Goal | None = None,
        scale: float = 1.0,
        absent: str = "nothing",
    ) -> Row:
        values = {name: Value.of(scale * v for v in found) for name, found in measured.items()}
        return cls(work, quantity, unit, values, goal, absent)

    @property
    def title(self) -> str:
        """Quantity and unit."""
        return f"{self.quantity}, {self.unit}" if self.unit else self.quantity

    @property
    def missed_by(self) -> float | None:
        """See `Goal.missed_by`; None without a goal."""
        ours = self.values.get(OURS)
        return None if self.goal is None or ours is None else self.goal.missed_by(ours)

    @property
    def is_met(self) -> bool | None:
        return None if (by := self.missed_by) is None else by <= 1

    @property
    def verdict(self) -> str:
        """Whether the goal is met, else by what it is missed."""
        if (by := self.missed_by) is None:
            return ""
        return "met" if by <= 1 else f"missed: {_format(by)} x the goal"

    def cell(self, column: str) -> str:
        if column not in self.values:
            return ""
        return str(self.values[column] or self.absent)

    @property
    def of_floor(self) -> float | None:
        """Ours over the floor: what a busy machine changes least."""
        ours, floor = self.values.get(OURS), self.values.get(FLOOR)
        return ours.median / floor.median if ours and floor and floor.median else None

    @property
    def beside(self) -> str:
        """What has no column of its own."""
        others = {name: value for name, value in self.values.items() if name not in COLUMNS}
        return "; ".join(f"{name}: {value or 'nothing'}" for name, value in others.items())

    def as_dict(self) -> dict[str, Any]:
        values = {
            name: value and {"median": value.median, "range": [value.low, value.high], "n": value.n}
            for name, value in self.values.items()
        }
        goal = self.goal and {"limit": self.goal.limit, "rule": self.goal.rule, "at_least": self.goal.at_least}
        return {
            "work": self.work,
            "quantity": self.quantity,
            "unit": self.unit,
            "values": values,
            "goal": goal,
            "met": self.is_met,
            "ours / floor": self.of_floor,
        }


def of_floor(floor: Sequence[float], factor: float, *, at_least: bool = False) -> Goal | None:
    """A goal relative to what the floor took; None when it was not measured."""
    value = Value.of(floor)
    return None if value is None else Goal(factor * value.median, f"{factor:g} x floor", at_least)


def _format(number: float) -> str:
    size = abs(number)
    if size >= 1000:
        return f"{number:,.0f}".replace(",", " ")
    if size >= 100:
        return f"{number:.0f}"
    return f"{number:.1f}" if size >= 10 else f"{number:.2f}"


def _emphasized(row: Row) -> str:
    return f"**{row.verdict}**" if row.is_met is False else row.verdict


def print_rich(rows: Iterable[Row]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("work", "quantity", *COLUMNS, RATIO, "goal", "", box=box.SIMPLE_HEAD, title="medians (range)")
    last = ""
    for row in rows:
        if last and row.work != last:
            table.add_section()
        met = row.verdict and f"[{'green' if row.is_met else 'red'}]{row.verdict}[/]"
        beside = f"\n[dim]{row.beside}[/]" if row.beside else ""
        cells = [*map(row.cell, COLUMNS), "" if row.of_floor is None else _format(row.of_floor)]
        table.add_row("" if row.work == last else row.work, row.title + beside, *cells, str(row.goal or ""), met)
        last = row.work
    console = Console()
    if not console.is_terminal:
        console = Console(width=190)
    console.print(table)


def as_markdown(rows: Iterable[Row], heading: str) -> str:
    lines = [
        heading,
        "",
        f"| work | quantity | {' | '.join(COLUMNS)} | {RATIO} | goal | met |",
        "|" + "---|" * (len(COLUMNS) + 5),
    ]
    last = ""
    for row in rows:
        quantity = f"{row.title} ({row.beside})" if row.beside else row.title
        ratio = "" if row.of_floor is None else _format(row.of_floor)
        cells = ["" if row.work == last else row.work, quantity, *map(row.cell, COLUMNS), ratio]
        cells += [str(row.goal or ""), _emphasized(row)]
        lines.append(f"| {' | '.join(cells)} |")
        last = row.work
    return "\n".join(lines) + "\n"


def as_summary(rows: Iterable[Row], heading: str) -> str:
    """Medians of the rows that have a goal; of the newer peer its better way."""
    titles = ("work", "quantity", OURS, "peer 0.1.1.1", "peer 0.3.5", FLOOR, "goal", "met")
    lines = [heading, "", f"| {' | '.join(titles)} |", "|" + "---|" * len(titles)]
    last = ""
    for row in rows:
        if row.goal is None:
            continue
        newer = [row.values[name] for name in COLUMNS if name.startswith("peer 0.3.5") and name in row.values]
        found = [value for value in newer if value is not None]
        best = (max if row.goal.at_least else min)(found, key=lambda value: value.median, default=None)
        values = [row.values.get(OURS), row.values.get("peer 0.1.1.1"), best, row.values.get(FLOOR)]
        measured = [OURS in row.values, "peer 0.1.1.1" in row.values, bool(newer), FLOOR in row.values]
        cells = [
            _format(value.median) if value else row.absent * is_measured
            for value, is_measured in zip(values, measured, strict=True)
        ]
        work = "" if row.work == last else row.work
        lines.append(f"| {' | '.join((work, row.title, *cells, str(row.goal), _emphasized(row)))} |")
        last = row.work
    return "\n".join(lines) + "\n"
