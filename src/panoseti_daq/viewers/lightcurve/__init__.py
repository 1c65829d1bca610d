"""The viewer ``lightcurve``: brightness over time."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from panoseti_daq.viewers.masks import MaskOption, load_masks
from panoseti_daq.viewers.plugin import Viewer, ViewerContext, ViewerSpec

N_MOST_PIXELS: Final = 4  # panels above each other that can still be read
_SIDE: Final = 32  # pixels of a movie image


def parse_pixel(text: str) -> tuple[int, int]:
    """Row and column of 'ROW,COLUMN'.

    Raises typer.BadParameter: it is something else, or outside of an image.
    """
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--pixel {text!r} is not ROW,COLUMN") from None
    if not (0 <= row < _SIDE and 0 <= column < _SIDE):
        raise typer.BadParameter(f"--pixel {text!r} is outside of the image: rows and columns are 0-{_SIDE - 1}")
    return row, column


def _checked_pixels(texts: list[str] | None) -> list[str]:
    if len(texts or ()) > N_MOST_PIXELS:
        raise typer.BadParameter(f"--pixel is given {len(texts or ())} times, {N_MOST_PIXELS} panels fit")
    return [text for text in texts or () if parse_pixel(text)]


PixelOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pixel",
        metavar="ROW,COLUMN",
        callback=_checked_pixels,
        help="Also this pixel, in a panel of its own; row 0 is on top; repeatable, up to 4.",
        show_default=False,
    ),
]
MinutesOption = Annotated[float, typer.Option("--minutes", min=0.1, max=1440, help="How far back.")]


def make(
    context: ViewerContext, *, pixel: PixelOption = None, minutes: MinutesOption = 5.0, mask: MaskOption = None
) -> Viewer:
    """Make the viewer."""
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart
    from panoseti_daq.viewers.lightcurve.curves import LightCurves

    pixels = tuple(dict.fromkeys(parse_pixel(text) for text in pixel or ()))
    if mask is not None:
        context.masks.take(load_masks(mask))
    return LightCurveChart(LightCurves(60 * minutes, pixels, masks=context.masks), pixels)


SPEC = ViewerSpec(
    "lightcurve",
    "Mean of the movie images, and chosen pixels, over time.",
    make,
    pulse_height=False,
    update_interval_s=0.1,
)
