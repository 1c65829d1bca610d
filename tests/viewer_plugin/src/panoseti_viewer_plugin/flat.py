"""``flat``: a window of one color, once it has a frame; what it drew can be told by any pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from panoseti_daq.viewers import Viewer, ViewerContext, ViewerSpec

if TYPE_CHECKING:
    from panoseti_daq.client import ReceivedFrame
    from panoseti_daq.pff import Key


def make(context: ViewerContext, *, color: Annotated[str, "Color of the window."] = "green") -> Viewer:
    from PySide6.QtGui import QColor, QPalette
    from PySide6.QtWidgets import QWidget

    class Flat:
        def __init__(self) -> None:
            self._widget = QWidget()
            self._widget.setAutoFillBackground(True)
            self._has_frame = False

        @property
        def widget(self) -> QWidget:
            return self._widget

        def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
            self._has_frame = True

        def redraw(self) -> None:
            self._widget.setPalette(QPalette(QColor(color if self._has_frame else "black")))

    return Flat()


SPEC = ViewerSpec("flat", "One color, once there are images.", make)
