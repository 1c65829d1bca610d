"""Run health: stalled when a run is active but no frame arrives; for status, metrics and the health service.

Missing frames are no fault while nothing is recorded. When the probe (SPEC 4.1) finds an active run and no frame
arrives, either the writer hangs or the wrong directory is followed; both need an operator.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.service.acquisition import Acquisition
from panoseti_daq.service.streams import Following
from panoseti_daq.service.threads import in_own_thread
from panoseti_daq.sources.probe import why_inactive

_log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 1.0  # compares two numbers
_N_BURSTS_LATE: Final = 3  # the writer hands out blocks of packets, minutes apart when they are few (SPEC 1.5)
_LEAST_LATE_S: Final = 60.0
PATIENCE_S: Final = 10.0  # for a probe
PROBE_INTERVAL_S: Final = 10.0  # reads /proc or the directory tree


class RunHealth:
    """Comparison of what is followed with what is recorded; the one place that probes for a run periodically.

    For one event loop; the probe runs in a thread, one at a time.

    Parameters
    ----------
    acquisition
        What is followed.
    settings
        The probe and ``stalled_run_seconds``.
    probe_interval_s
        Time between two probes; less when ``stalled_run_seconds`` is short.
    patience_s
        Longest wait for one, s: a disk may hang.

    Attributes
    ----------
    stalled
        Why what is followed seems not to be what is recorded; empty when all is well.
    """

    def __init__(
        self,
        acquisition: Acquisition,
        settings: ServerSettings,
        probe_interval_s: float = PROBE_INTERVAL_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._acquisition = acquisition
        self._probe = settings.run_probe
        self._limit_s = settings.stalled_run_seconds or math.inf
        self._interval_s = min(probe_interval_s, self._limit_s / 4)
        self._following: Following | None = None  # to which the next two belong
        self._inactive: str | None = None  # why no run is active, by the last probe
        self._probing: asyncio.Future[str | None] | None = None
        self._hangs = ""  # what does not answer
        self._next_probe = 0.0
        self.stalled = ""

    async def watch(self, report: Callable[[bool], Awaitable[None]]) -> None:
        """Keep `stalled` true to the facts, and log when a run begins or ends; run until cancelled.

        Without a probe there is nothing to compare with: nothing is ever stalled, and this returns.

        Parameters
        ----------
        report
            Called with whether all is well, each time that this changes.
        """
        if self._probe is RunProbe.NONE:
            return
        while True:
            await asyncio.sleep(min(LOOK_INTERVAL_S, self._interval_s))
            stalled, before = await self._look(), self.stalled
            if bool(stalled) != bool(before):
                if stalled:
                    _log.warning("stalled: %s", stalled)
                else:
                    _log.info("no longer stalled")
                self.stalled = stalled
                await report(not stalled)

    async def _look(self) -> str:
        """Return why what is followed seems not to be what is recorded; probe when it is time."""
        now, following = asyncio.get_running_loop().time(), self._acquisition.following
        if following is not self._following:
            self._following, self._inactive, self._next_probe = following, None, now + self._interval_s
            self._probing, self._hangs = None, ""
        if following is None or not following.config.data_dir:
            return ""
        if now >= self._next_probe:
            self._next_probe = now + self._interval_s
            await self._probe_run(Path(following.config.data_dir))
        if self._hangs:
            return self._hangs
        limit_s, burst_s = self._limit_s, following.hub.burst_interval_s
        if burst_s:
            limit_s = max(min(limit_s, _LEAST_LATE_S), _N_BURSTS_LATE * burst_s)
        if self._inactive or now - following.hub.last_frame_at < limit_s:
            return ""
        return f"a run is active ({self._probe}), but no frame arrived for {limit_s:.3g} s or more"

    async def _probe_run(self, data_dir: Path) -> None:
        was_inactive = self._inactive
        probing = self._probing or in_own_thread("probe the run", why_inactive, self._probe, data_dir)
        self._probing = probing
        done, _ = await asyncio.wait((probing,), timeout=self._patience_s)
        if not done:
            self._hangs = f"{data_dir} does not answer"
            return
        self._inactive, self._probing, self._hangs = probing.result(), None, ""
        if self._inactive and not was_inactive:
            _log.warning("no run is active in %s: %s; still following it", data_dir, self._inactive)
        elif was_inactive and not self._inactive:
            _log.info("a run is active in %s", data_dir)
