"""Table of compatibility, filled in by the tests."""

from __future__ import annotations

from typing import Final

INTRODUCTION: Final = """\
# Compatibility

Made by `nox -s interop` from what its tests observed; do not edit. *Peer* is `panoseti-grpc`, the predecessor. A
cell that says "no" is a test as well: it asserts the limit.
"""


Cells = dict[str, dict[str, dict[str, str]]]
"""Cells by section, row and column."""


class Table:
    """Sections of rows; a test writes a cell when all that it asserts has been true.

    Attributes
    ----------
    cells
        What was written; plain, so that processes can hand it to each other.
    """

    def __init__(self) -> None:
        self.cells: Cells = {}

    def write(self, section: str, row: str, column: str, cell: str = "yes") -> None:
        """Fill in one cell."""
        self.cells.setdefault(section, {}).setdefault(row, {})[column] = cell

    def add(self, cells: Cells) -> None:
        """Fill in what another table has."""
        for section, rows in cells.items():
            for row, columns in rows.items():
                for column, cell in columns.items():
                    self.write(section, row, column, cell)

    def as_markdown(self) -> str:
        """Everything, in an order that does not depend on that of the tests."""
        return "\n".join([INTRODUCTION, *map(self._section, sorted(self.cells))])

    def _section(self, name: str) -> str:
        rows = sorted(self.cells[name].items())
        columns = sorted({column for _, cells in rows for column in cells})
        lines = [f"## {name}", "", f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
        lines += [f"| {row} | {' | '.join(cells.get(c, '') for c in columns)} |" for row, cells in rows]
        return "\n".join([*lines, ""])
