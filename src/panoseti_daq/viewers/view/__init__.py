"""The viewer ``view``: the newest images of every module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.images.arrays import load_darks
from panoseti_daq.viewers.images.board import Board, Settings
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.images.levels import Levels, LevelsMode, Scale
from panoseti_daq.viewers.images.masks import load_masks
from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals
from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec

if TYPE_CHECKING:
    from panoseti_daq.viewers.view.widget import View


def make(
    context: ViewerContext,
    *,
    colormap: Annotated[ColorMap, typer.Option(help="Colors.")] = ColorMap.PLASMA,
    scale: Annotated[Scale, typer.Option(help="How colors are spread between the levels.")] = Scale.LINEAR,
    levels: Annotated[
        LevelsMode | None, typer.Option(help="Values of the first and last color. [default: rolling quantiles]")
    ] = None,
    movie_levels: Annotated[
        tuple[float, float] | None, typer.Option(metavar="MIN MAX", help="Fixed levels of movies, ADC.")
    ] = None,
    pulse_height_levels: Annotated[
        tuple[float, float] | None, typer.Option(metavar="MIN MAX", help="Fixed levels of pulse heights, ADC.")
    ] = None,
    orientation: Annotated[Orientation, typer.Option(help="On the screen only.")] = Orientation.AS_STORED,
    boundaries: Annotated[bool, typer.Option("--boundaries", help="Draw lines between quabos.")] = False,
    pedestal: Annotated[
        PedestalMode | None, typer.Option(help="What to subtract. [default: none; dark with --dark]")
    ] = None,
    dark: Annotated[Path | None, typer.Option(help="Directory that the key D made.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Hot and dead pixels, as Shift+M saved them.")] = None,
) -> View:
    """Make the viewer; see `Settings` and `Pedestals` for the options.

    Raises
    ------
    ViewerError
        Options contradict one another, or there is no dark.
    """
    given = ((Kind.MOVIE, movie_levels), (Kind.PULSE_HEIGHT, pulse_height_levels))
    fixed = {kind: _checked(*pair) for kind, pair in given if pair}
    if levels is LevelsMode.FIXED and not fixed:
        raise ViewerError("fixed levels: which? --movie-levels MIN MAX, --pulse-height-levels MIN MAX")
    mode = levels or (LevelsMode.FIXED if fixed else LevelsMode.ROLLING)
    settings = Settings(colormap, orientation, mode, scale, fixed, boundaries)
    return _view(context, settings, _pedestals(pedestal, dark), mask)


def _pedestals(mode: PedestalMode | None, dark: Path | None) -> Pedestals:
    if mode is PedestalMode.DARK and dark is None:
        raise ViewerError("no dark to subtract: --dark DIRECTORY; the key D makes one")
    default = PedestalMode.NONE if dark is None else PedestalMode.DARK
    return Pedestals(mode or default, load_darks(dark) if dark is not None else None)


def _view(context: ViewerContext, settings: Settings, pedestals: Pedestals, mask: Path | None) -> View:
    from panoseti_daq.viewers.view.widget import View

    masks = load_masks(mask) if mask is not None else None
    board = Board(settings, pedestals, masks=masks, clock=context.clock, period_s=context.refresh_period_s)
    of = f" of module {', '.join(map(str, context.module_ids))}" if context.module_ids else ""
    return View(board, f"the first frame{of}")


def _checked(low: float, high: float) -> Levels:
    if not low < high:
        raise ViewerError(f"levels {low:g} {high:g}: the first must be the smaller")
    return Levels(low, high)


SPEC = ViewerSpec("view", "The newest images of every module.", make, status=True)
