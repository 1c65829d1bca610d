from __future__ import annotations

from support.received import NOW_S, frame_of

from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.images.titles import (
    Line,
    Span,
    Stamp,
    Tone,
    file_text,
    frame_lines,
    head_line,
    quabo_line,
    tone_of,
)


def text(line: Line) -> str:
    return " ".join(span.text for span in line)


def test_a_file_is_told_by_its_seqno_and_start() -> None:
    assert file_text(frame_of(0).file) == "seqno 3 from 04:34:46"


def test_a_strange_file_is_told_by_its_name() -> None:
    assert file_text("uploaded") == "uploaded"


def test_the_lines_of_a_movie_tell_all() -> None:
    frame = frame_of(0, frame_number=1234, unix_s=NOW_S + 0.25)
    lines = [head_line(7, frame), *frame_lines(Stamp.of(frame, 0), (), NOW_S + 0.75, 1.0)]

    assert [text(line) for line in lines] == [
        "module 7 movie img16",
        "2026-01-01 00:00:00.250 UTC",
        "frame 1234 age 0.5 s",
        "seqno 3 from 04:34:46",
    ]


def test_a_frame_is_old_after_five_refresh_periods() -> None:
    stamp = Stamp.of(frame_of(0), 0)

    assert tone_of(stamp, NOW_S + 4.9, 1.0) is Tone.NORMAL
    assert tone_of(stamp, NOW_S + 5.1, 1.0) is Tone.OLD
    assert {span.tone for line in frame_lines(stamp, (), NOW_S + 6, 1.0) for span in line} == {Tone.OLD}


def test_a_frame_dated_by_the_host_clock_is_marked() -> None:
    lines = frame_lines(Stamp.of(frame_of(0, clocks_differ_s=300), 0), (), NOW_S, 1.0)

    assert lines[-1] == (Span("host clock!", Tone.WARNING),)


def test_a_frame_without_time_is_marked_and_aged_by_its_arrival() -> None:
    lines = frame_lines(Stamp.of(frame_of(0, unix_s=0), NOW_S), (), NOW_S + 2, 1.0)

    assert "2.0 s" in text(lines[1])
    assert lines[-1] == (Span("no time!", Tone.BAD),)


def test_a_missing_quabo_is_told() -> None:
    assert text(frame_lines(Stamp.of(frame_of(0), 0), (1, 2), NOW_S, 1.0)[-1]) == "Q1 missing Q2 missing"


def test_a_quabo_has_a_line_of_its_own_with_its_age() -> None:
    frame = frame_of(0, DataProduct.PH256, quabo=2, frame_number=55)

    assert text(quabo_line(2, Stamp.of(frame, 0), NOW_S + 3, 1.0)) == "Q2 00:00:00.000 #55 3.0 s"


def test_a_quabo_that_sent_nothing_says_so() -> None:
    assert text(quabo_line(3, None, NOW_S, 1.0)) == "Q3 nothing yet"


def test_a_quabo_whose_clock_is_wrong_is_marked() -> None:
    frame = frame_of(0, DataProduct.PH256, quabo=2, clocks_differ_s=300)

    assert quabo_line(2, Stamp.of(frame, 0), NOW_S, 1.0)[0] == Span("Q2", Tone.WARNING)
