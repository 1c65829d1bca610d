from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.viewers.host.paint import Painter

_TOKEN = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|(.)", re.DOTALL)
STYLES = [
    Style.null(),
    Style(bold=True),
    Style(color="bright_black"),
    Style(reverse=True),
    *(Style(color=Color.from_rgb(i, 0, 200), bgcolor=Color.from_rgb(0, i, 90)) for i in (0, 40, 80)),
    Style(color=Color.from_rgb(0, 0, 200), bgcolor=Color.from_rgb(0, 80, 90)),
]
cells = st.tuples(st.sampled_from("ab \u2580"), st.sampled_from(STYLES))
pictures = st.lists(
    st.lists(cells.map(lambda cell: Segment(*cell)), min_size=4, max_size=4), min_size=3, max_size=3
)


class Screen:
    """As much of a terminal as is needed: a character and its SGR state per cell."""

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], tuple[str, tuple[str, ...]]] = {}
        self._at = [1, 1]
        self._sgr: dict[str, str] = {}

    def take(self, text: str) -> None:
        for numbers, final, character in _TOKEN.findall(text):
            match final:
                case "H":
                    self._at = [int(number) for number in numbers.split(";")]
                case "C":
                    self._at[1] += int(numbers)
                case "J":
                    self.cells.clear()
                case "m":
                    self._set(numbers)
                case _:
                    self.cells[self._at[0], self._at[1]] = (character, tuple(sorted(self._sgr.values())))
                    self._at[1] += 1

    def _set(self, numbers: str) -> None:
        for part in re.findall(r"[34]8;2;\d+;\d+;\d+|\d+", numbers):
            if part == "0":
                self._sgr.clear()
            else:
                kind = {"38": "color", "48": "bgcolor", "90": "color"}.get(part[:2], part)
                self._sgr[kind] = part


def console(color_system: str | None = "truecolor", **options: object) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=color_system, **options)  # type: ignore[arg-type]


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    console.file.seek(0)
    console.file.truncate()
    return text


@given(st.lists(pictures, min_size=1, max_size=4))
def test_what_is_seen_does_not_depend_on_what_was_there_before(shown: list[list[list[Segment]]]) -> None:
    one, other = console(), console()
    painter, screen, fresh = Painter(one), Screen(), Screen()
    for picture in shown:
        painter.paint(picture)
    screen.take(written(one))
    Painter(other).paint(shown[-1])
    fresh.take(written(other))
    blank = (" ", ())
    places = screen.cells.keys() | fresh.cells.keys()
    assert {at: screen.cells.get(at, blank) for at in places} == {at: fresh.cells.get(at, blank) for at in places}


def test_the_same_picture_again_writes_nothing() -> None:
    to = console()
    painter = Painter(to)
    for n_bytes in (True, False):
        painter.paint([[Segment("module 7")], [Segment("\u2580\u2580", STYLES[4])]])
        assert bool(written(to)) is n_bytes


def test_only_the_cell_that_changed_is_written() -> None:
    to = console()
    painter = Painter(to)
    painter.paint([[Segment("age 1 s")]])
    written(to)
    painter.paint([[Segment("age 2 s")]])
    assert written(to) == "\x1b[1;5H2"


def test_a_color_that_is_set_is_not_set_again() -> None:
    to = console()
    Painter(to).paint([[Segment("\u2580", STYLES[4]), Segment("\u2580", STYLES[7])]])
    assert written(to).endswith("\u2580\x1b[48;2;0;80;90m\u2580\x1b[0m")


def test_after_a_resize_or_when_forgotten_everything_is_written() -> None:
    to = console()
    painter = Painter(to)
    painter.paint([[Segment("abc")]])
    first = written(to)
    painter.forget()
    painter.paint([[Segment("abc")]])
    assert written(to) == first
    painter.paint([[Segment("abcd")]])
    assert written(to).startswith("\x1b[0m\x1b[2J")


def test_colors_fit_the_terminal() -> None:
    to = console("256")
    Painter(to).paint([[Segment("\u2580", STYLES[5])]])
    assert "\x1b[38;5;20;48;5;17m" in written(to)


@pytest.mark.parametrize("to", [console(None), console("truecolor", no_color=True)])
def test_without_color_no_color_is_set(to: Console) -> None:
    Painter(to).paint([[Segment("x", STYLES[5]), Segment("y", STYLES[1])]])
    assert not re.search(r"\x1b\[[1-9][0-9;]*m", written(to))


def test_a_dumb_terminal_gets_lines_without_escape_sequences() -> None:
    to = console(None, _environ={"TERM": "dumb"})
    painter = Painter(to)
    for _ in range(2):
        painter.paint([[Segment("abc  ", STYLES[5])], [Segment("de")]])
        assert written(to) == "abc\nde\n"


def test_a_wide_character_takes_two_columns() -> None:
    to = console()
    painter = Painter(to)
    painter.paint([[Segment("\u661fa")]])
    written(to)
    painter.paint([[Segment("\u661fb")]])
    assert written(to) == "\x1b[1;3Hb"
