"""Ages, spans and moments as text."""

from __future__ import annotations

import pytest

from panoseti_daq.viewers.host.times import age_text, short_age_text, span_text, time_text


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        (0.04, "0.0 s"),
        (0.31, "0.3 s"),
        (9.96, "10 s"),
        (99, "99 s"),
        (420, "7 min"),
        (7300, "2 h"),
        (1e6, "12 d"),
        (-0.3, "-0.3 s"),
        (-4, "-4.0 s"),
        (-400, "-7 min"),
    ],
)
def test_an_age_is_short(age_s: float, expected: str) -> None:
    assert age_text(age_s) == expected


@pytest.mark.parametrize("age_s", [-1e6, -400, 0.31, 9.96, 99, 420, 5969, 7300, 172_799])
def test_where_there_is_little_room_an_age_has_four_characters(age_s: float) -> None:
    assert len(short_age_text(age_s)) <= 4


@pytest.mark.parametrize(("span_s", "expected"), [(5, "5 s"), (90, "90 s"), (600, "10 min"), (11_520, "3.2 h")])
def test_a_span_is_told_as_it_was_chosen(span_s: float, expected: str) -> None:
    assert span_text(span_s) == expected


def test_a_time_has_milliseconds() -> None:
    assert time_text(1_767_225_600_987_654_321) == "2026-01-01 00:00:00.987"
    assert time_text(1_767_225_600_987_654_321, date=False) == "00:00:00.987"
