"""Notification of systemd: ready, alive and stopping (sd_notify(3)); elsewhere it does nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

_log = logging.getLogger(__name__)


@asynccontextmanager
async def notifying(status: str) -> AsyncIterator[None]:
    """Notify that the server is ready, that it is alive during the ``async with`` block, then that it stops.

    Parameters
    ----------
    status
        Line that ``systemctl status`` shows.
    """
    notify(f"READY=1\nSTATUS={status}")
    interval_s = watchdog_interval_s(os.environ)
    async with asyncio.TaskGroup() as tasks:
        pinging = tasks.create_task(_ping_watchdog(interval_s), name="ping watchdog") if interval_s else None
        try:
            yield
        finally:
            if pinging is not None:
                pinging.cancel()
            notify("STOPPING=1\nSTATUS=stopping")


def notify(state: str) -> None:
    """Send `state`, ``KEY=VALUE`` lines, to the service manager that started us, if one did; never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # an abstract name
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address)
    except OSError as error:
        _log.warning(
            "cannot notify the service manager of %s: %s", state.partition("\n")[0], error.strerror or error
        )


def watchdog_interval_s(environment: Mapping[str, str]) -> float | None:
    """Time between two pings, half of what the service manager allows; None when it requires none."""
    allowed_us, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not allowed_us.isdecimal() or not int(allowed_us) or pid not in ("", str(os.getpid())):
        return None
    return int(allowed_us) / 2e6


async def _ping_watchdog(interval_s: float) -> None:
    """Ping until it is cancelled; from the event loop, so that a server whose loop hangs is restarted."""
    while True:
        notify("WATCHDOG=1")
        await asyncio.sleep(interval_s)
