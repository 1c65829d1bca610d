"""Times as the commands print them, and the time that they run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from datetime import UTC, datetime


def iso_utc(unix_ns: int) -> str:
    """Return ``2024-07-25T04:34:52.779007488`` of UTC ns since 1970; ``NaT`` of 0, which stands for no time."""
    if not unix_ns:
        return "NaT"
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}"


async def for_duration(running: Awaitable[None], duration_s: float | None) -> None:
    """Run until it ends by itself or `duration_s` is over; None for no limit."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            await running
