"""``plot events`` draws the candidates of a file, off screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.events import BEGIN_NS, NS, found_in, ph256
from support.qt import application

from panoseti_daq.events import Tense
from panoseti_daq.viewers.events.lines import EventLines

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.viewers.events.page import EventPage

__all__ = ["application"]  # a fixture


def page_of(path: Path) -> EventPage:
    from panoseti_daq.viewers.events.page import EventPage  # imports Qt

    return EventPage(EventLines(path))


@pytest.fixture
def page(tmp_path: Path, application: QApplication) -> EventPage:
    found = found_in([ph256(1, [0, NS]), ph256(3, [50, NS + 70])])
    path = tmp_path / "events.jsonl"
    path.write_text("".join(candidate.as_json(Tense.CURRENT) + "\n" for candidate in found))
    return page_of(path)


def texts(page: EventPage, row: int) -> list[str]:
    items = (page.table.item(row, column) for column in range(page.table.columnCount()))
    return [item.text() for item in items if item is not None]


def titles(page: EventPage) -> list[str]:
    return [plot.titleLabel.text for plot in page.images.ci.items]


def test_the_newest_candidate_stands_on_top_and_its_images_side_by_side(page: EventPage) -> None:
    page.redraw()
    assert texts(page, 0)[1:] == ["coincidence", "point", "1, 3", "70 ns", ""]
    assert texts(page, 1)[4] == "50 ns"
    assert len(titles(page)) == 2 and "module 1 Q0" in titles(page)[0]
    x, y = page.counts.curves["coincidence"]
    assert y.tolist() == [1, 2] and x[0] == pytest.approx(BEGIN_NS / NS)


def test_another_one_can_be_chosen(page: EventPage) -> None:
    page.redraw()
    page.table.cellClicked.emit(1, 0)
    assert page._shown == page._lines.events[0].id


def test_without_candidates_it_says_so(tmp_path: Path, application: QApplication) -> None:
    page = page_of(tmp_path / "events.jsonl")
    page.redraw()
    assert "No candidate yet" in page.counts._nothing.text


def test_a_window_of_candidates_has_no_time_slider_and_a_readable_table(
    page: EventPage, application: QApplication
) -> None:
    from PySide6.QtGui import QPalette

    from panoseti_daq.viewers.events import SPEC
    from panoseti_daq.viewers.host.pages import Page

    assert not Page.of(SPEC, page).on_arrival
    page.widget.resize(1000, 740)
    page.widget.show()
    assert page.table.height() > 180
    palette = page.table.palette()
    selected, text = (
        palette.color(role).lightness()
        for role in (QPalette.ColorRole.Highlight, QPalette.ColorRole.HighlightedText)
    )
    assert abs(selected - text) > 80
    page.widget.close()
