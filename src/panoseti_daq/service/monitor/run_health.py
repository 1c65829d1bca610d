"""Whether what is followed grows while a run is active: what the health service tells.

That no frame comes is no fault as long as nothing is recorded. When the probe (SPEC 4.1) says that a run is active
and there is no frame, either the writer hangs or we follow the wrong place; both need somebody to look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.service.acquisition import PROBE_INTERVAL_S, Acquisition
from panoseti_daq.sources.probe import why_inactive

_log = logging.getLogger(__name__)

_LOOK_INTERVAL_S: Final = 1.0  # compares two numbers


async def watch_growth(
    acquisition: Acquisition, settings: ServerSettings, tell: Callable[[bool], Awaitable[None]]
) -> None:
    """Keep `acquisition.stalled` true to the facts; runs until it is cancelled.

    Without a probe there is nothing to compare with, and nothing is ever stalled.

    Parameters
    ----------
    acquisition
        What is followed.
    settings
        The probe and ``stalled_run_seconds``.
    tell
        Called with whether all is well, each time that this changes.
    """
    limit_s, probe = settings.stalled_run_seconds, settings.run_probe
    if limit_s is None or probe is RunProbe.NONE:
        return
    loop = asyncio.get_running_loop()
    next_probe = loop.time()
    while True:
        await asyncio.sleep(min(_LOOK_INTERVAL_S, limit_s / 4))
        now, following, stalled = loop.time(), acquisition.following, acquisition.stalled
        if following is None or not following.config.data_dir or now - following.hub.last_frame_at < limit_s:
            stalled, next_probe = "", now
        elif now >= next_probe:
            next_probe = now + PROBE_INTERVAL_S
            inactive = await asyncio.to_thread(why_inactive, probe, Path(following.config.data_dir))
            stalled = "" if inactive else f"a run is active ({probe}), but no frame came for {limit_s:g} s or more"
        if bool(stalled) != bool(acquisition.stalled):
            if stalled:
                _log.warning("not serving: %s", stalled)
            else:
                _log.info("serving again")
            acquisition.stalled = stalled
            await tell(not stalled)
