"""Tables of the commands that print one."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

_UNLIMITED: Final = 1000  # columns


def print_table(table: Table) -> None:
    """Print a table in full, however narrow or absent the terminal is."""
    needed = Console(width=_UNLIMITED).measure(table).maximum
    Console(width=needed).print(table)
