"""Logs of the commands: on a terminal, as lines, as JSON, and without floods of a program that runs for months."""

from __future__ import annotations

import enum
import json
import logging
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from panoseti_daq.printable import printable

MAX_RECORD_LENGTH: Final = 20_000  # characters of a message, and of a traceback
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


def log_to_stderr(
    level: LogLevel, log_format: LogFormat = LogFormat.TEXT, *, limit_repeats: bool = False, process: str = ""
) -> None:
    """Log in color on a terminal, as plain lines elsewhere, or as JSON.

    Parameters
    ----------
    level, log_format
        What is logged, and how.
    limit_repeats
        Log few of many that are alike, see `LimitRepeats`.
    process
        Name of this process in every line, where there are several.
    """
    of_process = f"{process}: " if process else ""
    if log_format is LogFormat.JSON:
        handler: logging.Handler = UnhinderedHandler()
        handler.setFormatter(JsonFormatter(process))
    elif sys.stderr.isatty():
        from rich.console import Console  # slow to import, and not needed for a pipe or a journal
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(TextFormatter(f"{of_process}%(message)s"))
    else:
        handler = UnhinderedHandler()
        handler.setFormatter(TextFormatter(f"%(asctime)s %(levelname)s %(name)s: {of_process}%(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[LimitRepeats(handler) if limit_repeats else handler])
    logging.getLogger("asyncio").addFilter(_is_no_lost_connection)


def _is_no_lost_connection(record: logging.LogRecord) -> bool:
    """Return False for connections that broke in a task of a library: who used them reports it in one line."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, ConnectionError) and "never retrieved" in record.getMessage())


class TextFormatter(logging.Formatter):
    """One line, and a traceback when there is one; control characters, which anybody may send, are shown."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Make the line."""
        record.message = printable(_shortened(record.message))
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Make the lines of a traceback."""
        return printable(_shortened(super().formatException(ei)), keep="\n")


class UnhinderedHandler(logging.StreamHandler[Any]):
    """Handler for stderr that drops records while nobody reads its pipe, and counts them, instead of waiting.

    A pipe takes `select.PIPE_BUF` bytes at once when it is ready for any.
    """

    n_dropped = 0
    _is_cut = False  # within a line

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after the number of those that were dropped; drop it if that would take time."""
        try:
            text = self.format(record) + self.terminator
            if self.n_dropped:
                dropped = f"... {self.n_dropped} log records dropped: nobody read them"
                text = self.terminator.join((*[""] * self._is_cut, dropped, text))
            data, descriptor = text.encode("utf-8", "backslashreplace"), self.stream.fileno()
        except (OSError, ValueError):  # not a file, or closed
            super().emit(record)
            return
        begin = 0
        while begin < len(data) and select.select((), (descriptor,), (), 0)[1]:
            begin += os.write(descriptor, data[begin : begin + select.PIPE_BUF])
        self.n_dropped = 0 if begin == len(data) else self.n_dropped + 1
        self._is_cut = 0 < begin < len(data) or (self._is_cut and not begin)


def _shortened(text: str) -> str:
    if len(text) <= MAX_RECORD_LENGTH:
        return text
    half = MAX_RECORD_LENGTH // 2
    return f"{text[:half]} ... {len(text) - 2 * half} characters ... {text[-half:]}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line.

    Its fields: ``time`` (UTC, ISO 8601, microseconds), ``level``, ``logger``, ``message``, and where there are
    any, ``process`` (which of several), ``peer`` (who called), ``repeated`` (see `LimitRepeats`) and ``exception``
    (the traceback).

    Parameters
    ----------
    process
        Name of this process; empty where there is one.
    """

    def __init__(self, process: str = "") -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _shortened(record.getMessage()),
        }
        if self._process:
            line["process"] = self._process
        for name in ("peer", "repeated"):
            if (value := getattr(record, name, None)) is not None:
                line[name] = value
        if record.exc_info:
            line["exception"] = _shortened(self.formatException(record.exc_info))
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
        self._report(lambda place: now - place.since >= _MINUTE_S)
        if record.levelno >= logging.WARNING:
            key = record.pathname, record.lineno, str(record.msg)
            place = self._places.setdefault(key, _Place(now, record))
            place.n_seen += 1
            if place.n_seen > self._per_minute:
                place.record, place.n_held_back = record, place.n_held_back + 1
                return
            if len(self._places) > _MAX_PLACES:
                oldest = next(iter(self._places.values()))
                self._report(lambda place: place is oldest)
        self._to.handle(record)

    def _report(self, is_over: Callable[[_Place], bool]) -> None:
        """Forget places, the oldest first, and report what was held back."""
        while self._places:
            key, place = next(iter(self._places.items()))
            if not is_over(place):
                return
            del self._places[key]
            if n_times := place.n_held_back:
                last = place.record
                text = f"{last.getMessage()} ... repeated {n_times} {'time' if n_times == 1 else 'times'}"
                summary = logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, (), None)
                summary.repeated = n_times
                self._to.handle(summary)

    def flush(self) -> None:
        """Flush the handler."""
        self._to.flush()

    def close(self) -> None:
        """Report what was held back."""
        self.acquire()
        try:
            self._report(lambda place: True)
        finally:
            self.release()
        super().close()
