"""Signals and log lines that wait while a terminal is drawn on."""

from __future__ import annotations

import logging
import signal
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Final

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
