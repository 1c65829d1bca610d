"""The viewer ``phdist``: distribution of pulse heights."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from panoseti_daq.viewers.masks import MaskOption, load_masks
from panoseti_daq.viewers.plugin import Viewer, ViewerContext, ViewerSpec

WINDOWS_S: Final = (10.0, 60.0, 600.0)

WindowOption = Annotated[
    list[float] | None,
    typer.Option(
        "--window",
        min=1,
        max=86_400,
        help="Seconds to look back, one panel each; repeatable. Default: 10, 60 and 600.",
        show_default=False,
    ),
]
LogOption = Annotated[bool, typer.Option("--log/--linear", help="Scale of the number of events.")]
QuaboOption = Annotated[bool, typer.Option("--per-quabo", help="A curve for each quabo, not for each module.")]
LogAdcOption = Annotated[bool, typer.Option("--log-adc/--linear-adc", help="Scale of the pulse height.")]


def make(
    context: ViewerContext,
    *,
    window: WindowOption = None,
    log: LogOption = True,
    log_adc: LogAdcOption = True,
    per_quabo: QuaboOption = False,
    mask: MaskOption = None,
) -> Viewer:
    """Make the viewer."""
    from panoseti_daq.viewers.phdist.chart import PulseHeightChart
    from panoseti_daq.viewers.phdist.pulses import PulseHeights

    windows_s = tuple(sorted(set(window or WINDOWS_S)))
    if mask is not None:
        context.masks.take(load_masks(mask))
    pulses = PulseHeights(max(windows_s), context.clock, context.masks)
    return PulseHeightChart(windows_s, log=log, log_adc=log_adc, per_quabo=per_quabo, pulses=pulses)


SPEC = ViewerSpec(
    "phdist", "How large the pulses of each module are, and how often.", make, movie=False, every_frame=True
)
