"""Tables of the commands, and the console that prints them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from panoseti_daq.printable import printable

_UNLIMITED: Final = 1000  # columns
_LEAST_FOLDED: Final = 20  # columns of a text that is broken into lines: a narrower one nobody reads


class PlainConsole(Console):
    """Console for texts from anybody: they are no markup, and send the terminal no control characters."""

    def __init__(self, width: int | None = None) -> None:
        super().__init__(width=width, markup=False, emoji=False, highlight=False)

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
        Headings of columns that may go, what is worth least first. When that is not enough, the longest text is
        broken into lines; and where that would leave it a few letters, the first column becomes rows of its own,
        above those that it begins.
    """
    measure = PlainConsole(width=_UNLIMITED)
    table.collapse_padding = measure.measure(table).maximum > width
    for heading in drop_first:
        if measure.measure(table).maximum <= width:
            return table
        table = _without(table, heading)
    if measure.measure(table).maximum <= width:
        return table
    if len(table.columns) > 1:
        if _long(table) is not table.columns[0] and _room(table, width) >= _LEAST_FOLDED:
            return _folded(table)
        table = _grouped(table)
    return _folded(table) if measure.measure(table).maximum > width else table


def _long(table: Table) -> Column:
    """Return the column of texts that has the longest."""
    return max((column for column in table.columns if column.justify == "left"), key=_text_width)


def _room(table: Table, width: int) -> int:
    """Return the columns of the terminal that are left for the longest text."""
    others = (column for column in table.columns if column is not _long(table))
    return width - sum(max(_text_width(column), len(str(column.header))) + 1 for column in others)


def _folded(table: Table) -> Table:
    """Break the longest text of a table into lines."""
    folded = _long(table)
    for column in table.columns:
        column.no_wrap = column is not folded
    folded.overflow = "fold"
    return table


def _text_width(column: Column) -> int:
    return max((len(str(cell)) for cell in column.cells), default=0)


def _grouped(table: Table) -> Table:
    """Return a table whose first column is rows above those that it begins, which are indented."""
    first, second, *_ = table.columns
    made = _like(table, [Column(f"{first.header}, {second.header}"), *table.columns[2:]])
    above = None
    for row, head, begin, *cells in zip(table.rows, *(column.cells for column in table.columns), strict=True):
        if head != above:
            made.add_row(head, style=row.style)
        above = head
        made.add_row(f"  {begin}", *cells, style=row.style)
    return made


def _without(table: Table, heading: str) -> Table:
    kept = [column for column in table.columns if column.header != heading]
    made = _like(table, kept)
    for row, *cells in zip(table.rows, *(column.cells for column in kept), strict=True):
        made.add_row(*cells, style=row.style)
    return made


def _like(table: Table, columns: Iterable[Column]) -> Table:
    """Return an empty table that looks like another."""
    made = Table(title=table.title, box=table.box, pad_edge=table.pad_edge, header_style=table.header_style)
    made.collapse_padding = table.collapse_padding
    for column in columns:
        made.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    return made
