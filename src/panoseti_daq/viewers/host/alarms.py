"""Alarms of a window: what is wrong now, what of it is new, and what was acknowledged. No Qt."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from panoseti_daq.viewers.host.feed import HostState
from panoseti_daq.viewers.host.times import age_text


class Alarms:
    """Knows which alarms are new and which ones somebody has seen.

    An alarm that ends is forgotten, so that it is new when it comes again.
    """

    def __init__(self) -> None:
        self._now: set[str] = set()
        self._acknowledged: set[str] = set()

    def update(self, now: Iterable[str]) -> set[str]:
        """Take the names of what is wrong now; return those that are new."""
        before, self._now = self._now, set(now)
        self._acknowledged &= self._now
        return self._now - before

    @property
    def is_open(self) -> bool:
        """Whether there is an alarm that nobody has acknowledged."""
        return bool(self._now - self._acknowledged)

    def acknowledge(self) -> None:
        """Let all alarms of now be seen."""
        self._acknowledged = set(self._now)


def missing_hosts(states: Mapping[str, HostState]) -> dict[str, str]:
    """What to say about each host that does not stream."""
    return {host: _missing_text(host, state) for host, state in states.items() if not state.connected}


def _missing_text(host: str, state: HostState) -> str:
    ago_s = time.monotonic() - state.since
    since = datetime.fromtimestamp(time.time() - ago_s, UTC)
    what = "lost" if state.was_connected else "not connected"
    return f"{host} {what} since {since:%H:%M:%S} UTC ({age_text(ago_s)}): {state.reason}"
