"""Widget of the viewer `view`: the wall of images, its keys, levels beside it, and light curves below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtWidgets import QInputDialog

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import Key, Kind
from panoseti_daq.pff.quabos import quabo_at
from panoseti_daq.viewers.host.memory import Written, stamped
from panoseti_daq.viewers.host.menu import add_actions
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.colors import Levels
from panoseti_daq.viewers.images.looks import Looks
from panoseti_daq.viewers.images.pedestal import PedestalMode, save_darks, save_images
from panoseti_daq.viewers.images.titles import Span, Tone
from panoseti_daq.viewers.modules import Module, Source
from panoseti_daq.viewers.view.probes import Probes, save_curves
from panoseti_daq.viewers.view.shell import Shell, server_texts, why_waiting
from panoseti_daq.viewers.view.wall import WallPixel

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.host.feed import HostState

_LETTERS_STEP: Final = 1.15


class View:
    """Shows the newest images of every module; see `Viewer`.

    `board`: the images. `waiting_for`: what is waited for: ``the first frame of module 3``. `wall`, `bars`,
    `probes`: images, levels, what was pointed at.
    """

    mouse: Final = (
        ("wheel, drag", "Zoom, pan"),
        ("click", "Light curve of a pixel; with Shift of one more"),
        ("double click", "One module large"),
        ("drag on a histogram", "Levels"),
    )

    def __init__(self, board: Board, waiting_for: str = "the first frame") -> None:
        self.board = board
        self.widget = Shell(board)  # What the window holds; its actions are the keys
        self.wall, self.bars, self.say = self.widget.wall, self.widget.bars, self.widget.say
        self.probes = Probes(board, self.wall, self.widget.splitter)
        self._looks = Looks(board)
        self.written = Written()  # What keys wrote, also the window's own
        self._hovered: WallPixel | None = None
        self._has_kept = False
        self._waiting_for = waiting_for
        self._statuses: dict[str, pb.StatusResponse] = {}
        self.widget.wait(f"waiting for {waiting_for}")
        self._add_actions()
        self.wall.hovered.connect(self._hover)
        self.wall.clicked.connect(self.click)
        self.wall.opened.connect(self._open)
        self.bars.dragged.connect(self._drag)
        self._show_setup()

    def _add_actions(self) -> None:
        looks = self._looks
        keys = (
            ("Save arrays (.npy)", "N", self.save_arrays),
            ("Save the median as the dark", "D", self.save_dark),
            ("Save light curves (.csv)", "E", self.save_curves),
            ("Save the mask", "Shift+M", self.save_mask),
            ("Next color map", "C", lambda: self._change(lambda: looks.next("colormap"))),
            ("Next scale: linear, sqrt, log, asinh", "X", lambda: self._change(lambda: looks.next("scale"))),
            ("Next levels: rolling, per frame, fixed", "L", lambda: self._change(looks.next_levels)),
            ("Next orientation, of the module under the mouse or of all", "O", self.next_orientation),
            ("Quabo boundaries", "B", lambda: self._change(looks.toggle_boundaries)),
            ("Next pedestal: none, median, dark", "P", lambda: self._change(looks.next_pedestal)),
            ("Mask hot and dead pixels, or none", "M", lambda: self._change(looks.toggle_masks)),
            ("Mask the pixel under the mouse", "K", self.mask_hovered),
            ("Region of interest: rectangle, circle, none", "I", self.next_region),
            ("Histograms", "H", lambda: self.bars.setVisible(not self.bars.isVisible())),
            ("Larger letters", "+", lambda: self._enlarge(_LETTERS_STEP)),
            ("Smaller letters", "-", lambda: self._enlarge(1 / _LETTERS_STEP)),
            ("Name the module under the mouse", "F2", self.name_hovered),
            ("All modules; then no light curve", "Escape", self.escape),
        )
        add_actions(self.widget, keys)

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames; the picture changes with `redraw`."""
        self.board.update(frames)

    def keep(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames for the light curves and medians while the picture stands."""
        self.board.keep(frames)
        self._has_kept = True

    def redraw(self) -> None:
        """Draw what changed."""
        changed = self.board.refresh()
        if changed and self._has_kept:
            self._has_kept = False
            self.probes.catch_up()
        if changed:
            self.widget.wait("")
        self.widget.place_bars()
        self.wall.arrange()
        self.wall.show_changes(changed)
        self.bars.redraw()
        self.probes.redraw()
        self._show_info()
        self._show_setup()

    def update_status(self, host: str, status: pb.StatusResponse) -> None:
        """Take what a server says of itself."""
        self._statuses[host] = status
        for line in status.context.modules:
            is_old = line.old or bool(status.context.trouble)
            tone = Tone.BAD if line.severity >= 32 else Tone.WARNING if line.severity >= 16 else Tone.NORMAL
            for of in (host, ""):  # a head node may know the modules of others
                self.wall.beside[Module(of, line.module_id)] = Span(line.text, Tone.OLD if is_old else tone)

    def update_hosts(self, states: Mapping[str, HostState]) -> None:
        """Take how it stands with the hosts: modules of a lost one say so."""
        self.wall.lost = {host: f"{host} lost" for host, state in states.items() if not state.connected}
        if not self.board.panels:
            self.widget.wait(f"waiting for {self._waiting_for}\n{why_waiting(states)}".strip())

    def restyle(self) -> None:
        """Take the colors of the theme."""
        self.widget.restyle()
        self.probes.restyle()

    @property
    def alarms(self) -> list[str]:
        """What is wrong with the images: how many modules are silent."""
        silent = self.board.silent_modules
        return [f"{len(silent)} of {len(self.board.modules)} modules silent"] if silent else []

    def state(self) -> dict[str, Any]:
        """Choices that are remembered."""
        return {**self._looks.state(), "letters": self.wall.enlarge, "bars": not self.bars.isHidden()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take choices that were remembered; what is no choice any more is left out."""
        self._looks.restore(state)
        if isinstance(letters := state.get("letters"), float):
            self.wall.enlarge = min(max(letters, 0.5), 3.0)
        self.bars.setVisible(bool(state.get("bars", True)))
        self._show_setup()

    def _hover(self, pixel: WallPixel | None) -> None:
        self._hovered = pixel
        self._show_info(now=True)

    def _show_info(self, *, now: bool = False) -> None:
        self.widget.show_info("" if self._hovered is None else self.pixel_text(self._hovered), now=now)

    def pixel_text(self, pixel: WallPixel) -> str:
        """Where a pixel is, and its value in the image that is drawn."""
        place, row, column = pixel
        panel, quabo = self.board.panels[place], quabo_at(row, column)
        where = f"module {self.board.called(panel.module)} {panel.product.token}"
        where += f"  row {row} column {column} (Q{quabo})"
        if panel.stamp_at(row, column) is None:
            return f"{where}: nothing yet"
        less = f", {panel.image[row, column]:.1f} less the pedestal" if panel.image.dtype.kind == "f" else ""
        mask = self.board.masks.of(panel.module)
        masked = ", masked" if mask is not None and mask[row, column] else ""
        bad = f", {panel.bad[quabo]}" if quabo in panel.bad else ""
        return f"{where}: {panel.raw[row, column]} ADC{less}{bad}{masked}"

    def _show_setup(self) -> None:
        self.widget.show_setup("   ".join([*self._looks.texts(), *server_texts(self._statuses.values())]))

    def _show(self) -> None:
        """Show a changed setting at once, of the image that is drawn: newer ones come with `redraw`."""
        self.wall.arrange()
        self.wall.show_changes(self.board.panels.values())
        self.bars.redraw()
        self._show_setup()

    def _change(self, do: Callable[[], str | None]) -> None:
        said = do()
        self.board.recolor()
        self._show()
        if said:
            self.say(said)

    def _drag(self, kind: Kind, levels: Levels) -> None:
        self.board.fix_levels(kind, levels)
        self._change(lambda: None)

    def _enlarge(self, factor: float) -> None:
        self.wall.enlarge = min(max(self.wall.enlarge * factor, 0.5), 3.0)
        self._show()

    def next_orientation(self) -> None:
        """Rotate or flip the module under the mouse, or all."""
        self._change(lambda: self._looks.next_orientation(self._hovered[0][0] if self._hovered else None))
        self.probes.close_region()

    def mask_hovered(self) -> None:
        """Mask the pixel under the mouse, or no longer."""
        if self._hovered is not None:
            (module, _), row, column = self._hovered
            self.board.masks.toggle(self.board.called(module), row, column)
            self.board.recompose()
            self._show()
            self._show_info()

    def name_hovered(self) -> None:
        """Ask for a name of the module under the mouse."""
        if self._hovered is None:
            self.say("point at a module to name it")
            return
        module, names = self._hovered[0][0], self.board.settings.names
        called = self.board.called(module)
        name, given = QInputDialog.getText(
            self.widget, "Name", f"Name of module {called}:", text=names.of(module) or ""
        )
        if given:
            names[called] = name.strip()
            self._show()

    def next_region(self) -> None:
        """Put a region of interest on the module under the mouse, or on the first one; change its shape."""
        seen = [place for place in sorted(self.board.panels, key=str) if self.wall.large in (None, place[0])]
        self.probes.next_region(self._hovered[0] if self._hovered else next(iter(seen), None))

    def save_dark(self) -> None:
        """Make the rolling median of each movie its dark, keep it in a directory, and subtract it."""
        darks = self.board.darks()
        if not darks:
            self.say("no movie, no dark: a pulse height has none")
            return
        self.board.pedestals.darks.update(darks)
        self.board.pedestals.mode = PedestalMode.DARK
        darks = self.board.pedestals.darks
        self._save(f"darks of {len(darks)} keys", stamped("dark"), lambda to: save_darks(to, darks))
        self.board.recompose()
        self._show()

    def save_arrays(self) -> None:
        """Write each image that is drawn, as it came, to a directory of its own."""
        shown = (stamp.frame for panel in self.board.panels.values() for stamp in panel.stamps.values())
        frames = {self.board.called(Source.of(frame)): frame for frame in shown}
        self._save(f"{len(frames)} images", stamped("view"), lambda to: save_images(to, frames))

    def save_curves(self) -> None:
        """Write the light curves that are shown."""
        curves = list(self.probes.curves.values())
        if curves:
            self._save(
                f"{len(curves)} light curves", stamped("curves", ".csv"), lambda to: save_curves(to, curves)
            )
        else:
            self.say("click a pixel for its light curve first")

    def save_mask(self) -> None:
        """Write the masked pixels, for --mask."""
        masks = self.board.masks
        self._save(f"{masks.n_pixels} masked pixels", stamped("mask", ".json"), masks.save)

    def _save(self, what: str, to: Path, write: Callable[[Path], None]) -> None:
        self.say(self.written.save(what, to, write))

    def click(self, pixel: WallPixel, more: bool = False) -> None:
        """Show the light curve of a pixel, or of one more; that of a pixel which is shown is closed."""
        self.probes.toggle(pixel, more=more)

    def _open(self, pixel: WallPixel) -> None:
        """Make a module large, without the light curve that the first of the two clicks showed."""
        if pixel in self.wall.chosen:
            self.probes.toggle(pixel, more=True)
        self.wall.fit(pixel[0][0])

    def escape(self) -> None:
        """Show all modules; if they are, close the light curves."""
        if self.wall.is_whole:
            self.probes.close()
        else:
            self.wall.fit()
