"""Tables of the commands, and the console that prints them."""

from __future__ import annotations

from collections.abc import Iterable
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


def print_table(table: Table, drop_first: Iterable[str] = ()) -> None:
    """Print a table: to a terminal so that it fits, elsewhere in full.

    Parameters
    ----------
    table
        What to print.
    drop_first
        As for `fitted`.
    """
    console = PlainConsole()
    if console.is_terminal:
        console.print(fitted(table, console.width, drop_first))
        return
    needed = PlainConsole(width=_UNLIMITED).measure(table).maximum
    PlainConsole(width=needed).print(table)


def fitted(table: Table, width: int, drop_first: Iterable[str] = ()) -> Table:
    """Return a table without the columns that there is no room for.

    Parameters
    ----------
    table
        What is to be shown.
    width
        Columns of the terminal.
    drop_first
        Headings of columns that may go, what is worth least first; when that is not enough, texts are broken.
    """
    measure = PlainConsole(width=_UNLIMITED)
    table.collapse_padding = measure.measure(table).maximum > width
    for heading in drop_first:
        if measure.measure(table).maximum <= width:
            return table
        table = _without(table, heading)
    if measure.measure(table).maximum > width:
        texts = [column for column in table.columns if column.justify == "left"]
        for column in texts:
            column.no_wrap = True
        widest = max(texts, key=lambda column: max((len(str(cell)) for cell in column.cells), default=0))
        widest.no_wrap, widest.overflow = False, "fold"
    return table


def _without(table: Table, heading: str) -> Table:
    made = Table(title=table.title, box=table.box, pad_edge=table.pad_edge, header_style=table.header_style)
    made.collapse_padding = table.collapse_padding
    kept = [column for column in table.columns if column.header != heading]
    for column in kept:
        made.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for row, *cells in zip(table.rows, *(column.cells for column in kept), strict=True):
        made.add_row(*cells, style=row.style)
    return made
