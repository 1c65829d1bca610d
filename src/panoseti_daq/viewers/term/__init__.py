"""The viewer ``term``: the newest images as text, also over ssh."""

from __future__ import annotations

from typing import Annotated

import typer

from panoseti_daq.viewers.host.theme import ThemeName, choose
from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.masks import MaskOption, load_masks
from panoseti_daq.viewers.plugin import Surface, TerminalViewer, ViewerContext, ViewerSpec


def make(
    context: ViewerContext,
    *,
    colormap: Annotated[ColorMap, typer.Option(help="Colors, from low to high.")] = ColorMap.PLASMA,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters, for terminals without color or UTF-8.")
    ] = False,
    mask: MaskOption = None,
    theme: Annotated[ThemeName, typer.Option(help="Colors; night is red.")] = ThemeName.DARK,
) -> TerminalViewer:
    """Make the viewer."""
    from panoseti_daq.viewers.images.board import Board, Settings
    from panoseti_daq.viewers.term.images import TermImages

    choose(theme)
    if mask is not None:
        context.masks.take(load_masks(mask))
    board = Board(Settings(colormap), masks=context.masks, clock=context.clock, period_s=context.refresh_period_s)
    return TermImages(board, ascii_only=ascii_only)


SPEC = ViewerSpec(
    "term", "The newest images of every module as text, also over ssh.", make, surface=Surface.TERMINAL
)
