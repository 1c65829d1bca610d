from __future__ import annotations

import pytest
from support.received import frame_of

from panoseti_daq.pff import Quality, TimeStatus
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.images.titles import (
    Span,
    Stamp,
    Tone,
    file_text,
    is_later_run,
    silent_after_s,
    warning,
)
from panoseti_daq.viewers.masks import bad_quabos

NAME = "start_2026-01-01T04:34:{}Z.dp_img16.bpp_2.module_7.seqno_{}.pff"


def test_a_file_is_told_by_its_seqno_and_start() -> None:
    assert file_text(frame_of(0).file) == "seqno 3 from 04:34:46"


def test_a_strange_file_is_told_by_its_name() -> None:
    assert file_text("uploaded") == "uploaded"


@pytest.mark.parametrize(
    ("file", "before", "is_later"),
    [
        (NAME.format(46, 3), NAME.format(46, 3), False),
        (NAME.format(59, 4), NAME.format(46, 3), False),
        (NAME.format(59, 0), NAME.format(46, 3), True),
        (NAME.format(59, 3), NAME.format(46, 3), True),
        ("uploaded", NAME.format(46, 3), False),
    ],
)
def test_a_run_counts_its_files_up(file: str, before: str, is_later: bool) -> None:
    assert is_later_run(file, before) is is_later


def test_an_image_is_silent_after_five_periods_of_a_second_at_least() -> None:
    assert (silent_after_s(0.1), silent_after_s(2.0)) == (5, 10)


def test_clocks_in_doubt_are_marked() -> None:
    assert warning(TimeStatus.WHITE_RABBIT) is None
    assert warning(TimeStatus.HOST_CLOCK) == Span("host clock!", Tone.WARNING)
    assert warning(TimeStatus.NO_TIME) == Span("no time!", Tone.BAD)


def test_a_frame_without_time_is_aged_by_its_arrival() -> None:
    clock = Clock(lambda: 1000.0)

    assert Stamp.of(frame_of(0, unix_s=0), clock).taken_s == 1000.0


@pytest.mark.parametrize(
    ("quality", "quabo", "bad"),
    [
        (Quality(0), None, {}),
        (Quality.ZERO_QUADRANT_1, None, {1: "zeros"}),
        (Quality.MISSING_QUABO_2 | Quality.ZERO_QUADRANT_2, None, {2: "missing"}),
        (Quality.ZERO_IMAGE, 3, {3: "zeros"}),
        (Quality.ZERO_IMAGE, None, dict.fromkeys(range(4), "zeros")),
        (Quality.PACKET_GAP, None, {}),
    ],
)
def test_pixels_without_light_are_told_by_quabo(quality: Quality, quabo: int | None, bad: dict[int, str]) -> None:
    assert bad_quabos(quality, quabo) == bad
