"""The viewer ``term``: the newest images as text, also over ssh."""

from __future__ import annotations

from typing import Annotated

import typer

from panoseti_daq.viewers.images.colors import ColorMap
from panoseti_daq.viewers.plugin import Surface, TerminalViewer, ViewerContext, ViewerSpec


def make(
    context: ViewerContext,
    *,
    colormap: Annotated[ColorMap, typer.Option(help="Colors, from low to high.")] = ColorMap.PLASMA,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters, for terminals without color or UTF-8.")
    ] = False,
) -> TerminalViewer:
    """Make the viewer."""
    from panoseti_daq.viewers.term.images import TermImages

    return TermImages(context.refresh_period_s, colormap, ascii_only=ascii_only, clock=context.clock)


SPEC = ViewerSpec(
    "term", "The newest images of every module as text, also over ssh.", make, surface=Surface.TERMINAL
)
