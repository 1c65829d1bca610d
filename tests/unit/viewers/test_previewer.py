"""Windows that a script feeds from its own loop."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.frames import block_of
from support.qt import application

from panoseti_daq.client import ImageDict, image_dict
from panoseti_daq.errors import PffError, ViewerError
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers.previewer import PanoImagePreviewer, PulseHeightDistribution

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

__all__ = ["application"]


def image(product: DataProduct = DataProduct.IMG16, module_id: int = 7) -> ImageDict:
    (frame,) = block_of(product, module_id=module_id)
    return image_dict(frame)


@pytest.fixture
def previewer(application: QApplication) -> Iterator[PanoImagePreviewer]:
    made = PanoImagePreviewer(True, True, plot_update_interval=60.0)
    yield made
    close(made)


def window_of(plot: PanoImagePreviewer | PulseHeightDistribution) -> Any:
    return plot._surface


def close(plot: PanoImagePreviewer | PulseHeightDistribution) -> None:
    if plot._surface is not None:
        window_of(plot)._window.close()


def test_the_documented_arguments_are_kept() -> None:
    previewer = PanoImagePreviewer(True, False, (1, 3), 30, 6, 3, 200, 2.0, True)
    assert (previewer.stream_movie_data, previewer.stream_pulse_height_data) == (True, False)
    assert (previewer.module_id_whitelist, previewer.plot_update_interval) == ((1, 3), 2.0)
    assert previewer.jupyter_notebook
    histogram = PulseHeightDistribution((5, 10), [1], 0.5)
    assert (histogram.durations, histogram.module_ids, histogram.plot_update_interval) == ([5, 10], [1], 0.5)


def test_the_window_opens_with_the_first_image_and_shows_every_one(previewer: PanoImagePreviewer) -> None:
    assert previewer._surface is None
    for product in DataProduct:
        previewer.update(image(product))
    window = window_of(previewer)._window
    assert window.isVisible()
    assert window.n_frames == len(DataProduct)


def test_a_new_module_is_drawn_at_once_and_the_next_image_when_it_is_due(
    previewer: PanoImagePreviewer, tmp_path: Path
) -> None:
    previewer.update(image())
    n_redraws = 0
    viewer = window_of(previewer)._window.page.viewer
    redraw = viewer.redraw

    def count() -> None:
        nonlocal n_redraws
        n_redraws += 1
        redraw()

    viewer.redraw = count
    previewer.update(image())
    assert n_redraws == 0
    previewer.update(image(module_id=8))
    assert n_redraws == 1
    previewer.save(tmp_path / "a.png")
    assert n_redraws == 2
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_status_bar_says_that_the_script_is_the_source(previewer: PanoImagePreviewer) -> None:
    previewer.update(image())
    said = window_of(previewer)._window._bar._state.text().split("; ")
    said.remove("connected to this script")
    assert set(said) <= {"1 of 1 modules silent"}  # on a machine that was busy since the image


def test_after_the_window_was_closed_the_script_goes_on(previewer: PanoImagePreviewer) -> None:
    previewer.update(image())
    assert not previewer.is_closed
    window = window_of(previewer)._window
    window.close()
    n_frames = window.n_frames
    previewer.update(image())
    assert previewer.is_closed
    assert window.n_frames == n_frames
    assert not window.isVisible()


def test_what_is_no_image_is_refused(previewer: PanoImagePreviewer) -> None:
    with pytest.raises(PffError):
        previewer.update({"type": "MOVIE"})


def test_a_viewer_that_fails_fails_in_update(previewer: PanoImagePreviewer) -> None:
    previewer.update(image())

    def fail(frames: object) -> None:
        raise RuntimeError("out of paint")

    window_of(previewer)._window.page.viewer.update = fail
    with pytest.raises(ViewerError, match="out of paint"):
        previewer.update(image())


def test_every_pulse_height_reaches_the_distribution_however_rarely_it_is_drawn(application: QApplication) -> None:
    histogram = PulseHeightDistribution([10], [], 60.0)
    for frame in block_of(DataProduct.PH256, n=20):
        histogram.update(frame)
    assert window_of(histogram)._window.n_frames == 20
    close(histogram)


def test_in_a_notebook_it_draws_below_the_cell(application: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("panoseti_daq.viewers.notebook.Picture.show", lambda picture: shown.append(picture))
    histogram = PulseHeightDistribution([10], [], 1.0)
    histogram.jupyter_notebook = True  # as the predecessor's notebook sets it
    histogram.update(image(DataProduct.PH256))
    assert len(shown) == 1
    assert shown[0]._repr_png_().startswith(b"\x89PNG")
    assert not histogram.is_closed


def test_without_a_display_it_says_once_how_to_save(
    application: QApplication, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    previewer = PanoImagePreviewer(True, True)
    with caplog.at_level(logging.WARNING):
        previewer.update(image())
        previewer.update(image())
    assert [record.getMessage() for record in caplog.records] == [
        "PanoImagePreviewer: there is no display; save('FILE.png') writes what a window would show"
    ]
    close(previewer)


def test_a_script_without_a_display_ends_well_and_leaves_its_picture(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from support.frames import block_of\n"
        "from panoseti_daq.client import image_dict\n"
        "from panoseti_daq.viewers.previewer import PanoImagePreviewer\n"
        "previewer = PanoImagePreviewer(stream_movie_data=True, stream_pulse_height_data=True)\n"
        "for frame in block_of(n=3):\n"
        "    previewer.update(image_dict(frame))\n"
        "previewer.save('a.png')\n"
    )
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr
    assert "there is no display" in done.stderr
    assert (tmp_path / "a.png").stat().st_size > 10_000
