"""Page of a window: one viewer. Imports Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from PySide6 import QtWidgets

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.plugin import Viewer, ViewerSpec


@dataclass(frozen=True, slots=True)
class Page:
    """A viewer in a window."""

    name: str
    viewer: Viewer
    on_arrival: bool = False  # Whether to draw when a frame came, and not only on the timer

    @classmethod
    def of(cls, spec: ViewerSpec, viewer: Viewer) -> Self:
        """Page of a viewer.

        Raises ViewerError: its widget is none of Qt.
        """
        widget = getattr(viewer, "widget", None)
        if not isinstance(widget, QtWidgets.QWidget):
            raise ViewerError(f"viewer {spec.name}: its widget is a {type(widget).__name__}; allowed: a QWidget")
        return cls(spec.name, viewer, spec.update_interval_s is None and not spec.every_frame)
