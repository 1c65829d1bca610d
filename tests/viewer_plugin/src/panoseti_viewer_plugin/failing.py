"""``failing``: raises as soon as it gets a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from panoseti_daq.viewers import Viewer, ViewerContext, ViewerSpec

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def make(context: ViewerContext) -> Viewer:
    from PySide6.QtWidgets import QLabel

    class Failing:
        def __init__(self) -> None:
            self._widget = QLabel("soon")

        @property
        def widget(self) -> QWidget:
            return self._widget

        def update(self, frames: object) -> None:
            raise ZeroDivisionError("no dark current")

        def redraw(self) -> None:
            pass

    return Failing()


SPEC = ViewerSpec("failing", "Fails.", make)
