"""Files that keys write: images, darks, light curves, masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from panoseti_daq.viewers.host.memory import Written, stamped
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.pedestal import save_darks, save_images
from panoseti_daq.viewers.modules import Source
from panoseti_daq.viewers.view.probes import Probes, save_curves


class Saves:
    """Writes what is seen into the working directory, under the time of now.

    `board`, `probes`: whose images and light curves. `say`: called with what was done.
    """

    def __init__(self, board: Board, probes: Probes, say: Callable[[str], None]) -> None:
        self._board, self._probes, self._say = board, probes, say
        self.written = Written()  # What was written, for undoing it

    def dark(self) -> None:
        """Write darks, which the board subtracts."""
        darks = self._board.pedestals.darks
        self._save(lambda to: save_darks(to, darks), f"darks of {len(darks)} keys", stamped("dark"))

    def arrays(self) -> None:
        """Write each image that is drawn, as it came, to a directory of its own."""
        shown = (stamp.frame for panel in self._board.panels.values() for stamp in panel.stamps.values())
        frames = {self._board.called(Source.of(frame)): frame for frame in shown}
        self._save(lambda to: save_images(to, frames), f"{len(frames)} images", stamped("view"))

    def curves(self) -> None:
        """Write the light curves that are shown."""
        curves = list(self._probes.curves.values())
        if not curves:
            self._say("click a pixel for its light curve first")
            return
        self._save(lambda to: save_curves(to, curves), f"{len(curves)} light curves", stamped("curves", ".csv"))

    def mask(self) -> None:
        """Write the masked pixels, for --mask."""
        masks = self._board.masks
        self._save(masks.save, f"{masks.n_pixels} masked pixels", stamped("mask", ".json"))

    def _save(self, save: Callable[[Path], None], what: str, to: Path) -> None:
        self._say(self.written.save(what, to, save))
