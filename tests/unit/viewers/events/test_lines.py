from __future__ import annotations

from pathlib import Path

import numpy as np
from support.events import found_in, ph256

from panoseti_daq.events import Tense
from panoseti_daq.viewers.events.lines import EventLines


def line(dt_ns: int = 50) -> bytes:
    (found,) = found_in([ph256(1, [0]), ph256(3, [dt_ns])])
    return found.as_json(Tense.CURRENT).encode() + b"\n"


def test_candidates_are_read_as_the_file_grows(tmp_path: Path) -> None:
    lines = EventLines(tmp_path / "events.jsonl")
    assert not lines.read()
    first, second = line(50), line(70)
    lines.path.write_bytes(first + second[:100])
    assert lines.read()
    assert [event.duration_ns for event in lines.events] == [50]
    with lines.path.open("ab") as file:
        file.write(second[100:])
    assert lines.read() and not lines.read()
    assert [event.duration_ns for event in lines.events] == [50, 70]


def test_an_event_has_its_modules_and_images(tmp_path: Path) -> None:
    lines = EventLines(tmp_path / "events.jsonl")
    lines.path.write_bytes(line())
    lines.read()
    (event,) = lines.events
    assert (event.trigger, event.modules, event.snr) == ("coincidence", "1, 3", None)
    assert [image.title for image in event.images] == [f"module {m} Q0: 500 at (8, 8)" for m in (1, 3)]
    assert int(np.argmax(event.images[0].image)) == 8 * 16 + 8


def test_what_is_no_candidate_is_skipped(tmp_path: Path) -> None:
    lines = EventLines(tmp_path / "events.jsonl")
    lines.path.write_bytes(b"{}\nclouds\n" + line() + b"[1]\n")
    lines.read()
    assert (lines.n_read, lines.n_bad) == (1, 3)
