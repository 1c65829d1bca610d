"""Two hosts that have a module of one number: each has its own image, and all that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.qt import application, process_events
from support.received import NOW_S, by_source, frame_of
from support.view_window import picture, place_of, shown

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Kind
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.modules import Module, by_key

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.viewers.view.widget import View

__all__ = ["application"]

FIRST, SECOND = Module("daq1:50051", 7), Module("daq2:50051", 7)


def frames(value: int = 0) -> list[ReceivedFrame]:
    """A movie of each host, bright in another corner."""
    made = []
    for module, column in ((FIRST, 0), (SECOND, 31)):
        image = np.ones((32, 32))
        image[0, column] = 100 + value
        made.append(frame_of(image, host=module.host, unix_s=NOW_S + value))
    return made


@pytest.fixture
def view(application: QApplication) -> View:
    made = shown()
    for part in by_key(by_source(*frames())):
        made.update(part)
    made.redraw()
    process_events()
    return made


def test_each_has_its_image_and_caption_in_order_of_the_hosts(view: View) -> None:
    cells, seen = view.wall.plan.cells, picture(view)

    assert [cell.module for cell in cells] == [FIRST, SECOND]
    assert cells[0].image.x < cells[1].image.x or cells[0].image.y < cells[1].image.y
    for cell, column in zip(cells, (0, 31), strict=True):
        bright, dark = (seen[place_of(cell.image, 0, c)[::-1]] for c in (column, 31 - column))
        assert bright != dark
        assert cell.module.host in view.wall.mosaic.notes[cell.module, Kind.MOVIE].text


def test_values_curves_orientation_and_masks_are_of_the_one_that_was_pointed_at(view: View) -> None:
    view._hover(((SECOND, Kind.MOVIE), 0, 31))
    assert "daq1:50051 img16" in (text := view.pixel_text(((FIRST, Kind.MOVIE), 0, 31)))
    assert text.endswith(": 1 ADC")
    assert view.widget.info.text() == "module 7 daq2:50051 img16  row 0 column 31 (Q1): 100 ADC"

    for module in (FIRST, SECOND):
        view.click(((module, Kind.MOVIE), 0, 31), more=True)
    assert {curve.name.split()[3]: curve.points[-1][1] for curve in view.probes.curves.values()} == {
        "daq1:50051": 1,
        "daq2:50051": 100,
    }

    view._hover(((SECOND, Kind.MOVIE), 0, 31))  # the curves moved the wall away from the mouse
    view.next_orientation()
    view.mask_hovered()
    assert view.board.settings.orientation_of(FIRST) is Orientation.AS_STORED
    assert view.board.settings.orientation_of(SECOND) is Orientation.ROTATE_90
    assert view.board.masks.of(FIRST) is None
    assert view.board.masks.of(SECOND) is not None


def test_files_of_both_are_saved(view: View, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    view.save_arrays()

    assert sorted(file.parent.name for file in tmp_path.rglob("*.npy")) == ["daq1%3A50051", "daq2%3A50051"]


def test_a_window_keeps_both_while_it_is_paused_and_in_its_last_minutes(application: QApplication) -> None:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Lately
    from panoseti_daq.viewers.host.window import HostWindow

    made, feed = shown(), WindowFeed("daq1:50051")
    window = HostWindow([Page("view", made)], feed, 60.0, clock=made.board.clock, timeline=Lately())

    def come(value: int) -> list[int]:
        for frame in frames(value):
            feed.frames.put(frame)
        process_events()
        window._redraw()
        return [int(panel.raw.max()) for panel in made.board.panels.values()]

    assert come(0) == [100, 100]
    window._set_paused(True)
    assert come(2) == [100, 100]
    window._set_paused(False)
    assert [int(panel.raw.max()) for panel in made.board.panels.values()] == [102, 102]
    assert come(4) == [104, 104]
    window.past.go_to(round((NOW_S + 1) * 1e9))
    assert [int(panel.raw.max()) for panel in made.board.panels.values()] == [100, 100]
    window.close()


def test_modules_of_a_lost_host_say_so_and_those_of_the_other_do_not(view: View) -> None:
    from panoseti_daq.viewers.host.feed import HostState

    lost = HostState(False, "refused", 0.0, was_connected=True)
    view.update_hosts({FIRST.host: lost, SECOND.host: HostState(True, "", 0.0, was_connected=True)})
    view.redraw()

    notes = view.wall.mosaic.notes
    assert "lost" in notes[FIRST, Kind.MOVIE].text
    assert "lost" not in notes[SECOND, Kind.MOVIE].text


def test_a_pulse_and_a_movie_of_one_number_on_two_hosts_are_two_modules(application: QApplication) -> None:
    made = shown(frame_of(1, host=FIRST.host), frame_of(9, DataProduct.PH1024, host=SECOND.host))

    assert list(made.board.panels) == [(FIRST, Kind.MOVIE), (SECOND, Kind.PULSE_HEIGHT)]
