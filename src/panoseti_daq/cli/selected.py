"""Options that select frames: which of them a command wants."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from panoseti_daq.cli.options import ModuleIdOption, OptionGroup
from panoseti_daq.pff import DataProduct, Selection

_ProductOption = Annotated[
    list[str] | None,
    typer.Option(
        "--product", help=f"Only this data product, one of {', '.join(p.token for p in DataProduct)}; repeatable."
    ),
]
_QuaboOption = Annotated[
    list[int] | None,
    typer.Option("--quabo", min=0, max=3, help="Of ph256, only the images of this quabo; repeatable."),
]


def _frames(
    module_id: ModuleIdOption = None, product: _ProductOption = None, quabo: _QuaboOption = None
) -> Selection:
    return Selection.of(module_ids=module_id, products=product, quabos=quabo)


def _frames_and_kinds(
    module_id: ModuleIdOption = None,
    product: _ProductOption = None,
    quabo: _QuaboOption = None,
    movie: Annotated[bool, typer.Option(help="Include movie images.")] = True,
    pulse_height: Annotated[bool, typer.Option(help="Include pulse-height images.")] = True,
) -> Selection:
    return Selection.of(movie, pulse_height, module_id, products=product, quabos=quabo)


FRAMES: Final = OptionGroup.of("selection", _frames)
"""For viewers, each of which knows the kinds that it shows."""
FRAMES_AND_KINDS: Final = OptionGroup.of("selection", _frames_and_kinds)
