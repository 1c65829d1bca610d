"""Servers behind the images: what they follow, which is lost, and why nothing comes. No Qt."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq.client import ReceivedFrame

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb
    from panoseti_daq.viewers.host.feed import HostState


class HostNotes:
    """What is known of the servers."""

    def __init__(self) -> None:
        self.statuses: dict[str, pb.StatusResponse] = {}
        self.why_waiting = ""  # Why there may be no image
        self._module_hosts: dict[int, str] = {}

    def update(self, frames: Iterable[ReceivedFrame]) -> None:
        """Take frames: which module is of which host."""
        self._module_hosts.update((frame.module_id, frame.delivery.host) for frame in frames)

    def update_hosts(self, states: Mapping[str, HostState]) -> dict[int, str]:
        """Take how it stands with the hosts; return the modules of lost ones, and what is said of them."""
        reasons = [f"{host}: {state.reason}" for host, state in states.items() if state.reason]
        self.why_waiting = "\n".join(reasons)
        if states and not reasons:
            ask = f"panoseti-daq status --host {next(iter(states))}"
            self.why_waiting = f"connected, and nothing is written. Is a run active?\n{ask}"
        lost = {host for host, state in states.items() if not state.connected}
        return {m: f"{host} lost" for m, host in self._module_hosts.items() if host in lost}

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
        texts += [_receiver_text(receiver) for one in statuses for receiver in one.receivers]
        return [*texts, time.strftime("%H:%M:%S UTC", time.gmtime())]


def _receiver_text(receiver: pb.Receiver) -> str:
    """Return what a GNSS receiver says, short: a long line would make the window wide."""
    if not receiver.connected:
        return f"GNSS {receiver.name} NOT READ"
    parts = [receiver.fix or "no message yet"]
    if receiver.HasField("satellites"):
        parts.append(f"{receiver.satellites} satellites")
    if receiver.HasField("time_accuracy_ns"):
        parts.append(f"{receiver.time_accuracy_ns:.0f} ns")
    if receiver.HasField("qerr_ps"):
        parts.append(f"qErr {receiver.qerr_ps:.0f} ps")
    if receiver.HasField("utc_valid") and not receiver.utc_valid:
        parts.append("UTC NOT valid")
    if receiver.leap_second_ahead:
        parts.append(f"LEAP SECOND {receiver.leap_second_ahead:+d}")
    return f"GNSS {', '.join(parts)}"
