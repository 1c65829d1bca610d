"""Keys of a terminal one by one, and signals and log lines that wait while it is drawn on."""

from __future__ import annotations

import codecs
import logging
import os
import re
import signal
import socket
import termios
import tty
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
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
                key = _NAMES.get(sequence[0][-1]) if sequence[0][1] in "[O" else None
                length = sequence.end()
            else:
                key, length = self._text[0], 1
            self._text = self._text[length:]
            if key:
                keys.append("tab" if key == "\t" else key)
        return keys


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


_MAX_HELD: Final = 100  # records; the last ones say why it ended


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals that came."""

    wakeup: socket.socket  # Readable when one came
    received: set[int] = field(default_factory=set)

    def clear_wakeup(self) -> None:
        """Make `wakeup` wait for the next signal."""
        with suppress(BlockingIOError):
            self.wakeup.recv(4096)


@contextmanager
def noted_signals(*numbers: signal.Signals, then: Callable[[int], object] = id) -> Iterator[Signals]:
    """Note these signals as long as the block, instead of what they do otherwise, and call `then`; main thread."""
    ours, pythons = socket.socketpair()
    ours.setblocking(False)
    pythons.setblocking(False)
    signals = Signals(ours)

    def note(number: int, frame: FrameType | None) -> None:
        signals.received.add(number)
        then(number)

    with ours, pythons:
        before = {number: signal.signal(number, note) for number in numbers}
        wakeup = signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        try:
            yield signals
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)


class _Held(logging.Handler):
    """Keeps the newest `_MAX_HELD` records; older ones are dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=_MAX_HELD)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def log_held_back() -> Iterator[None]:
    """Log only when the block is left: a line amid a picture would stay there."""
    root = logging.getLogger()
    handlers, held = root.handlers[:], _Held()
    root.handlers[:] = [held]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for record in held.records:
            root.handle(record)
