"""Times as the commands print them."""

from __future__ import annotations

from datetime import UTC, datetime


def iso_utc(unix_ns: int) -> str:
    """Return ``2024-07-25T04:34:52.779007488`` of UTC ns since 1970; ``NaT`` of 0, which stands for no time."""
    if not unix_ns:
        return "NaT"
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ns:09d}"
