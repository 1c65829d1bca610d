"""Widget of the viewer `view`: the wall of images, its keys, and the light curve below."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key
from panoseti_daq.pff.quabos import quabo_at
from panoseti_daq.viewers.host.theme import BACKGROUND, FOREGROUND
from panoseti_daq.viewers.images.arrays import save_darks, save_images
from panoseti_daq.viewers.images.board import Board, Settings
from panoseti_daq.viewers.images.levels import LevelsMode
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals
from panoseti_daq.viewers.plugin import ViewerContext
from panoseti_daq.viewers.view.curve import LightCurve
from panoseti_daq.viewers.view.wall import Wall, WallPixel

MESSAGE_S: Final = 8.0  # long enough to read a path
_CURVE_PART: Final = 4  # the light curve gets a quarter of the window


class _Scroll(QScrollArea):
    """Scrolls when there are more modules than fit."""

    resized = Signal(QSize)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self.resized.emit(self.viewport().size())


class View:
    """Shows the newest images of every module; see `Viewer`.

    Parameters
    ----------
    context
        What the window tells.
    settings, pedestals
        How to show images.

    Attributes
    ----------
    widget
        What the window holds; its actions are the keys.
    board, wall
        The images, and where they are painted.
    """

    def __init__(self, context: ViewerContext, settings: Settings, pedestals: Pedestals) -> None:
        self.board = Board(settings, pedestals)
        self._clock = context.clock
        self.wall = Wall(self.board, context.refresh_period_s)
        if context.module_ids:
            self.wall.waiting_text += f" of module {', '.join(map(str, context.module_ids))}"
        self._curve: LightCurve | None = None
        self._hovered: WallPixel | None = None
        self._message_until_s = 0.0
        self._info, self._setup = QLabel(), QLabel()
        self._splitter = QSplitter(Qt.Orientation.Vertical)
        self.widget = self._make_widget()
        self._add_actions()
        self._escape = self._action("Close the light curve", "Escape", self.close_curve)
        self._escape.setEnabled(False)
        self.wall.hovered.connect(self._hover)
        self.wall.clicked.connect(self.click)
        self._show_setup()

    def _make_widget(self) -> QWidget:
        widget, scroll, below = QWidget(), _Scroll(), QHBoxLayout()
        scroll.setWidget(self.wall)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.resized.connect(self.wall.set_view_size)
        self._splitter.addWidget(scroll)
        self._info.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        below.addWidget(self._info, 1)
        below.addWidget(self._setup)
        below.setContentsMargins(8, 2, 8, 2)
        layout = QVBoxLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._splitter, 1)
        layout.addLayout(below)
        widget.setObjectName("view")
        widget.setStyleSheet(f"#view {{ background: {BACKGROUND} }} QLabel {{ color: {FOREGROUND} }}")
        return widget

    def _add_actions(self) -> None:
        self._action("Save arrays (.npy)", "N", self.save_arrays)
        self._action("Next color map", "C", self.next_colormap)
        self._action("Next orientation", "O", self.next_orientation)
        self._action("Quabo boundaries", "B", self.toggle_boundaries)
        self._action("Next levels: rolling, per frame, fixed", "L", self.next_levels)
        self._action("Next pedestal: none, median, dark", "P", self.next_pedestal)
        self._action("Save the median as the dark", "D", self.save_dark)

    def _action(self, text: str, key: str, do: Callable[[], None]) -> QAction:
        action = QAction(text, self.widget)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(do)
        self.widget.addAction(action)
        return action

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames."""
        self.board.update(frames, time.monotonic(), time.time(), self._clock)
        curve = self.curve
        frame = None if curve is None or curve.key is None else frames.get(curve.key)
        if curve is not None and frame is not None:
            unix_s = frame.time.unix_ns / 1e9 or time.time()
            curve.add(unix_s, float(frame.image[curve.row, curve.column]))

    def redraw(self) -> None:
        """Draw what changed."""
        changed = self.board.refresh()
        self.wall.now_unix_s = self._clock.now_s()
        self.wall.arrange()
        self.wall.show_changes(changed)
        if self.curve is not None:
            self.curve.redraw()
        self._show_info()

    @property
    def info_text(self) -> str:
        """What is said at the bottom: about the pixel under the mouse, or what a key did."""
        return self._info.text()

    def say(self, text: str) -> None:
        """Show a message for a while."""
        self._message_until_s = time.monotonic() + MESSAGE_S
        self._info.setText(text)
        self._info.setToolTip(text)

    def _hover(self, pixel: WallPixel | None) -> None:
        self._hovered = pixel
        self._show_info()

    def _show_info(self) -> None:
        if self._hovered is not None:
            self._message_until_s = 0.0
        elif time.monotonic() < self._message_until_s:
            return
        text = "" if self._hovered is None else self.pixel_text(self._hovered)
        if text != self._info.text():
            self._info.setText(text)

    def pixel_text(self, pixel: WallPixel) -> str:
        """Where a pixel is, and its value."""
        place, row, column = pixel
        panel = self.board.panels[place]
        where = (
            f"module {panel.module_id} {panel.product.token}  row {row} column {column} (Q{quabo_at(row, column)})"
        )
        found = panel.stamp_at(row, column)
        if found is None:
            return f"{where}: nothing yet"
        stamp, frame_row, frame_column = found
        raw, shown = stamp.frame.image[frame_row, frame_column], panel.image[row, column]
        less = f", {shown:.1f} less the pedestal" if panel.image.dtype.kind == "f" else ""
        return f"{where}: {raw} ADC{less}"

    def _show_setup(self) -> None:
        settings, pedestal = self.board.settings, self.board.pedestals.mode
        less = "no pedestal" if pedestal is PedestalMode.NONE else f"less {pedestal}"
        names = (settings.colormap, f"{settings.levels} levels", settings.orientation, less)
        keys = ("C", "L", "O", "P")
        self._setup.setText("   ".join(f"{key}: {name}" for key, name in zip(keys, names, strict=True)))

    def _show(self) -> None:
        """Show a changed setting at once."""
        self.board.refresh()
        self.wall.arrange()
        self.wall.show_changes(self.board.panels.values())
        self.wall.update()
        self._show_setup()

    def next_colormap(self) -> None:
        """Use the next color map."""
        self.board.settings.colormap = self.board.settings.colormap.next
        self._show()

    def next_orientation(self) -> None:
        """Rotate or flip the images on the screen."""
        self.board.settings.orientation = self.board.settings.orientation.next
        self._show()

    def toggle_boundaries(self) -> None:
        """Draw lines between quabos, or none."""
        self.board.settings.boundaries = not self.board.settings.boundaries
        self._show()

    def next_levels(self) -> None:
        """Find the levels in the next way."""
        self.board.hold_levels()
        self.board.settings.levels = self.board.settings.levels.next
        self.board.recolor()
        self._show()
        if self.board.settings.levels is LevelsMode.FIXED:
            self.say("levels stay as they are")

    def next_pedestal(self) -> None:
        """Subtract the next pedestal."""
        pedestals = self.board.pedestals
        pedestals.mode = pedestals.mode.next
        if pedestals.mode is PedestalMode.DARK and not pedestals.darks:
            pedestals.mode = PedestalMode.NONE
            self.say("there is no dark yet: D saves one")
        self.board.recompose()
        self._show()

    def save_dark(self) -> None:
        """Make the rolling median of each key its dark, keep it in a directory, and subtract it."""
        darks = self.board.darks()
        self.board.pedestals.darks.update(darks)
        self.board.pedestals.mode = PedestalMode.DARK
        directory = Path(f"dark_{_now_text()}")
        self._save(lambda: save_darks(directory, darks), f"darks of {len(darks)} keys", directory)
        self.board.recompose()
        self._show()

    def save_arrays(self) -> None:
        """Write the newest image of each key that is shown, as it came, to a directory of its own."""
        frames = [stamp.frame for panel in self.board.panels.values() for stamp in panel.stamps.values()]
        directory = Path(f"view_{_now_text()}")
        self._save(lambda: save_images(directory, frames), f"{len(frames)} images", directory)

    def _save(self, save: Callable[[], None], what: str, directory: Path) -> None:
        try:
            save()
        except OSError as error:
            self.say(f"{what} not saved: {error}")
        else:
            self.say(f"{what} saved in {directory.absolute()}")

    def click(self, pixel: WallPixel) -> None:
        """Show the light curve of a pixel; that of the pixel which is shown is closed."""
        found = self.board.panels[pixel[0]].stamp_at(*pixel[1:])
        if pixel == self.wall.chosen or found is None:
            self.close_curve()
            return
        stamp, row, column = found
        curve = self._curve = self._curve or self._make_curve()
        curve.widget.show()
        key = stamp.frame.key
        title = f"{key}: row {pixel[1]} column {pixel[2]} of the module, last 5 minutes"
        curve.show(key, row, column, title, self.board.histories[key].curve(row, column))
        self.wall.chosen = pixel
        self.wall.update()
        self._escape.setEnabled(True)

    def _make_curve(self) -> LightCurve:
        curve = LightCurve()
        self._splitter.addWidget(curve.widget)
        height = self._splitter.height()
        self._splitter.setSizes([height - height // _CURVE_PART, height // _CURVE_PART])
        return curve

    @property
    def curve(self) -> LightCurve | None:
        """The light curve, while there is one to be seen."""
        return self._curve if self.wall.chosen is not None else None

    def close_curve(self) -> None:
        """Take the light curve away."""
        if self._curve is not None:
            self._curve.widget.hide()
        self.wall.chosen = None
        self.wall.update()
        self._escape.setEnabled(False)


def _now_text() -> str:
    return time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
