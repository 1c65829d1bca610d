"""Logs of the commands: on a terminal, as lines, as JSON, and without floods of a program that runs for months."""

from __future__ import annotations

import enum
import json
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MAX_PER_MINUTE: Final = 10  # warnings from one place
_MINUTE_S: Final = 60.0
_MAX_PLACES: Final = 500  # that are remembered: others' templates may be made at run time


class LogLevel(enum.StrEnum):
    """Least level that is logged to stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogFormat(enum.StrEnum):
    """Format of log lines."""

    TEXT = "text"
    JSON = "json"


def log_to_stderr(level: LogLevel, log_format: LogFormat = LogFormat.TEXT, *, limit_repeats: bool = False) -> None:
    """Log in color on a terminal, as plain lines elsewhere, or as JSON; `limit_repeats` as in `LimitRepeats`."""
    if log_format is LogFormat.JSON:
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    elif sys.stderr.isatty():
        from rich.console import Console  # slow to import, and not needed for a pipe or a journal
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[LimitRepeats(handler) if limit_repeats else handler])


class JsonFormatter(logging.Formatter):
    """One JSON object a line.

    Its fields: ``time`` (UTC, ISO 8601, microseconds), ``level``, ``logger``, ``message``, and where there are
    any, ``peer`` (who called), ``repeated`` (see `LimitRepeats`) and ``exception`` (the traceback).
    """

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("peer", "repeated"):
            if (value := getattr(record, name, None)) is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


@dataclass(slots=True)
class _Place:
    since: float  # of its minute
    record: logging.LogRecord  # the last one held back
    n_seen: int = 0
    n_held_back: int = 0


class LimitRepeats(logging.Handler):
    """Handler that passes records on, of repeated warnings and errors only a few per minute.

    Repeated are those of one template from one place in the code. When their minute is over, and at the end, one
    record reports how many were held back, together with the next record from anywhere, as no thread waits for it.

    Parameters
    ----------
    to
        Gets the records.
    per_minute
        Number of each that is passed on per minute.
    clock
        Seconds.
    """

    def __init__(
        self,
        to: logging.Handler,
        per_minute: int = MAX_PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(to.level)
        self._to = to
        self._per_minute = per_minute
        self._clock = clock
        self._places: dict[tuple[str, int, str], _Place] = {}  # oldest minute first

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a record on, or count it."""
        now = self._clock()
        self._tell(lambda place: now - place.since >= _MINUTE_S)
        if record.levelno >= logging.WARNING:
            key = record.pathname, record.lineno, str(record.msg)
            place = self._places.setdefault(key, _Place(now, record))
            place.n_seen += 1
            if place.n_seen > self._per_minute:
                place.record, place.n_held_back = record, place.n_held_back + 1
                return
            if len(self._places) > _MAX_PLACES:
                oldest = next(iter(self._places.values()))
                self._tell(lambda place: place is oldest)
        self._to.handle(record)

    def _tell(self, is_over: Callable[[_Place], bool]) -> None:
        """Forget places, the oldest first, and report what was held back."""
        while self._places:
            key, place = next(iter(self._places.items()))
            if not is_over(place):
                return
            del self._places[key]
            if n_times := place.n_held_back:
                last = place.record
                text = f"{last.getMessage()} ... repeated {n_times} {'time' if n_times == 1 else 'times'}"
                told = logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, (), None)
                told.repeated = n_times
                self._to.handle(told)

    def flush(self) -> None:
        """Flush the handler."""
        self._to.flush()

    def close(self) -> None:
        """Report what was held back."""
        self.acquire()
        try:
            self._tell(lambda place: True)
        finally:
            self.release()
        super().close()
