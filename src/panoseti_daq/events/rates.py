"""Rates of module events over the last hour, and the accidental coincidences they lead one to expect."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Collection
from typing import Final

_NS: Final = 1_000_000_000
OVER_NS: Final = 3600 * _NS
_LEAST_NS: Final = 10 * _NS  # a rate over less says nothing
_PRUNE_AT: Final = 4096  # events of a module


class EventRates:
    """Events per second of each module; add them in order of time."""

    def __init__(self) -> None:
        self._times: dict[int, array[int]] = {}
        self._first_ns: int | None = None

    def add(self, unix_ns: int, module_id: int) -> None:
        """Take an event."""
        if self._first_ns is None:
            self._first_ns = unix_ns
        times = self._times.setdefault(module_id, array("q"))
        times.append(unix_ns)
        if len(times) % _PRUNE_AT == 0:
            del times[: bisect_left(times, unix_ns - OVER_NS)]

    def per_s(self, module_id: int, at_ns: int) -> float:
        """Mean rate of a module in the hour before `at_ns`, or since the first event."""
        times = self._times.get(module_id)
        if times is None or self._first_ns is None:
            return 0.0
        begin_ns = max(self._first_ns, at_ns - OVER_NS)
        n_events = bisect_left(times, at_ns) - bisect_left(times, begin_ns)
        return n_events * _NS / max(_LEAST_NS, at_ns - begin_ns)

    def accidentals_per_hour(self, module_ids: Collection[int], window_ns: int, at_ns: int) -> float:
        """Expected coincidences of all these modules per hour, were each a Poisson process of its rate.

        The events of n modules lie within a window of length tau with the rate n tau^(n-1) R_1 ... R_n: for two
        and +-tau the well-known 2 tau R_1 R_2.
        """
        n = len(module_ids)
        product = math.prod(self.per_s(module_id, at_ns) for module_id in module_ids)
        return 3600 * n * (window_ns / _NS) ** (n - 1) * product
