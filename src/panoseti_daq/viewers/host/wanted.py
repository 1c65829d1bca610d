"""Frames, blocks and statuses that the viewers of one stream ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from panoseti_daq.pff import DataProduct, Kind, Selection
from panoseti_daq.pff.selection import EVERYTHING, kinds_of

if TYPE_CHECKING:
    from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer gets."""

    hosts: tuple[str, ...] = ()  # Which; empty for all that the client knows
    selection: Selection = EVERYTHING  # Which frames, and how often
    # How often to ask the servers what they say of themselves, s; None for never
    status_period_s: float | None = None
    blocks: Selection | None = None  # Which frames come in blocks, each one; None for none

    @classmethod
    def by(
        cls,
        specs: Sequence[ViewerSpec],
        context: ViewerContext,
        hosts: tuple[str, ...] = (),
        *,
        every_pulse: bool = False,
    ) -> Self:
        """Return what viewers that share one stream ask for; the first says how often frames come.

        With `every_pulse` no pulse that one of them shows is missing, whether it asks for that or not.

        Raises ConfigError: the frames that were asked for are of no kind that the first viewer shows.
        """
        period_s, first = context.refresh_period_s, specs[0]
        interval_s = period_s if first.update_interval_s is None else first.update_interval_s
        chosen = {product.kind for product in context.selection.products or DataProduct}
        pulses = every_pulse and Kind.PULSE_HEIGHT in chosen

        def selected(some: Sequence[ViewerSpec]) -> Selection:
            kinds = kinds_of(any(spec.movie for spec in some), any(spec.pulse_height for spec in some))
            return replace(context.selection, kinds=kinds, update_interval_s=interval_s)

        # A tab of which no product was chosen stays empty; the first viewer is refused.
        specs = [first, *(spec for spec in specs[1:] if chosen & set(kinds_of(spec.movie, spec.pulse_height)))]
        newest = selected([spec for spec in specs if not spec.every_frame] or specs)
        every = [spec for spec in specs if spec.every_frame]
        every += [replace(spec, movie=False) for spec in specs if pulses and spec.pulse_height]
        status = any(spec.status for spec in specs)
        return cls(hosts, newest, period_s if status else None, selected(every) if every else None)

    @property
    def only_blocks(self) -> bool:
        """Whether nothing else comes."""
        return self.blocks == self.selection
