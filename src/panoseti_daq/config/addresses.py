"""Which addresses only this machine can reach."""

from __future__ import annotations

import ipaddress


def is_local(host: str) -> bool:
    """Whether what is sent to a host name, an IP address or a ``unix:`` path stays on this machine."""
    if host.startswith("unix:") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
