"""Terminal viewer ``term``: panels, their layout, and the keys."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key, Kind
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.looks import Looks
from panoseti_daq.viewers.modules import Module
from panoseti_daq.viewers.term.panels import PanelStyle, TextLine, dim, empty_lines, next_theme, panel_lines

_BETWEEN_KINDS: Final = 2  # columns
_BETWEEN_MODULES: Final = 4
_RECOLORING: Final = ("l", "x")  # keys
_KINDS: Final = {
    "both": (Kind.PULSE_HEIGHT, Kind.MOVIE),
    "movie": (Kind.MOVIE,),
    "pulse height": (Kind.PULSE_HEIGHT,),
}
# Pixels along a side that become one; auto: full while all modules fit so
_SIZES: Final = {"auto": (1, 2), "full": (1,), "small": (2,)}


@dataclass(frozen=True, slots=True)
class Grid:
    """How modules are laid out."""

    look: PanelStyle  # Of the panels
    per_row: int  # Modules beside each other
    n_rows: int  # Rows of modules that fit, at least one

    @property
    def n_modules(self) -> int:
        """Modules that are seen at once."""
        return self.per_row * self.n_rows


@dataclass(frozen=True, slots=True)
class Drawing:
    """Text that is drawn when the console that it is for is known."""

    draw: Callable[[bool], list[TextLine]]  # Gives the lines, with half blocks in color if True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        has_colors = console.color_system in ("256", "truecolor") and not console.no_color
        for line in self.draw(has_colors and not options.ascii_only):
            yield from line
            yield Segment.line()


class TermImages:
    """Shows the newest images of every module as text."""

    def __init__(self, board: Board, *, ascii_only: bool = False) -> None:
        self._board = board
        self._ascii_only = ascii_only
        self._shown, self._size = next(iter(_KINDS)), next(iter(_SIZES))
        self._first_row = 0
        self._seen = "none"
        looks = Looks(board)
        self._keys: dict[str, tuple[str, Callable[[], object]]] = {
            "up": ("Modules above", lambda: self._scroll(-1)),
            "down": ("Modules below", lambda: self._scroll(+1)),
            "tab": ("Both kinds, or one", lambda: self._show(_after(self._shown, _KINDS))),
            "m": ("Movies", lambda: self._show("movie")),
            "p": ("Pulse heights", lambda: self._show("pulse height")),
            "b": ("Both", lambda: self._show("both")),
            "c": ("Next color map", lambda: looks.next("colormap")),
            "l": ("Next levels: rolling, per frame, fixed", looks.next_levels),
            "x": ("Next scale: linear, sqrt, log, asinh", lambda: looks.next("scale")),
            "z": ("Next size", self._next_size),
            "k": ("Mask hot and dead pixels, or none", looks.toggle_masks),
            "t": ("Next theme: dark, red, light", next_theme),
        }

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Keys and what they do."""
        return [(key, text) for key, (text, _) in self._keys.items()]

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the newest frames."""
        self._board.update(frames)
        self._board.refresh()

    def key(self, key: str) -> None:
        """Do what a key says; keys without a meaning do nothing."""
        if key in self._keys:
            self._keys[key][1]()
            if key in _RECOLORING:
                self._board.recolor()

    def _scroll(self, n_rows: int) -> None:
        self._first_row = max(0, self._first_row + n_rows)

    def _show(self, shown: str) -> None:
        self._shown = shown

    def _next_size(self) -> None:
        self._size = _after(self._size, _SIZES)

    def render(self, columns: int, rows: int) -> Drawing:
        """What is to be seen."""
        return Drawing(lambda in_color: self.lines(columns, rows, in_color=in_color and not self._ascii_only))

    def lines(self, columns: int, rows: int, *, in_color: bool) -> list[TextLine]:
        """`rows` lines of `columns` columns.

        `columns`, `rows`: what there is room for. `in_color`: whether to draw half blocks and not ASCII
        characters.
        """
        modules = self._board.modules
        kinds = self._kinds
        if not modules or not kinds:
            lines = [
                [Segment("waiting for the first image" if not modules else "no image of this kind yet", dim())]
            ]
        else:
            grid = self._grid(columns, rows - 1, len(modules), len(kinds), in_color=in_color)
            lines = self._draw(grid, modules, kinds)
        body = [Segment.adjust_line_length(line, columns) for line in lines[: rows - 1]]
        body += [[Segment(" " * columns)]] * (rows - 1 - len(body))
        return [*body, Segment.adjust_line_length([Segment(self._help(), dim())], columns)]

    @property
    def _kinds(self) -> list[Kind]:
        """Kinds that are shown: no place is kept for one that no module sends."""
        return [kind for kind in _KINDS[self._shown] if kind in self._board.kinds]

    def _grid(self, columns: int, rows: int, n_modules: int, n_kinds: int, *, in_color: bool) -> Grid:
        grids, settings = [], self._board.settings
        for scale in _SIZES[self._size]:
            colors = settings.colormap if in_color else None
            look = PanelStyle(scale, colors, self._board.clock.now_s(), self._board.called)
            width = n_kinds * (look.n_columns + _BETWEEN_KINDS) - _BETWEEN_KINDS + _BETWEEN_MODULES
            per_row = max(1, (columns + _BETWEEN_MODULES) // width)
            grids.append(Grid(look, per_row, max(1, (rows + 1) // (look.n_lines + 1))))
            if grids[-1].n_modules >= n_modules and look.n_lines <= rows and width - _BETWEEN_MODULES <= columns:
                break
        return grids[-1]

    def _draw(self, grid: Grid, modules: list[Module], kinds: list[Kind]) -> list[TextLine]:
        n_rows = -(-len(modules) // grid.per_row)
        self._first_row = max(0, min(self._first_row, n_rows - grid.n_rows))
        first = self._first_row * grid.per_row
        seen = modules[first : first + grid.n_modules]
        self._seen = f"{first + 1}-{first + len(seen)} of {len(modules)}"
        lines: list[TextLine] = []
        for begin in range(0, len(seen), grid.per_row):
            if lines:
                lines.append([])
            lines += self._row(seen[begin : begin + grid.per_row], kinds, grid.look)
        return lines

    def _row(self, modules: list[Module], kinds: list[Kind], look: PanelStyle) -> Iterator[TextLine]:
        panels = [self._panel_lines(module, kind, look) for module in modules for kind in kinds]
        for pieces in zip(*panels, strict=True):
            line: TextLine = []
            for i, piece in enumerate(pieces, 1):
                gap = _BETWEEN_MODULES if i % len(kinds) == 0 else _BETWEEN_KINDS
                line += [*piece, Segment(" " * gap)]
            yield line[:-1]

    def _panel_lines(self, module: Module, kind: Kind, look: PanelStyle) -> list[TextLine]:
        panel = self._board.panels.get((module, kind))
        return empty_lines(module, kind, look) if panel is None else panel_lines(panel, look)

    def _help(self) -> str:
        settings, silent = self._board.settings, self._board.silent_modules
        said = f"{len(silent)} of {len(self._board.modules)} modules silent  " if silent else ""
        return (
            f"{said}modules {self._seen} up/down  tab/m/p/b {self._shown}"
            f"  l {settings.levels}  x {settings.scale}  c {settings.colormap}  z {self._size}"
        )


def _after(name: str, names: Collection[str]) -> str:
    """The next of some names, round and round."""
    order = list(names)
    return order[(order.index(name) + 1) % len(order)]
