"""Text on a terminal: only the cells that changed are written."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

Character = tuple[str, Style]

_PLAIN: Final = Style.null()
_SYSTEMS: Final = {system.name.lower(): system for system in ColorSystem} | {"256": ColorSystem.EIGHT_BIT}


class Painter:
    """Paints lines of text over those it painted before. Not thread-safe.

    Over ssh the number of bytes is what limits the refresh: a cell that did not change is skipped, and a color
    that is still set is not set again. A terminal that cannot move its cursor (TERM=dumb) gets every line.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._system = None if console.no_color else _SYSTEMS.get(console.color_system or "")
        self._seen: list[list[Character]] = []

    def forget(self) -> None:
        """Write everything next time, for what is on the terminal is not known any more."""
        self._seen = []

    def end(self) -> None:
        """Set no color any more; Ctrl-C may have cut off what did that."""
        if not self._console.is_dumb_terminal:
            self._console.file.write("\x1b[0m")
            self._console.file.flush()

    def paint(self, lines: Sequence[Sequence[Segment]]) -> None:
        """Show lines, the first on top; each is as wide as the terminal."""
        rows = [_cells(line, self._system) for line in lines]
        if self._console.is_dumb_terminal:
            text = "".join("".join(character for character, _ in row).rstrip() + "\n" for row in rows)
        else:
            text = "".join(self._changes(rows))
        self._seen = rows
        if text:
            self._console.file.write(text)
            self._console.file.flush()

    def _changes(self, rows: list[list[Character]]) -> Iterator[str]:
        seen: list[list[Character]] = self._seen
        if [len(row) for row in rows] != [len(row) for row in seen]:
            yield "\x1b[0m\x1b[2J"
            seen = [[(" ", _PLAIN)] * len(row) for row in rows]
        style = _PLAIN
        for number, (row, before) in enumerate(zip(rows, seen, strict=True), 1):
            at = -1  # column of the cursor; it stands in another row
            for column, cell in enumerate(row):
                if cell == before[column]:
                    continue
                if at < 0:
                    yield f"\x1b[{number};{column + 1}H"
                elif at < column:
                    yield f"\x1b[{column - at}C"
                yield _switch(style, cell[1], self._system) + cell[0]
                at, style = column + 1, cell[1]
        if style != _PLAIN:
            yield "\x1b[0m"


def _cells(line: Sequence[Segment], system: ColorSystem | None) -> list[Character]:
    """One element per column; the second column of a wide character is empty."""
    cells: list[Character] = []
    for text, style, control in line:
        if control:
            continue
        seen = _as_seen(style or _PLAIN, system)
        for character in text:
            cells.append((character, seen))
            if not character.isascii():
                cells.extend([("", seen)] * (cell_len(character) - 1))
    return cells


@functools.lru_cache(maxsize=65536)
def _as_seen(style: Style, system: ColorSystem | None) -> Style:
    """What the terminal makes of a style: colors that look the same there are the same."""
    if system is None:
        return _PLAIN
    colors = (style.color and style.color.downgrade(system), style.bgcolor and style.bgcolor.downgrade(system))
    return style.without_color + Style(color=colors[0], bgcolor=colors[1])


@functools.lru_cache(maxsize=65536)
def _switch(before: Style, style: Style, system: ColorSystem | None) -> str:
    """What changes the terminal from one style to another."""
    if style == before or system is None:
        return ""
    reset, changed = "", style
    if None in (style.color, style.bgcolor) or any(one.without_color != _PLAIN for one in (style, before)):
        reset = "\x1b[0m" if before != _PLAIN else ""
    else:
        color = None if style.color == before.color else style.color
        changed = Style(color=color, bgcolor=None if style.bgcolor == before.bgcolor else style.bgcolor)
    return reset + changed.render("\0", color_system=system).partition("\0")[0]


def terminal_size(descriptor: int) -> os.terminal_size:
    """Columns and rows of a terminal; 80 by 24 when it does not say."""
    size = os.get_terminal_size(descriptor)
    return size if size.columns and size.lines else os.terminal_size((80, 24))
