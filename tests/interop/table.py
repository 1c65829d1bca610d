"""Table of compatibility, filled in by the tests."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

INTRODUCTION: Final = """\
# Compatibility

Made by `nox -s interop` from what its tests observed; do not edit. *Peer* is `panoseti-grpc`, the predecessor. A
cell that says "no" is a test as well: it asserts the limit.
"""


class Table:
    """Sections of rows; a test writes a cell when all that it asserts has been true."""

    def __init__(self) -> None:
        self._sections: dict[str, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))

    def write(self, section: str, row: str, column: str, cell: str = "yes") -> None:
        """Fill in one cell."""
        self._sections[section][row][column] = cell

    def as_markdown(self) -> str:
        """Everything, in an order that does not depend on that of the tests."""
        return "\n".join([INTRODUCTION, *map(self._section, sorted(self._sections))])

    def _section(self, name: str) -> str:
        rows = self._sections[name]
        columns = sorted({column for cells in rows.values() for column in cells})
        lines = [f"## {name}", "", f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
        lines += [f"| {row} | {' | '.join(cells.get(c, '') for c in columns)} |" for row, cells in rows.items()]
        return "\n".join([*lines, ""])
