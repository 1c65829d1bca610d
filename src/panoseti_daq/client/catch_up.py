"""Catching up after the event loop stood still: what waited in gRPC is read before an image is handed out."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from panoseti_daq.client.loop_watch import LoopWatch
from panoseti_daq.client.retry import HostReader

PASS_S: Final = 0.002  # let readers run for so long at a time
QUIET_S: Final = 0.03  # an old frame after which nothing came for so long is the newest that there is
LIMIT_S: Final = 0.25  # at most, whatever comes
STALE_S: Final = 0.02  # older than the youngest frame lately: there are newer ones
N_AGES: Final = 128  # frames that are "lately"
# What gRPC's window (64 KiB) and a message of the server, which waited for it, hold; frames of ph256 have 0.6 kB.
MOST_THAT_WAITED: Final = 150

_Response = TypeVar("_Response")


class CatchUp(Generic[_Response]):
    """Knows whether images may be old because the event loop stood still, and lets readers read newer ones.

    A host has caught up when what came last is about as young as its frames are lately (of a server that says when
    it found them; its clock need not agree with ours), when nothing more comes, or when more came than can have
    waited.

    Parameters
    ----------
    found_unix_ns
        Returns when the server found the frame of a response, 0 when it does not say.
    """

    def __init__(self, found_unix_ns: Callable[[_Response], int]) -> None:
        self._found_unix_ns = found_unix_ns
        self._watch = LoopWatch()
        self._ages_ns: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=N_AGES))

    def note(self, host: str, response: _Response) -> None:
        """Take note of the age of an image that is handed out."""
        if (age_ns := self._age_ns(response)) is not None:
            self._ages_ns[host].append(age_ns)

    async def wait(self, hosts: Iterable[HostReader[_Response]]) -> None:
        """Wait until the readers have caught up; at once when the event loop did not stand still."""
        if not self._watch.stood_still():
            return
        loop = asyncio.get_running_loop()
        begin = loop.time()
        behind = {host: (host.n_read, host.n_read, begin) for host in hosts}  # at first, before, when one came
        while behind and loop.time() < begin + LIMIT_S:
            await asyncio.sleep(PASS_S)
            now = loop.time()
            after = {h: (n, h.n_read, now if h.n_read > last else at) for h, (n, last, at) in behind.items()}
            behind = {
                host: (n_first, n_read, at)
                for host, (n_first, n_read, at) in after.items()
                if n_first < n_read < n_first + MOST_THAT_WAITED and now < at + self._patience_s(host)
            }

    def _patience_s(self, host: HostReader[_Response]) -> float:
        """Return how long to wait for a newer frame than the last one of a host."""
        age_ns = None if host.last is None else self._age_ns(host.last)
        if age_ns is None:
            return PASS_S
        ages_ns = self._ages_ns[host.host]
        return QUIET_S if not ages_ns or age_ns > min(ages_ns) + STALE_S * 1e9 else 0.0

    def _age_ns(self, response: _Response) -> int | None:
        found_unix_ns = self._found_unix_ns(response)
        return time.time_ns() - found_unix_ns if found_unix_ns else None

    def close(self) -> None:
        """End the watch."""
        self._watch.close()
