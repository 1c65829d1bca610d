"""Viewers as pictures: what IPython shows of them, and when."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.frames import block_of
from support.qt import application

from panoseti_daq.client import ReceivedFrame, image_dict
from panoseti_daq.errors import PffError, ViewerError
from panoseti_daq.pff import DataProduct, Frame
from panoseti_daq.viewers.notebook import Picture

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

__all__ = ["application"]

PNG = b"\x89PNG\r\n"


def frame(product: DataProduct = DataProduct.IMG16, module_id: int = 7) -> Frame:
    (made,) = block_of(product, module_id=module_id)
    return made


class FakeDisplay:
    """What IPython's display does: a handle, which shows again."""

    def __init__(self) -> None:
        self.shown: list[Any] = []

    def display(self, what: Any, *, display_id: bool) -> FakeDisplay:
        assert display_id
        self.shown.append(what)
        return self

    def update(self, what: Any) -> None:
        self.shown.append(what)


@pytest.fixture
def ipython(monkeypatch: pytest.MonkeyPatch) -> FakeDisplay:
    fake = FakeDisplay()
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    return fake


@pytest.mark.parametrize("viewer", ["view", "phdist", "lightcurve"])
def test_a_cell_shows_a_viewer_as_png(application: QApplication, viewer: str) -> None:
    picture = Picture(viewer, size_px=(500, 400))
    empty = picture._repr_png_()
    for product in DataProduct:
        for each in block_of(product, n=3):
            picture.update(each)
    assert empty.startswith(PNG)
    assert picture._repr_png_().startswith(PNG)
    assert picture._repr_png_() != empty


def test_the_picture_has_the_size_that_was_asked_for(application: QApplication, tmp_path: Path) -> None:
    from PySide6.QtGui import QImage

    picture = Picture("view", size_px=(640, 480))
    picture.save(tmp_path / "a.png")
    assert QImage(str(tmp_path / "a.png")).size().toTuple() == (640, 480)


def test_a_dict_of_stream_images_draws_what_the_frame_draws(application: QApplication) -> None:
    seen: list[Mapping[Any, ReceivedFrame]] = []
    picture = Picture("view")
    picture._viewer.update = seen.append
    picture.update(frame())
    picture.update(image_dict(frame()))
    (first,), (second,) = (frames.values() for frames in seen)
    assert (first.key, first.time) == (second.key, second.time)
    np.testing.assert_array_equal(first.image, second.image)
    assert first.n_dropped == second.n_dropped == first.queued_ns == 0


def test_what_is_no_image_is_refused(application: QApplication) -> None:
    with pytest.raises(PffError):
        Picture("view").update({"type": "MOVIE"})


def test_before_show_nothing_is_drawn_however_many_frames_come(
    application: QApplication, ipython: FakeDisplay
) -> None:
    Picture("view").update(frame())
    assert ipython.shown == []


def test_after_show_the_first_frame_is_drawn_at_once_and_the_others_when_they_are_due(
    application: QApplication, ipython: FakeDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr("panoseti_daq.viewers.notebook.time.monotonic", lambda: now_s)
    picture = Picture("view", refresh_period_s=2.0)
    picture.show()
    for now_s, n_shown in ((100.0, 2), (101.9, 2), (102.0, 3), (102.1, 3), (104.0, 4)):
        picture.update(frame())
        assert ipython.shown == [picture] * n_shown, now_s


def test_options_of_the_viewer_are_keywords(application: QApplication) -> None:
    assert len(Picture("phdist", window=[5, 50])._viewer.panels) == 2
    with pytest.raises(ViewerError, match="windw"):
        Picture("phdist", windw=[5])


@pytest.mark.parametrize("name", ["none", "term"])
def test_a_viewer_that_draws_no_pictures_is_refused_and_the_others_are_named(name: str) -> None:
    with pytest.raises(
        ViewerError, match=rf"viewer '{name}' that draws pictures not found; there are: .*phdist.*view"
    ):
        Picture(name)


def test_neither_qt_nor_ipython_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys; import panoseti_daq.viewers.notebook, panoseti_daq.viewers.previewer;"
        "print([m for m in ('PySide6', 'pyqtgraph', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
