"""Viewers of a window, as tabs when there are several; the door for whatever a plugin raises. Imports Qt."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from PySide6 import QtCore, QtWidgets

from panoseti_daq.errors import ViewerError
from panoseti_daq.plugins import describe
from panoseti_daq.viewers.host.memory import Memory, Written
from panoseti_daq.viewers.modules import BySource, by_key
from panoseti_daq.viewers.plugin import Viewer, ViewerSpec

_log = logging.getLogger(__name__)


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


class Pages(QtWidgets.QTabWidget):
    """Calls the methods of viewers; one that raises leaves, and the others continue."""

    broke = QtCore.Signal(object, bool)
    """A viewer raised: the `ViewerError`, and whether there are others."""

    def __init__(self, pages: Sequence[Page]) -> None:
        super().__init__()
        self.is_open = True  # Whether viewers are called; false after the window was closed
        self._pages, self._written = list(pages), Written()
        for page in self._pages:
            self.addTab(page.viewer.widget, page.name)
        self.setDocumentMode(True)
        self.setTabBarAutoHide(True)

    @property
    def seen(self) -> Page:
        """The one that is seen."""
        return self._pages[max(0, self.currentIndex())]

    @property
    def alarms(self) -> list[str]:
        """What the viewers find wrong."""
        return [text for page in self._pages for text in getattr(page.viewer, "alarms", ())]

    @property
    def written(self) -> Written:
        """What keys wrote; of a viewer that writes files itself, too, its own."""
        return getattr(self.seen.viewer, "written", self._written)

    def call(self, method: str, *arguments: Any) -> None:
        """Call a method of every viewer that has it."""
        for page in list(self._pages):
            self._call(page, method, *arguments)

    def give(self, method: str, frames: BySource) -> None:
        """Call a method of every viewer with frames."""
        for part in by_key(frames):
            self.call(method, part)

    def redraw(self) -> None:
        """Draw the one that is seen."""
        self._call(self.seen, "redraw")

    def restore(self, memory: Memory) -> None:
        """Give each viewer the choices that it had."""
        for page in list(self._pages):
            self._call(page, "restore", memory.state(page.name))

    def remember(self, memory: Memory) -> None:
        """Keep the choices of each viewer."""
        for page in self._pages:
            if hasattr(page.viewer, "state"):
                memory.set_state(page.name, page.viewer.state())

    def _call(self, page: Page, method: str, *arguments: Any) -> None:
        if not self.is_open or page not in self._pages or not hasattr(page.viewer, method):
            return
        try:
            getattr(page.viewer, method)(*arguments)
        except Exception as error:
            _log.exception("viewer %s failed", page.name)
            if others := len(self._pages) > 1:
                at = self._pages.index(page)
                self._pages.remove(page)
                self.removeTab(at)
            self.broke.emit(ViewerError(f"viewer {page.name} failed: {describe(error)}"), others)
