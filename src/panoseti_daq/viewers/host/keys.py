"""Keys of a terminal, one by one as they are pressed."""

from __future__ import annotations

import codecs
import os
import re
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[A-Za-z]|[^\[O])")
_BEGUN_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|O)?\Z")
_NAMES: Final = {"A": "up", "B": "down", "C": "right", "D": "left"}
_READ_BYTES: Final = 1024


class KeyReader:
    """Reads keys from a terminal in cbreak mode."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_at_end = False  # Whether no key will ever come: the terminal is gone
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""

    def read(self) -> list[str]:
        """Keys that were pressed: characters, or 'up', 'down', 'left', 'right', 'tab'.

        A sequence of which only the beginning has come waits for its end; unknown ones are left out. Waits when no
        key was pressed.
        """
        data = os.read(self.descriptor, _READ_BYTES)
        self.is_at_end = not data
        self._text += self._decoder.decode(data)
        keys = []
        while self._text and not _BEGUN_SEQUENCE.match(self._text):
            if sequence := _ESCAPE_SEQUENCE.match(self._text):
                key, length = _arrow(sequence[0]), sequence.end()
            else:
                key, length = self._text[0], 1
            self._text = self._text[length:]
            if key:
                keys.append("tab" if key == "\t" else key)
        return keys


def _arrow(sequence: str) -> str | None:
    return _NAMES.get(sequence[-1]) if sequence[1] in "[O" else None


@contextmanager
def cbreak(descriptor: int | None) -> Iterator[None]:
    """Have keys at once and without echo, signals included, in the block; does nothing without a terminal."""
    if descriptor is None:
        yield
        return
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSANOW)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
