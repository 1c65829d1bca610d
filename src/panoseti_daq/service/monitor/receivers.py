"""GNSS receivers in the status: fix, satellites, accuracy, and the leap second that is ahead."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.open_types import OpenDict

if TYPE_CHECKING:
    from panoseti_daq.gnss import GnssReceiver

_FIXES: Final = {0: "no fix", 1: "dead reckoning", 2: "2D", 3: "3D", 4: "GNSS and dead reckoning", 5: "time only"}
TAI_GPS_S: Final = 19  # TAI - GPS, for ever


def receiver_status(receiver: GnssReceiver) -> pb.Receiver:
    """Return the state of a receiver, from its newest messages."""
    newest = receiver.newest
    row = pb.Receiver(
        name=receiver.source.name,
        source=receiver.source.source,
        connected=not receiver.reason,
        reason=receiver.reason,
        messages=receiver.n_messages,
        other_bytes=receiver.n_other_bytes,
        dropped=receiver.n_dropped,
    )
    if newest:
        row.age_seconds = (time.time_ns() - max(one.unix_ns for one in newest.values())) / 1e9
    fields = {name: one.fields for name, one in newest.items()}
    if fix := fields.get("NAV-PVT"):
        row.fix = _FIXES.get(fix["fixType"], str(fix["fixType"])) if fix.get("gnssFixOk", 1) else "no fix"
        row.satellites = fix["numSV"]
    _time(row, fields)
    row.text = _text(row)
    return row


def _time(row: pb.Receiver, fields: OpenDict) -> None:
    if utc := fields.get("NAV-TIMEUTC"):
        row.time_accuracy_ns = utc["tAcc"]
        row.utc_valid = bool(utc["validUTC"])
    if (pulse := fields.get("TIM-TP")) and not pulse.get("qErrInvalid"):
        row.qerr_ps = pulse["qErr"]
    if leap := fields.get("NAV-TIMELS"):
        if leap["validCurrLs"]:
            row.leap_seconds = leap["currLs"]
        if leap["validTimeToLsEvent"]:
            ahead = leap["timeToLsEvent"] > 0
            row.leap_second_ahead = leap["lsChange"] if ahead else 0
            if row.leap_second_ahead:
                row.leap_second_in_seconds = leap["timeToLsEvent"]


def _text(row: pb.Receiver) -> str:
    if not row.connected:
        return f"NOT READ: {row.reason}"
    parts = [row.fix]
    if row.HasField("satellites"):
        parts.append(f"{row.satellites} satellites")
    if row.HasField("time_accuracy_ns"):
        parts.append(f"time to {row.time_accuracy_ns:.0f} ns")
    if row.HasField("qerr_ps"):
        parts.append(f"qErr {row.qerr_ps:.0f} ps")
    if row.HasField("utc_valid") and not row.utc_valid:
        parts.append("UTC NOT valid")
    if row.HasField("leap_seconds"):
        parts.append(f"TAI-UTC {row.leap_seconds + TAI_GPS_S} s")
    if row.leap_second_ahead:
        parts.append(f"LEAP SECOND {row.leap_second_ahead:+d} in {row.leap_second_in_seconds / 86400:.1f} days")
    return ", ".join(filter(None, parts)) or "no message yet"
