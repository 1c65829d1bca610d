"""Viewers as pictures, in a notebook or in a file, without a display.

In a cell, where ``await`` works as it stands::

    from panoseti_daq.viewers.notebook import Picture

    picture = Picture("view")
    picture.show()  # here; it is refreshed as frames arrive
    async with client.stream_frames() as stream:
        async for frame in stream:
            picture.update(frame)

Importing this imports neither Qt nor IPython.
"""

from __future__ import annotations

import importlib
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import frame_of_dict
from panoseti_daq.errors import ViewerError
from panoseti_daq.former import with_former
from panoseti_daq.pff import Frame, Selection
from panoseti_daq.viewers.host.qt import application
from panoseti_daq.viewers.plugin import (
    Surface,
    ViewerContext,
    ViewerSpec,
    find_viewer,
    installed_viewers,
    make_viewer,
)

Image = Mapping[str, Any] | Frame
"""What shows something: a dict of ``stream_images``, a frame of ``stream_frames`` or of a file."""


@with_former(refresh_period_s="interval_s")
class Picture:
    """An installed viewer that is drawn when somebody looks: as the value of a cell, or by `show` and `save`.

    For the main thread, in which a notebook's cells run. The first picture makes Qt draw without a display for as
    long as the process lives.

    Parameters
    ----------
    viewer
        Name of the viewer; ``panoseti-daq viewers`` lists them.
    refresh_period_s
        Least time between two pictures after `show`, s.
    module_ids
        Modules that are waited for; empty for all.
    size_px
        Width and height.
    **options
        Of the viewer, as on the command line: ``Picture("phdist", window=[10, 60])``.

    Raises
    ------
    ViewerError
        There is no such viewer, it draws in a terminal, it refuses its options, or Qt is not installed.
    """

    def __init__(
        self,
        viewer: str = "view",
        *,
        refresh_period_s: float = 1.0,
        module_ids: Iterable[int] = (),
        size_px: tuple[int, int] = (1000, 700),
        **options: Any,
    ) -> None:
        spec = window_viewer(viewer)
        self._application = application(off_screen=True)
        from PySide6.QtCore import Qt

        self._viewer = make_viewer(
            spec, ViewerContext(refresh_period_s, Selection.of(module_ids=module_ids)), options
        )
        self._refresh_period_s = refresh_period_s
        self._handle: Any = None  # IPython's, of the output that is renewed
        self._shown_s = -math.inf
        widget = self._viewer.widget
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        widget.resize(*size_px)
        widget.show()

    def update(self, image: Image) -> None:
        """Take an image; draws only after `show`, and when that is due.

        Raises PffError: the dict is no image.
        """
        frame = received(image)
        self._viewer.update({frame.key: frame})
        now_s = time.monotonic()
        if self._handle is not None and now_s - self._shown_s >= self._refresh_period_s:
            self._shown_s = now_s
            self._handle.update(self)

    def show(self) -> None:
        """Show the picture below this cell, and renew it there as images come."""
        display: Any = importlib.import_module("IPython.display").display
        self._handle = display(self, display_id=True)
        self._shown_s = -math.inf  # the first image shall be seen at once

    def save(self, file: str | Path) -> None:
        """Draw, and write a PNG file."""
        Path(file).write_bytes(self._repr_png_())

    def _repr_png_(self) -> bytes:
        """Draw; IPython shows what this returns."""
        from panoseti_daq.viewers.host.film import png_of

        self._application.processEvents()  # what came since may need another layout
        self._viewer.redraw()
        self._application.processEvents()
        return png_of(self._viewer.widget)


def window_viewer(name: str) -> ViewerSpec:
    """The installed viewer of that name, which draws with Qt.

    Raises ViewerError: there is none, or it cannot be loaded.
    """
    viewer = find_viewer(name)
    if viewer is not None and viewer.spec is None:
        raise ViewerError(f"viewer {name} of {viewer.package} {viewer.version} cannot be loaded: {viewer.error}")
    if viewer is None or viewer.spec is None or viewer.spec.surface is not Surface.WINDOW:
        specs = [each.spec for each in installed_viewers()]
        names = ", ".join(spec.name for spec in specs if spec is not None and spec.surface is Surface.WINDOW)
        raise ViewerError(f"viewer {name!r} that draws pictures not found; there are: {names}")
    return viewer.spec


def received(image: Image) -> ReceivedFrame:
    """Frame of what scripts have, as viewers take it.

    Raises PffError: the dict is no image.
    """
    if not isinstance(image, Frame):
        return frame_of_dict(image)
    if isinstance(image, ReceivedFrame):
        return image
    return ReceivedFrame(**{field.name: getattr(image, field.name) for field in fields(image)})
