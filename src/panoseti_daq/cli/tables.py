"""Tables of the commands, and the console that prints them."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from panoseti_daq.printable import printable

_UNLIMITED: Final = 1000  # columns


class PlainConsole(Console):
    """Console for texts from anybody: they are no markup, and send the terminal no control characters."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text as it is shown."""
        return super().render_str(printable(text, keep="\n"), **options)


def print_table(table: Table) -> None:
    """Print a table in full, however narrow or absent the terminal is."""
    needed = PlainConsole(width=_UNLIMITED).measure(table).maximum
    PlainConsole(width=needed).print(table)
