"""Demand of all clients of a gateway together: what one stream per node must bring, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from panoseti_daq.hub import Hub
from panoseti_daq.pff import Selection

RENEWED_S: Final = 1.0  # what one who comes later gets at once is no older than this
LINGER_S: Final = 5.0  # what nobody wants any more is streamed for so long: a page that is reloaded costs nothing

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Demand:
    """What clients want together.

    Attributes
    ----------
    selection
        All that one of them selects, at the interval of the fastest, but once a second at least.
    path
        Gateways that the frames are passed to, this one among them.
    """

    selection: Selection
    path: frozenset[str] = frozenset()


def union_of(selections: Iterable[Selection]) -> Selection | None:
    """Return the least selection that holds all of these; None when there are none."""
    every = list(selections)
    if not every:
        return None

    def joined(parts: Collection[Collection[_T]]) -> frozenset[_T]:
        return frozenset[_T]().union(*parts) if all(parts) else frozenset()  # an empty one stands for all

    return Selection(
        joined([selection.kinds for selection in every]),
        joined([selection.module_ids for selection in every]),
        joined([selection.products for selection in every]),
        joined([selection.quabos for selection in every]),
        min(selection.update_interval_s for selection in every),
    )


def covers(one: Demand | None, other: Demand | None) -> bool:
    """Return whether who gets `one` gets all of `other`, and says so to the same gateways."""
    if other is None or one is None:
        return other is None
    return one.path >= other.path and union_of([one.selection, other.selection]) == one.selection


class DemandWatch:
    """What the subscribers of a hub want together, reported whenever it changes; a reduction only after a while.

    Parameters
    ----------
    hub
        Its subscriptions are the demand.
    path
        Returns the gateways that the frames are passed to.
    report
        Called with the demand, None for none.
    linger_s
        How long what is no longer wanted continues, s.
    """

    def __init__(
        self,
        hub: Hub,
        path: Callable[[], frozenset[str]],
        report: Callable[[Demand | None], None],
        linger_s: float = LINGER_S,
    ) -> None:
        self._hub, self._path, self._report, self._linger_s = hub, path, report, linger_s
        self.reported: Demand | None = None

    async def run(self) -> None:
        """Watch the subscriptions until cancelled."""
        subscribed = self._hub.subscribed
        while True:
            await subscribed.wait()
            subscribed.clear()
            if covers(self.reported, self._wanted()):  # the same or less
                try:
                    async with asyncio.timeout(self._linger_s):
                        await subscribed.wait()
                    continue
                except TimeoutError:
                    pass
            self._report_change(self._wanted())

    def stop_lingering(self) -> None:
        """End now what nobody wants any more."""
        self._report_change(self._wanted())

    def _report_change(self, wanted: Demand | None) -> None:
        if wanted != self.reported:
            self.reported = wanted
            self._report(wanted)

    def _wanted(self) -> Demand | None:
        selection = union_of(subscription.selection for subscription in self._hub.subscriptions)
        if selection is None:
            return None
        renewed = replace(selection, update_interval_s=min(selection.update_interval_s, RENEWED_S))
        return Demand(renewed, self._path())
