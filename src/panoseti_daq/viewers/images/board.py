"""Images of all modules and their settings; the part of `view` without Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from panoseti_daq.pff import DataProduct, Frame, Key, Kind
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.images.choice import Choice
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.images.history import History
from panoseti_daq.viewers.images.levels import Levels, LevelsMode, common_levels, frame_levels
from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pedestal import FloatImage, Pedestals
from panoseti_daq.viewers.images.titles import Stamp

MOST_ROWS: Final = 4  # modules that fit on a screen with a row each
KINDS: Final = (Kind.PULSE_HEIGHT, Kind.MOVIE)  # from left to right
_STEADY: Final = 0.02  # common levels stay until they would move by this part of their range


class Arrangement(Choice):
    """How modules are arranged."""

    AUTO = "auto"
    """Rows for a few modules, the grid for many."""
    ROWS = "rows"
    """A row each: pulse height left, movie right, with titles and levels of their own."""
    GRID = "grid"
    """Small images side by side with common levels."""


@dataclass(slots=True)
class Settings:
    """How images are shown.

    Attributes
    ----------
    layout, colormap, orientation, levels
        As their types say.
    fixed
        Levels of each kind that were given.
    boundaries
        Whether lines between the quabos are drawn.
    """

    layout: Arrangement = Arrangement.AUTO
    colormap: ColorMap = ColorMap.PLASMA
    orientation: Orientation = Orientation.AS_STORED
    levels: LevelsMode = LevelsMode.ROLLING
    fixed: dict[Kind, Levels] = field(default_factory=dict)
    boundaries: bool = False


class Board:
    """Takes frames and keeps the images to be shown.

    **Holds** the newest frame of each key and the last five minutes of it (`History`). Not thread-safe.

    Parameters
    ----------
    settings
        How to show them; changes of `levels` take effect with `recolor`.
    pedestals
        What to subtract.

    Attributes
    ----------
    panels
        By module and kind.
    histories
        By key.
    """

    def __init__(self, settings: Settings, pedestals: Pedestals) -> None:
        self.settings = settings
        self.pedestals = pedestals
        self.panels: dict[tuple[int, Kind], Panel] = {}
        self.histories: dict[Key, History] = {}
        self._common: dict[DataProduct, Levels] = {}
        self._held: dict[Kind, Levels] = {}
        self._was_grid = False

    def update(
        self, frames: Mapping[Key, Frame], now_s: float, now_unix_s: float, clock: Clock | None = None
    ) -> None:
        """Take frames; at `now_s` of a clock that never jumps, and at UTC s since 1970; ages as `Stamp.of`."""
        for key, frame in sorted(frames.items(), key=lambda item: item[1].time.unix_ns):
            stamp = Stamp.of(frame, now_unix_s, clock)
            self.histories.setdefault(key, History(key.product)).add(now_s, stamp.unix_s, frame.pixels)
            place = key.module_id, key.product.kind
            if place in self.panels:
                self.panels[place].put(stamp)
            else:
                self.panels[place] = Panel(stamp)

    @property
    def modules(self) -> list[int]:
        """Modules of which there are frames, in order."""
        return sorted({module_id for module_id, _ in self.panels})

    @property
    def kinds(self) -> list[Kind]:
        """Kinds of which there are frames, from left to right."""
        present = {kind for _, kind in self.panels}
        return [kind for kind in KINDS if kind in present]

    @property
    def is_grid(self) -> bool:
        """Whether the modules stand in a grid, with common levels."""
        layout = self.settings.layout
        return len(self.modules) > MOST_ROWS if layout is Arrangement.AUTO else layout is Arrangement.GRID

    def refresh(self) -> list[Panel]:
        """Compose and color what is new.

        Returns
        -------
        list of Panel
            Those that look different now.
        """
        new = [panel for panel in self.panels.values() if panel.is_new]
        for panel in new:
            panel.compose(self.pedestals, self.histories)
        return self.recolor() if self.is_grid is not self._was_grid else self._color(new)

    def recolor(self) -> list[Panel]:
        """Color everything again: the levels were changed."""
        self._was_grid = self.is_grid
        self._common.clear()
        return self._color(list(self.panels.values()))

    def recompose(self) -> list[Panel]:
        """Compose and color everything again: the pedestal was changed."""
        for panel in self.panels.values():
            panel.rolling.clear()
            panel.compose(self.pedestals, self.histories)
        return self.recolor()

    def hold_levels(self) -> None:
        """Let those of now be the fixed levels of the kinds that none were given for."""
        for kind in self.kinds:
            self._held[kind] = common_levels(panel.levels for panel in self.panels.values() if panel.kind is kind)

    def common_levels(self) -> dict[DataProduct, Levels]:
        """Levels of each product in the grid, in the order of the kinds; none where each image has its own."""
        if not self._was_grid or self.settings.levels is LevelsMode.FRAME:
            return {}
        products = sorted(self._common, key=lambda product: (KINDS.index(product.kind), product.token))
        return {product: self._common[product] for product in products}

    def darks(self) -> dict[Key, FloatImage]:
        """The rolling median of every key that is shown."""
        keys = [stamp.frame.key for panel in self.panels.values() for stamp in panel.stamps.values()]
        return {key: self.pedestals.median(key, self.histories[key]) for key in keys}

    def _color(self, new: list[Panel]) -> list[Panel]:
        if self._was_grid and self.settings.levels is not LevelsMode.FRAME:
            moved = self._move_common_levels({panel.product for panel in new})
            new += [panel for panel in self.panels.values() if panel.product in moved and panel not in new]
        for panel in new:
            panel.levels = self._levels(panel)
            panel.color()
        return new

    def _move_common_levels(self, products: set[DataProduct]) -> set[DataProduct]:
        moved = set()
        for product in products:
            fixed = self._fixed(product.kind)
            levels = fixed or common_levels(p.rolling.levels for p in self.panels.values() if p.product is product)
            before = self._common.get(product)
            if before is None or _far(before, levels):
                self._common[product] = levels
                moved.add(product)
        return moved

    def _levels(self, panel: Panel) -> Levels:
        if self.settings.levels is LevelsMode.FRAME:
            return frame_levels(panel.measured)
        if self._was_grid:
            return self._common[panel.product]
        return self._fixed(panel.kind) or panel.rolling.levels

    def _fixed(self, kind: Kind) -> Levels | None:
        if self.settings.levels is not LevelsMode.FIXED:
            return None
        return self.settings.fixed.get(kind) or self._held.get(kind)


def _far(before: Levels, now: Levels) -> bool:
    return max(abs(now.low - before.low), abs(now.high - before.high)) > _STEADY * (before.high - before.low)
