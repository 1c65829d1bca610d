"""Background of coincidences: how many chance gives, counted on the same events with modules shifted in time.

For each of N shifts every module is delayed by a time of its own, so that no two keep their true distance. What
is coincident then is so by chance, whatever the rates do: bursts, clouds, dawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from panoseti_daq.events.anchored import Choices, CoincidenceWindow, Modules, Nanoseconds, coincident

_PRIME: Final = 257  # above every module id, so that all modules are shifted differently by each shift
_STEP_NS: Final = 250_000_000  # longer than bursts; the longest delay is a minute
_EVERY_NS: Final = 1_000_000_000  # of data time: counting has a price per call


def delays_ns(shift: int, module_ids: Modules) -> Nanoseconds:
    """Delay of each module in a shift (1, 2, ...), ns, shape (n,); any two differ by 0.25 s or more."""
    return shift * (module_ids.astype(np.int64) + 1) % _PRIME * _STEP_NS


class Background:
    """Counts coincidences of shifted events.

    Parameters
    ----------
    n_shifts
        How many shifts; 0 for no background.
    window
        Which events are coincident.

    Attributes
    ----------
    n_found
        Coincidences over all shifts.
    """

    def __init__(self, n_shifts: int, window: CoincidenceWindow) -> None:
        self.n_found = 0
        self.n_shifts = n_shifts
        self._window = window
        none = np.zeros(0, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.bool_)
        self._pending: list[tuple[Nanoseconds, Modules, Choices]] = [none] * n_shifts
        self._new: list[tuple[int, int, bool]] = []
        self._counted_ns: int | None = None

    @property
    def expected(self) -> float:
        """Coincidences that chance gives in the time that was looked at."""
        return self.n_found / self.n_shifts if self.n_shifts else float("nan")

    def add(self, unix_ns: int, module_id: int, by_host: bool) -> None:
        """Take an event; events come in order of time."""
        self._new.append((unix_ns, module_id, by_host))

    def count_before(self, watermark_ns: int) -> None:
        """Count; no event before this time comes later on."""
        if self._counted_ns is not None and watermark_ns < self._counted_ns + _EVERY_NS:
            return
        self._counted_ns = watermark_ns
        new_ns = np.array([event[0] for event in self._new], np.int64)
        modules = np.array([event[1] for event in self._new], np.uint8)
        by_host = np.array([event[2] for event in self._new], np.bool_)
        self._new.clear()
        for i, (pending_ns, pending_modules, pending_by_host) in enumerate(self._pending):
            unix_ns = np.concatenate((pending_ns, new_ns + delays_ns(i + 1, modules)))
            all_modules = np.concatenate((pending_modules, modules))
            all_by_host = np.concatenate((pending_by_host, by_host))
            order = np.lexsort((all_modules, unix_ns))
            unix_ns, all_modules, all_by_host = unix_ns[order], all_modules[order], all_by_host[order]
            before_ns = watermark_ns - self._window.reach_ns
            groups, is_done = coincident(unix_ns, all_modules, all_by_host, self._window, before_ns)
            self.n_found += len(groups)
            self._pending[i] = unix_ns[~is_done], all_modules[~is_done], all_by_host[~is_done]
