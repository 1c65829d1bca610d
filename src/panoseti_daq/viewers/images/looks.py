"""Looks of the images that keys change, and what of them is remembered. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from panoseti_daq.viewers.choice import Choice
from panoseti_daq.viewers.images.board import Board
from panoseti_daq.viewers.images.colors import ColorMap, Levels, LevelsMode, Scale
from panoseti_daq.viewers.images.pedestal import PedestalMode
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.images.titles import KIND_NAMES
from panoseti_daq.viewers.masks import PixelMasks
from panoseti_daq.viewers.modules import Module

_CHOICES: Final[dict[str, type[Choice]]] = {"colormap": ColorMap, "scale": Scale, "orientation": Orientation}


class Looks:
    """Changes the settings of a board, one step each; says what there is to say."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._settings = board.settings

    def texts(self) -> list[str]:
        """The choices with their keys."""
        settings, pedestal = self._settings, self._board.pedestals.mode
        less = "no pedestal" if pedestal is PedestalMode.NONE else f"less {pedestal}"
        names = {"C": settings.colormap, "X": settings.scale, "L": f"{settings.levels} levels"}
        names |= {"O": settings.orientation, "P": less}
        return [f"{key}: {name}" for key, name in names.items()]

    def next(self, name: str) -> None:
        """Use the next value of a setting: ``colormap`` or ``scale``."""
        setattr(self._settings, name, getattr(self._settings, name).next)

    def next_levels(self) -> str | None:
        """Find the levels in the next way."""
        self._settings.levels = self._settings.levels.next
        if self._settings.levels is LevelsMode.FIXED:
            self._board.hold_levels()
            return "levels stay as they are; drag their ends beside the images"
        self._settings.fixed.clear()
        return None

    def next_orientation(self, module: Module | None) -> str:
        """Rotate or flip a module; None for all."""
        settings = self._settings
        if module is None:
            settings.orientation = settings.orientation.next
            settings.orientations.clear()
            return f"all modules: {settings.orientation}"
        called = self._board.called(module)
        settings.orientations[called] = settings.orientation_of(module).next
        return f"module {called}: {settings.orientations[called]}"

    def toggle_boundaries(self) -> None:
        """Draw lines between quabos, or none."""
        self._settings.boundaries = not self._settings.boundaries

    def next_pedestal(self) -> str | None:
        """Subtract the next pedestal."""
        pedestals = self._board.pedestals
        pedestals.mode, said = pedestals.mode.next, None
        if pedestals.mode is PedestalMode.DARK and not pedestals.darks:
            pedestals.mode, said = PedestalMode.NONE, "there is no dark yet: D saves one"
        self._board.recompose()
        return said

    def toggle_masks(self) -> str:
        """Mask the hot and dead pixels of the last half minute, or no pixel."""
        if self._board.masks.n_pixels:
            self._board.masks.clear()
            said = "no pixel is masked"
        else:
            n = self._board.find_odd_pixels()
            said = f"{n} hot and dead pixels masked; K masks the one under the mouse"
        self._board.recompose()
        return said

    def state(self) -> dict[str, Any]:
        """What is remembered, as JSON has it."""
        settings = self._settings
        return {
            **{name: str(getattr(settings, name)) for name in _CHOICES},
            "boundaries": settings.boundaries,
            "orientations": {str(m): str(one) for m, one in settings.orientations.items()},
            "names": {str(m): name for m, name in settings.names.items() if name},
            "masked": self._board.masks.as_lists(),
            "mode": str(settings.levels),
            "levels": {KIND_NAMES[kind]: list(one) for kind, one in settings.fixed.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what was remembered, but for what was chosen on the command line; skip what is no choice."""
        for name, choice in _CHOICES.items():
            if name not in self._settings.given and state.get(name) in list(choice):
                setattr(self._settings, name, choice(state[name]))
        if "boundaries" not in self._settings.given:
            self._settings.boundaries = bool(state.get("boundaries"))
        if "levels" not in self._settings.given:
            self._restore_levels(state.get("mode"), state.get("levels"))
        try:
            for module, one in dict(state.get("orientations", {})).items():
                self._settings.orientations[Module.parse(module)] = Orientation(one)
            names = {Module.parse(module): str(name) for module, name in dict(state.get("names", {})).items()}
            if not self._board.masks.n_pixels:
                self._board.masks.take(PixelMasks.of_lists(state.get("masked", {})))
        except (ValueError, TypeError, AttributeError):  # a file that somebody edited
            return
        self._settings.names.update(names)

    def _restore_levels(self, mode: object, levels: object) -> None:
        found = {}
        for kind, name in KIND_NAMES.items():
            match levels.get(name) if isinstance(levels, Mapping) else None:
                case [int() | float() as low, int() | float() as high] if low < high:
                    found[kind] = Levels(low, high)
        if mode in list(LevelsMode) and (found or mode != LevelsMode.FIXED):
            self._settings.levels, self._settings.fixed = LevelsMode(str(mode)), found
