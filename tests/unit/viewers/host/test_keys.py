from __future__ import annotations

import os
import termios
from collections.abc import Iterator

import pytest

from panoseti_daq.viewers.host.keys import KeyReader, cbreak


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("q", ["q"]),
        ("\t ", ["tab", " "]),
        ("\x1b[A\x1b[B\x1b[C\x1b[D", ["up", "down", "right", "left"]),
        ("\x1bOA", ["up"]),
        ("\x1b[5~\x1b[1;5Pm", ["m"]),
        ("\u00e9", ["\u00e9"]),
        ("\x0c", ["\x0c"]),
    ],
)
def test_keys_are_told_apart(typed: str, keys: list[str], pipe: tuple[int, int]) -> None:
    os.write(pipe[1], typed.encode())
    assert KeyReader(pipe[0]).read() == keys


def test_a_sequence_in_pieces_is_one_key(pipe: tuple[int, int]) -> None:
    reader = KeyReader(pipe[0])
    read = []
    for piece in (b"a\x1b", b"[", b"Bc\xc3", b"\xa9"):
        os.write(pipe[1], piece)
        read.append(reader.read())
    assert read == [["a"], [], ["down", "c"], ["\u00e9"]]


def test_the_end_of_the_terminal_is_seen() -> None:
    readable, writable = os.pipe()
    os.close(writable)
    reader = KeyReader(readable)
    assert reader.read() == []
    assert reader.is_at_end
    os.close(readable)


def test_the_terminal_is_as_before_whatever_happens() -> None:
    ours, its = os.openpty()
    before = termios.tcgetattr(its)
    with pytest.raises(ZeroDivisionError), cbreak(its):
        assert not termios.tcgetattr(its)[3] & termios.ECHO
        assert termios.tcgetattr(its)[3] & termios.ISIG
        raise ZeroDivisionError
    assert termios.tcgetattr(its) == before
    os.close(ours)
    os.close(its)
