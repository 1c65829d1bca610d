from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from panoseti_daq.cli.logs import (
    MAX_RECORD_LENGTH,
    JsonFormatter,
    LimitRepeats,
    TextFormatter,
    UnhinderedHandler,
    _is_no_lost_connection,
)


class Kept(logging.Handler):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def handler(kept: Kept, clock: Clock) -> Iterator[LimitRepeats]:
    handler = LimitRepeats(kept, per_minute=3, clock=clock)
    yield handler
    handler.close()


@pytest.fixture
def log(handler: LimitRepeats) -> Iterator[logging.Logger]:
    logger = logging.getLogger("of.the.test")
    logger.propagate = False
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)


def warn(log: logging.Logger, n_times: int) -> None:
    for i in range(n_times):
        log.warning("disk %d is slow", i)


def line(**fields: object) -> dict[str, object]:
    record = logging.LogRecord("a.b", logging.WARNING, "f.py", 3, "%s took %d s", ("ipv4:1", 5), None)
    for name, value in fields.items():
        setattr(record, name, value)
    text = JsonFormatter().format(record)
    assert "\n" not in text
    found: dict[str, object] = json.loads(text)
    return found


def test_a_record_is_one_line_of_json_with_its_time_in_utc() -> None:
    found = line(created=1_767_225_600.25)
    assert found == {
        "time": "2026-01-01T00:00:00.250000+00:00",
        "level": "WARNING",
        "logger": "a.b",
        "message": "ipv4:1 took 5 s",
    }
    assert datetime.fromisoformat(str(found["time"])).tzinfo == UTC


def test_the_peer_stands_in_a_field_of_its_own() -> None:
    assert line(peer="ipv4:127.0.0.1:3")["peer"] == "ipv4:127.0.0.1:3"


def test_a_traceback_stays_on_the_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        found = line(exc_info=sys.exc_info())
    assert "Traceback" in str(found["exception"])
    assert "two\nlines" in str(found["exception"])


def test_warnings_of_one_place_are_passed_on_up_to_the_limit(log: logging.Logger, kept: Kept) -> None:
    warn(log, 10)
    assert kept.texts == ["disk 0 is slow", "disk 1 is slow", "disk 2 is slow"]


def test_after_a_minute_one_line_tells_how_many_were_held_back(
    log: logging.Logger, kept: Kept, clock: Clock
) -> None:
    warn(log, 10)
    clock.now_s = 61
    log.info("something else")
    assert kept.texts[3:] == ["disk 9 is slow ... repeated 7 times", "something else"]


def test_a_new_minute_begins_with_a_new_allowance(log: logging.Logger, kept: Kept, clock: Clock) -> None:
    warn(log, 4)
    clock.now_s = 61
    warn(log, 2)
    assert kept.texts[3:] == ["disk 3 is slow ... repeated 1 time", "disk 0 is slow", "disk 1 is slow"]


def test_what_was_held_back_is_reported_at_the_end(log: logging.Logger, kept: Kept, handler: LimitRepeats) -> None:
    warn(log, 5)
    handler.close()
    assert kept.texts[-1] == "disk 4 is slow ... repeated 2 times"


def test_other_places_are_not_held_back(log: logging.Logger, kept: Kept) -> None:
    warn(log, 10)
    log.warning("disk %d is slow", 77)
    assert kept.texts[-1] == "disk 77 is slow"


def test_what_is_no_warning_is_never_held_back(log: logging.Logger, kept: Kept) -> None:
    for _ in range(50):
        log.info("a client came")
    assert len(kept.texts) == 50


def test_places_without_end_take_no_memory_without_end(log: logging.Logger, handler: LimitRepeats) -> None:
    for i in range(2000):
        log.warning(f"made at run time {i}")  # noqa: G004 - that is what others do
    assert len(handler._places) <= 500


HOSTILE = "/x\n2026-01-01 INFO panoseti_daq: all is well\x1b]0;title\x07\u202e"


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("of.the.test", logging.WARNING, "file.py", 1, message, args, None)


def test_what_others_send_is_no_line_and_no_escape_sequence_of_the_log() -> None:
    # odd night 72
    line = TextFormatter("%(levelname)s %(message)s").format(record("refused %s", HOSTILE))
    assert line == r"WARNING refused /x\n2026-01-01 INFO panoseti_daq: all is well\x1b]0;title\x07\u202e"


def test_a_traceback_has_lines_and_nothing_else_that_is_not_printable() -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        shown = record("failed")
        shown.exc_info = sys.exc_info()
    lines = TextFormatter("%(message)s").format(shown).splitlines()
    assert lines[:2] == ["failed", "Traceback (most recent call last):"]
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("formatter", [TextFormatter("%(message)s"), JsonFormatter()])
def test_a_record_of_a_megabyte_is_cut(formatter: logging.Formatter) -> None:
    # odd night 79
    line = formatter.format(record("%s", "a" * 1_000_000))
    assert len(line) < 2 * MAX_RECORD_LENGTH
    assert "980000 characters" in line


def test_a_pipe_that_nobody_reads_drops_records_and_says_so_when_it_is_read() -> None:
    # odd night 79
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as read, os.fdopen(writer, "w") as stream:
        handler = UnhinderedHandler(stream)
        for number in range(3000):
            handler.handle(record("%d %s", number, "x" * 100))
        n_dropped = handler.n_dropped
        assert n_dropped > 1000
        read.read(1 << 20)
        handler.handle(record("read again"))
        shown = read.read(1 << 20).decode()
    assert shown.endswith(f"... {n_dropped} log records dropped: nobody read them\nread again\n")


def test_a_log_that_is_read_lacks_nothing(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        handler = UnhinderedHandler(stream)
        for number in range(100):
            handler.handle(record("%d %s", number, "x" * 10_000))
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.split()[0] for line in lines] == [str(number) for number in range(100)]
    assert {len(line.split()[1]) for line in lines} == {10_000}


@pytest.mark.parametrize(("error", "n_lines"), [(ConnectionResetError(104, "reset"), 0), (ValueError("a bug"), 1)])
def test_a_connection_that_broke_in_a_library_leaves_no_traceback(error: Exception, n_lines: int) -> None:
    record = logging.LogRecord(
        "asyncio", logging.ERROR, "", 0, "Task exception was never retrieved", (), (type(error), error, None)
    )
    assert int(_is_no_lost_connection(record)) == n_lines
