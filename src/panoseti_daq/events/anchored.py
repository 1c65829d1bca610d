"""The anchored window: which events of different modules are coincident.

::

    module 1   a                    d
    module 3     b                        e
    module 5         c
               |--window--|         |--window--|        a anchors {a, b, c}, then the search continues after them;
               anchor               anchor              d anchors {d, e}

The earliest event that is left opens a window and takes the events of other modules in it, of each the one nearest
to where it is expected. It is a coincidence when they stand in enough different domes. Everything is whole
nanoseconds: a float64 Unix time has steps of 238 ns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Nanoseconds = npt.NDArray[np.int64]
Modules = npt.NDArray[np.uint8]
Choices = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CoincidenceWindow:
    """Which events are coincident.

    Attributes
    ----------
    window_ns
        How far two events may be from where they are expected, ns, inclusive.
    host_window_ns
        The same when one of the two has the time of the host clock; None when such events take no part.
    offsets_ns
        By pair of modules, the lower id first: how much later the second is expected to see an event, ns.
    domes
        Dome of each module that does not stand alone in one.
    multiplicity
        Number of different domes.
    """

    window_ns: int
    host_window_ns: int | None = None
    offsets_ns: Mapping[tuple[int, int], int] = field(default_factory=dict)
    domes: Mapping[int, str] = field(default_factory=dict)
    multiplicity: int = 2

    @property
    def reach_ns(self) -> int:
        """Events that are farther apart are never coincident."""
        offsets = map(abs, self.offsets_ns.values())
        return max(self.window_ns, self.host_window_ns or 0) + max(offsets, default=0)

    def dome(self, module_id: int) -> str:
        """Dome of a module."""
        return self.domes.get(module_id, f"module {module_id}")

    def off_by_ns(self, first: tuple[int, int, bool], second: tuple[int, int, bool]) -> int | None:
        """Return the distance of the second event (time, module, by host clock) from its time; None if too far."""
        (t_1, module_1, by_host_1), (t_2, module_2, by_host_2) = first, second
        if module_1 <= module_2:
            offset_ns = self.offsets_ns.get((module_1, module_2), 0)
        else:
            offset_ns = -self.offsets_ns.get((module_2, module_1), 0)
        limit_ns = self.host_window_ns if by_host_1 or by_host_2 else self.window_ns
        off_ns = abs(t_2 - t_1 - offset_ns)
        return off_ns if limit_ns is not None and off_ns <= limit_ns else None


def coincident(
    unix_ns: Nanoseconds, module_ids: Modules, by_host: Choices, window: CoincidenceWindow, before_ns: int
) -> tuple[list[list[int]], Choices]:
    """Groups of coincident events.

    Parameters
    ----------
    unix_ns, module_ids, by_host
        Time of each event, in rising order; its module; whether the time is that of the host clock. Shape (n,).
    window
        Which are coincident.
    before_ns
        Only events before this time are anchors.

    Returns
    -------
    groups
        Indices of the events of each coincidence, in order of time.
    is_done
        Which events are no longer needed: those before `before_ns`, and members of a group, shape (n,).
    """
    is_done = unix_ns < before_ns
    groups: list[list[int]] = []
    is_close = np.diff(unix_ns) <= window.reach_ns
    if not is_close.any():
        return groups, is_done
    # Runs of events of which each is close to the next: coincidences are inside of them.
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_close, [False])).astype(np.int8)))
    for begin, end in edges.reshape(-1, 2).tolist():
        columns = (column[begin : end + 1].tolist() for column in (unix_ns, module_ids, by_host))
        events = list(zip(*columns, strict=True))
        for group in _in_run(events, window, before_ns):
            indices = [begin + i for i in group]
            groups.append(indices)
            is_done[indices] = True
    return groups, is_done


def _in_run(events: list[tuple[int, int, bool]], window: CoincidenceWindow, before_ns: int) -> list[list[int]]:
    groups: list[list[int]] = []
    used: set[int] = set()
    for i, anchor in enumerate(events):
        if anchor[0] >= before_ns:
            break
        if i in used:
            continue
        nearest: dict[int, tuple[int, int]] = {}  # module -> how far off, and which event
        for j in range(i + 1, len(events)):
            if events[j][0] - anchor[0] > window.reach_ns:
                break
            module_id = events[j][1]
            if j in used or module_id == anchor[1] or (off_ns := window.off_by_ns(anchor, events[j])) is None:
                continue
            nearest[module_id] = min(nearest.get(module_id, (off_ns, j)), (off_ns, j))
        members = [i, *sorted(j for _, j in nearest.values())]
        if len({window.dome(events[j][1]) for j in members}) >= window.multiplicity:
            groups.append(members)
            used.update(members)
    return groups
