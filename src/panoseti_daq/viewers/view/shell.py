"""Widget of `view`: images, histograms beside or below them, light curves, two texts below."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QSizePolicy, QSplitter, QVBoxLayout, QWidget

from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.layout import plan
from panoseti_daq.viewers.view.bars import HEIGHT_PX, WIDTH_PX, Bars
from panoseti_daq.viewers.view.wall import Wall

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.host.feed import HostState

_SETUP_PART: Final = 0.66
MESSAGE_S: Final = 8.0  # long enough to read a path


class Shell(QWidget):
    """Holds the parts, and puts them where the images become largest."""

    def __init__(self, board: Board) -> None:
        super().__init__()
        self.wall, self.bars = Wall(board), Bars(board)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self._board = board
        self._both, self._images = QWidget(), QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._setup = QLabel()
        self.info = QLabel()  # About the pixel under the mouse, or what a key did
        self.waiting = QLabel(self.wall)  # In the middle, as long as there is no image
        self._placed: object = None
        self._message_until_s = 0.0
        for layout, parts in ((self._images, (self.wall, self.bars)), (QVBoxLayout(self), (self.splitter,))):
            layout.setContentsMargins(0, 0, 0, 0)
            layout.setSpacing(0)
            for part in parts:
                layout.addWidget(part, not isinstance(part, Bars))
        self._both.setLayout(self._images)
        self.splitter.insertWidget(0, self._both)
        self._add_texts()
        self.setObjectName("view")
        self.restyle()

    def restyle(self) -> None:
        """Take the colors of the theme."""
        now = theme.now()
        self.setStyleSheet(f"#view {{ background: {now.background} }} QLabel {{ color: {now.foreground} }}")
        self.waiting.setStyleSheet(f"font-size: 15pt; color: {now.dim}; background: transparent")
        self.wall.restyle()
        self.bars.restyle()

    def _add_texts(self) -> None:
        below, layout = QHBoxLayout(), self.layout()
        assert isinstance(layout, QVBoxLayout)
        self.info.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        below.addWidget(self.info, 1)
        below.addWidget(self._setup)
        self._setup.setMinimumWidth(1)  # its text is cut as the window shrinks
        below.setContentsMargins(8, 1, 8, 1)
        layout.addLayout(below)
        QVBoxLayout(self.wall).addWidget(self.waiting, 0, Qt.AlignmentFlag.AlignCenter)
        self.waiting.setWordWrap(True)
        self.waiting.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def place_bars(self) -> None:
        """Put the histograms beside or below the images, whichever leaves larger ones."""
        size = self._both.size()
        what = (self._board.modules, self._board.kinds, size, self.wall.enlarge)
        if what == self._placed or not self._board.panels:
            return
        self._placed = what

        def side_px(width: int, height: int) -> int:
            return plan(what[0], what[1], width, height, what[3]).cells[0].image.width

        beside = side_px(size.width() - WIDTH_PX, size.height())
        is_below = side_px(size.width(), size.height() - HEIGHT_PX) > beside
        direction = QBoxLayout.Direction.TopToBottom if is_below else QBoxLayout.Direction.LeftToRight
        if direction is not self._images.direction():
            self.bars.lie(is_below)
            self._images.setDirection(direction)
            self._images.activate()

    def wait(self, text: str) -> None:
        """Say in the middle what is waited for; nothing is waited for any more without a text."""
        self.waiting.setVisible(bool(text))
        if text != self.waiting.text():
            self.waiting.setText(text)

    def say(self, text: str) -> None:
        """Show a message for a while."""
        self._message_until_s = time.monotonic() + MESSAGE_S
        self.info.setText(text)
        self.info.setToolTip(text)

    def show_info(self, text: str, *, now: bool = False) -> None:
        """Show a text at the bottom; `now`, or when a message was there for long enough."""
        if now:
            self._message_until_s = 0.0
        if time.monotonic() >= self._message_until_s and text != self.info.text():
            self.info.setText(text)

    def show_setup(self, text: str) -> None:
        """Show how images are drawn, and what servers do: in two thirds of the window, its end at least."""
        room = _SETUP_PART * self.width()
        shown = self._setup.fontMetrics().elidedText(text, Qt.TextElideMode.ElideLeft, int(room))
        if shown != self._setup.text():
            self._setup.setText(shown)
            self._setup.setToolTip(text)


def why_waiting(states: Mapping[str, HostState]) -> str:
    """Return why there may be no image."""
    reasons = [f"{host}: {state.reason}" for host, state in states.items() if state.reason]
    if states and not reasons:
        ask = f"panoseti-daq status --host {next(iter(states))}"
        return f"connected, and nothing is written. Is a run active?\n{ask}"
    return "\n".join(reasons)


def server_texts(statuses: Collection[pb.StatusResponse]) -> list[str]:
    """Return which runs are followed, for how long the disks last, and how well the time is known; UTC."""
    texts = []
    hours = [disk.hours_left for one in statuses for disk in one.disks if disk.HasField("hours_left")]
    names = [Path(str(one.followed.description)).name for one in statuses if one.HasField("followed")]
    runs = ", ".join(dict.fromkeys(filter(None, names)))
    if statuses:
        texts.append(f"run {runs}" if runs else "no run")
        texts.append(f"recording, disk {min(hours):.0f} h" if hours else "not recording")
    texts += (
        f"GNSS {one.text}" if one.connected else f"GNSS {one.name} NOT READ"  # the reason would be long
        for status in statuses
        for one in status.receivers
    )
    return [*texts, time.strftime("%H:%M:%S UTC", time.gmtime())]
