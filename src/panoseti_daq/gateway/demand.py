"""Demand of all clients of a gateway together: what one stream per node must bring, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from panoseti_daq.hub import Hub
from panoseti_daq.pff import Selection

LINGER_S: Final = 5.0  # what nobody wants any more is streamed for so long: a page that is reloaded costs nothing


@dataclass(frozen=True, slots=True)
class Demand:
    """What clients want together.

    Attributes
    ----------
    selection
        All that one of them selects, at the interval of the fastest.
    path
        Gateways that the frames go on to, this one among them.
    """

    selection: Selection
    path: frozenset[str] = frozenset()


def union_of(selections: Iterable[Selection]) -> Selection | None:
    """Return the least selection that holds all of these; None when there are none."""
    every = list(selections)
    if not every:
        return None

    def joined(name: str) -> frozenset[Any]:
        parts = [getattr(selection, name) for selection in every]
        return frozenset().union(*parts) if all(parts) else frozenset()  # an empty one stands for all

    return Selection(
        frozenset().union(*(selection.kinds for selection in every)),
        joined("modules"),
        joined("products"),
        joined("quabos"),
        min(selection.interval_s for selection in every),
    )


def covers(one: Demand | None, other: Demand | None) -> bool:
    """Return whether who gets `one` gets all of `other`, and says so to the same gateways."""
    if other is None or one is None:
        return other is None
    return one.path >= other.path and union_of([one.selection, other.selection]) == one.selection


class DemandWatch:
    """What the subscribers of a hub want together, told whenever it changes; less of it only after a while.

    Parameters
    ----------
    hub
        Its subscriptions are the demand.
    path
        Returns the gateways that the frames go on to.
    tell
        Called with the demand, None for none.
    linger_s
        How long what is no longer wanted goes on, s.
    """

    def __init__(
        self,
        hub: Hub,
        path: Callable[[], frozenset[str]],
        tell: Callable[[Demand | None], None],
        linger_s: float = LINGER_S,
    ) -> None:
        self._hub, self._path, self._tell, self._linger_s = hub, path, tell, linger_s
        self.told: Demand | None = None

    async def run(self) -> None:
        """Watch the subscriptions until cancelled."""
        subscribed = self._hub.subscribed
        while True:
            await subscribed.wait()
            subscribed.clear()
            if covers(self.told, self._wanted()):  # the same or less
                try:
                    async with asyncio.timeout(self._linger_s):
                        await subscribed.wait()
                    continue
                except TimeoutError:
                    pass
            self._tell_of(self._wanted())

    def stop_lingering(self) -> None:
        """End now what nobody wants any more."""
        self._tell_of(self._wanted())

    def _tell_of(self, wanted: Demand | None) -> None:
        if wanted != self.told:
            self.told = wanted
            self._tell(wanted)

    def _wanted(self) -> Demand | None:
        selection = union_of(subscription.selection for subscription in self._hub.subscriptions)
        return None if selection is None else Demand(selection, self._path())
