"""Images of all modules and their settings: what `view` and `term` draw. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Key, Kind
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.images.colors import ColorMap, Levels, LevelsMode, Scale, common_levels, frame_levels
from panoseti_daq.viewers.images.panel import Panel
from panoseti_daq.viewers.images.pedestal import N_MEDIAN, FloatImage, History, Pedestals
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.images.titles import Stamp
from panoseti_daq.viewers.masks import LEAST_IMAGES, PixelMasks, odd_pixels
from panoseti_daq.viewers.modules import ByHost, Module, Names, Source

KINDS: Final = (Kind.PULSE_HEIGHT, Kind.MOVIE)  # from left to right
_STEADY: Final = {Kind.MOVIE: 0.02, Kind.PULSE_HEIGHT: 0.15}
"""Levels stay until they would move by this part of their range."""
_JUMP_S: Final = 86400.0  # a larger step of the clock is that from now to a replay


@dataclass(slots=True)
class Settings:
    """How images are shown."""

    colormap: ColorMap = ColorMap.PLASMA
    orientation: Orientation = Orientation.AS_STORED  # Of modules without one of their own in `orientations`
    levels: LevelsMode = LevelsMode.ROLLING
    scale: Scale = Scale.LINEAR
    fixed: dict[Kind, Levels] = field(default_factory=dict)  # Levels of each kind that were given
    boundaries: bool = False  # Whether lines between the quabos are drawn
    orientations: ByHost[Module, Orientation] = field(default_factory=ByHost)
    names: ByHost[Module, str] = field(default_factory=ByHost)
    # Names of those that somebody asked for: what was remembered does not change them
    given: set[str] = field(default_factory=set)

    def orientation_of(self, module: Module) -> Orientation:
        """Orientation of a module."""
        return self.orientations.of(module) or self.orientation


class Board:
    """Takes frames and keeps the images to be shown; all images of a data product have the same levels.

    **Holds** the newest frame of each key and the last five minutes of it (`History`). Not thread-safe.
    """

    def __init__(
        self,
        settings: Settings,  # How to show them; changes of `levels` and `scale` take effect with `recolor`
        pedestals: Pedestals | None = None,  # What to subtract
        *,
        masks: PixelMasks | None = None,  # Pixels that are left out
        clock: Clock | None = None,  # Where ages are counted
        period_s: float = 1.0,  # Time between two frames that were asked for, s
    ) -> None:
        self.settings = settings
        self.pedestals = pedestals or Pedestals()
        self.masks = PixelMasks() if masks is None else masks
        self.clock = clock or Clock()
        self.panels: dict[tuple[Module, Kind], Panel] = {}  # By module and kind
        self.histories: dict[Source, History] = {}
        self.called = Names(())  # What modules are called
        self.levels: dict[DataProduct, Levels] = {}
        self._period_s = period_s
        self._updated_s = self.clock.now_s()

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames; what is shown changes with `refresh`.

        When a replay begins, ends or steps back, only these are shown from then on.
        """
        now_s = self.clock.now_s()
        if now_s < self._updated_s or now_s - self._updated_s > _JUMP_S:
            for panel in self.panels.values():
                panel.forget()
        self._updated_s = now_s
        for stamp in self.keep(frames):
            place = Module.of(stamp.frame), stamp.frame.product.kind
            if place in self.panels:
                self.panels[place].put(stamp)
            else:
                self.panels[place] = Panel(stamp, self._period_s)
                self.called = Names(self.modules)

    def keep(self, frames: Mapping[Key, ReceivedFrame]) -> list[Stamp]:
        """Take frames into the histories only; return them in the order of their times."""
        stamps = [Stamp.of(frame, self.clock) for frame in frames.values()]
        stamps.sort(key=lambda stamp: stamp.time.unix_ns)
        for stamp in stamps:
            source = Source.of(stamp.frame)
            if (history := self.histories.get(source)) is None:
                history = self.histories[source] = History(stamp.frame.product)
            history.add(stamp.unix_s, stamp.frame.pixels)
        return stamps

    @property
    def modules(self) -> list[Module]:
        """Modules of which there are frames, in order."""
        return sorted({module for module, _ in self.panels})

    @property
    def kinds(self) -> list[Kind]:
        """Kinds of which there are frames, from left to right."""
        present = {kind for _, kind in self.panels}
        return [kind for kind in KINDS if kind in present]

    @property
    def products(self) -> set[DataProduct]:
        """Data products that are shown."""
        return {panel.product for panel in self._shown} & self.levels.keys()

    def panels_of(self, product: DataProduct) -> list[Panel]:
        """Panels that show a data product."""
        return [panel for panel in self._shown if panel.product is product]

    @property
    def silent_modules(self) -> list[Module]:
        """Modules of which nothing is fresh, in order."""
        now_s = self.clock.now_s()
        fresh = {panel.module for panel in self._shown if not panel.is_silent(now_s)}
        return [module for module in self.modules if module not in fresh]

    def refresh(self) -> list[Panel]:
        """Compose and color what is new.

        Returns those that look different now.
        """
        new = [panel for panel in self.panels.values() if panel.is_new]
        self._compose(new)
        return self._color(new)

    def recolor(self) -> list[Panel]:
        """Color everything again: the levels were changed."""
        self.levels.clear()
        return self._color(self._shown)

    def recompose(self) -> list[Panel]:
        """Compose and color everything again: the pedestal or the masks were changed."""
        for panel in self.panels.values():
            panel.rolling.clear()
        self._compose(self.panels.values())
        return self.recolor()

    @property
    def _shown(self) -> list[Panel]:
        return [panel for panel in self.panels.values() if panel.stamps]

    def _compose(self, panels: Iterable[Panel]) -> None:
        for panel in panels:
            panel.compose(self.pedestals, self.histories, self.masks)

    def fix_levels(self, kind: Kind, levels: Levels) -> None:
        """Let these be the levels of a kind from now on."""
        self.settings.levels = LevelsMode.FIXED
        self.settings.fixed[kind] = levels

    def hold_levels(self) -> None:
        """Let the levels of now be the fixed ones of the kinds that none were given for."""
        for product, levels in self.levels.items():
            self.settings.fixed.setdefault(product.kind, levels)

    def darks(self) -> dict[Source, FloatImage]:
        """The rolling median of every movie that is shown; a pulse height has no dark."""
        movies = [source for source in self.histories if source.key.product.kind is Kind.MOVIE]
        return {self.called(one): self.pedestals.median(one, self.histories[one]) for one in movies}

    def find_odd_pixels(self) -> int:
        """Mask the hot and dead pixels of the movies of the last half minute; return how many are masked."""
        for (host, key), history in self.histories.items():
            if key.product.kind is Kind.MOVIE and len(history) >= LEAST_IMAGES:
                self.masks.add(self.called(Module(host, key.module_id)), odd_pixels(history.images(N_MEDIAN)))
        return self.masks.n_pixels

    def _color(self, new: list[Panel]) -> list[Panel]:
        moved = {product for product in {panel.product for panel in new} if self._move_levels(product)}
        new = new + [panel for panel in self._shown if panel.product in moved and panel not in new]
        for panel in new:
            panel.levels = self.levels[panel.product]
            panel.color(self.settings.scale)
        return new

    def _move_levels(self, product: DataProduct) -> bool:
        before, now = self.levels.get(product), self._wanted(product)
        steady = _STEADY[product.kind] if self.settings.levels is LevelsMode.ROLLING else 0.0
        if before is not None and not _far(before, now, steady):
            return False
        self.levels[product] = now
        return before != now

    def _wanted(self, product: DataProduct) -> Levels:
        if self.settings.levels is LevelsMode.FIXED and product.kind in self.settings.fixed:
            return self.settings.fixed[product.kind]
        panels = [panel for panel in self.panels_of(product) if panel.measured.size]
        if self.settings.levels is LevelsMode.FRAME and panels:
            each = [frame_levels(panel.measured) for panel in panels]
            return Levels(min(one.low for one in each), max(one.high for one in each))
        return common_levels(panel.rolling.levels for panel in panels)


def _far(before: Levels, now: Levels, part: float) -> bool:
    return max(abs(now.low - before.low), abs(now.high - before.high)) > part * (before.high - before.low)
