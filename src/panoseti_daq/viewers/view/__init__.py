"""The viewer ``view``: the newest images of every module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from panoseti_daq.errors import ViewerError
from panoseti_daq.open_types import OpenMapping
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.images.board import Board, Settings
from panoseti_daq.viewers.images.colors import ColorMap, Levels, LevelsMode, Scale
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals, load_darks
from panoseti_daq.viewers.images.pixels import Orientation
from panoseti_daq.viewers.masks import MaskOption, load_masks
from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec

if TYPE_CHECKING:
    from panoseti_daq.viewers.view.widget import View


def make(
    context: ViewerContext,
    *,
    colormap: Annotated[ColorMap | None, typer.Option(help="Colors. [default: plasma]")] = None,
    scale: Annotated[
        Scale | None, typer.Option(help="How colors are spread between the levels. [default: linear]")
    ] = None,
    levels: Annotated[
        LevelsMode | None, typer.Option(help="Values of the first and last color. [default: rolling quantiles]")
    ] = None,
    movie_levels: Annotated[
        tuple[float, float] | None, typer.Option(metavar="MIN MAX", help="Fixed levels of movies, ADC.")
    ] = None,
    pulse_height_levels: Annotated[
        tuple[float, float] | None, typer.Option(metavar="MIN MAX", help="Fixed levels of pulse heights, ADC.")
    ] = None,
    orientation: Annotated[
        Orientation | None, typer.Option(help="On the screen only. [default: as-stored]")
    ] = None,
    boundaries: Annotated[
        bool | None, typer.Option(help="Draw lines between quabos, or none.", show_default=False)
    ] = None,
    pedestal: Annotated[
        PedestalMode | None, typer.Option(help="What to subtract. [default: none; dark with --dark]")
    ] = None,
    dark: Annotated[Path | None, typer.Option(help="Directory that the key D made.")] = None,
    mask: MaskOption = None,
) -> View:
    """Make the viewer; see `Settings` and `Pedestals` for the options. What is given is not overruled by memory.

    Raises ViewerError: options contradict one another, or there is no dark.
    """
    chosen = {"colormap": colormap, "scale": scale, "orientation": orientation, "boundaries": boundaries}
    fixed = {Kind.MOVIE: movie_levels, Kind.PULSE_HEIGHT: pulse_height_levels}
    return _view(context, _settings({**chosen, "levels": levels}, fixed), _pedestals(pedestal, dark), mask)


def _settings(chosen: OpenMapping, limits: Mapping[Kind, tuple[float, float] | None]) -> Settings:
    """Settings of the options that are not None."""
    given = {name: value for name, value in chosen.items() if value is not None}
    fixed = {kind: _checked(*pair) for kind, pair in limits.items() if pair}
    if fixed:
        given.setdefault("levels", LevelsMode.FIXED)
    elif given.get("levels") is LevelsMode.FIXED:
        raise ViewerError("fixed levels: which? --movie-levels MIN MAX, --pulse-height-levels MIN MAX")
    return Settings(**given, fixed=fixed, given=set(given))


def _pedestals(mode: PedestalMode | None, dark: Path | None) -> Pedestals:
    if mode is PedestalMode.DARK and dark is None:
        raise ViewerError("no dark to subtract: --dark DIRECTORY; the key D makes one")
    default = PedestalMode.NONE if dark is None else PedestalMode.DARK
    return Pedestals(mode or default, load_darks(dark) if dark is not None else None)


def _view(context: ViewerContext, settings: Settings, pedestals: Pedestals, mask: Path | None) -> View:
    from panoseti_daq.viewers.view.widget import View

    if mask is not None:
        context.masks.take(load_masks(mask))
    board = Board(settings, pedestals, masks=context.masks, clock=context.clock, period_s=context.refresh_period_s)
    of = f" of module {', '.join(map(str, context.module_ids))}" if context.module_ids else ""
    return View(board, f"the first frame{of}")


def _checked(low: float, high: float) -> Levels:
    if not low < high:
        raise ViewerError(f"levels {low:g} {high:g}: the first must be the smaller")
    return Levels(low, high)


SPEC = ViewerSpec("view", "The newest images of every module.", make, status=True)
