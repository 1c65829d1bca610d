"""Servers behind the images: what they follow, which is lost, and why nothing comes. No Qt."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.host.feed import HostState


class HostNotes:
    """What is known of the servers."""

    def __init__(self) -> None:
        self.statuses: dict[str, pb.StatusResponse] = {}
        self.why_waiting = ""  # Why there may be no image

    def update_hosts(self, states: Mapping[str, HostState]) -> dict[str, str]:
        """Take how it stands with the hosts; return the lost ones, and what is said of their modules."""
        reasons = [f"{host}: {state.reason}" for host, state in states.items() if state.reason]
        self.why_waiting = "\n".join(reasons)
        if states and not reasons:
            ask = f"panoseti-daq status --host {next(iter(states))}"
            self.why_waiting = f"connected, and nothing is written. Is a run active?\n{ask}"
        return {host: f"{host} lost" for host, state in states.items() if not state.connected}

    def texts(self) -> list[str]:
        """Which runs are followed, for how long the disks last, and how well the time is known; UTC."""
        statuses = self.statuses.values()
        texts = []
        hours = [disk.hours_left for one in statuses for disk in one.disks if disk.HasField("hours_left")]
        names = [Path(str(one.followed.description)).name for one in statuses if one.HasField("followed")]
        runs = ", ".join(dict.fromkeys(filter(None, names)))
        if statuses:
            texts.append(f"run {runs}" if runs else "no run")
            texts.append(f"recording, disk {min(hours):.0f} h" if hours else "not recording")
        texts += (
            f"GNSS {one.text}" if one.connected else f"GNSS {one.name} NOT READ"  # the reason would be long
            for status in statuses
            for one in status.receivers
        )
        return [*texts, time.strftime("%H:%M:%S UTC", time.gmtime())]
