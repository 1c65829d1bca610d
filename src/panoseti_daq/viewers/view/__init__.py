"""The viewer ``view``: the newest images of every module."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Kind
from panoseti_daq.viewers.images.arrays import load_darks
from panoseti_daq.viewers.images.board import Arrangement, Settings
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.images.levels import Levels, LevelsMode
from panoseti_daq.viewers.images.orientation import Orientation
from panoseti_daq.viewers.images.pedestal import PedestalMode, Pedestals
from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec

if TYPE_CHECKING:
    from panoseti_daq.viewers.view.widget import View


def make(
    context: ViewerContext,
    *,
    layout: Annotated[
        Arrangement, typer.Option(help="A row per module, or a grid; auto: rows up to 4.")
    ] = Arrangement.AUTO,
    colormap: Annotated[ColorMap, typer.Option(help="Colors.")] = ColorMap.PLASMA,
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
    if pedestal is PedestalMode.DARK and dark is None:
        raise ViewerError("no dark to subtract: --dark DIRECTORY; the key D makes one")
    from panoseti_daq.viewers.view.widget import View

    settings = Settings(
        layout=layout,
        colormap=colormap,
        orientation=orientation,
        levels=levels or (LevelsMode.FIXED if fixed else LevelsMode.ROLLING),
        fixed=fixed,
        boundaries=boundaries,
    )
    mode = pedestal or (PedestalMode.NONE if dark is None else PedestalMode.DARK)
    return View(context, settings, Pedestals(mode, load_darks(dark) if dark is not None else None))


def _checked(low: float, high: float) -> Levels:
    if not low < high:
        raise ViewerError(f"levels {low:g} {high:g}: the first must be the smaller")
    return Levels(low, high)


SPEC = ViewerSpec("view", "The newest images of every module.", make)
