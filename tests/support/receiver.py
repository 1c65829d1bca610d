"""A receiver of u-blox: messages as it sends them."""

from __future__ import annotations

from typing import Any

from pyubx2 import GET, UBXMessage


def ubx(name: str, **fields: Any) -> bytes:
    """A message of these fields; the others are 0."""
    data: bytes = UBXMessage(name.partition("-")[0], name, GET, **fields).serialize()
    return data


def second(i: int) -> bytes:
    """What a fixed receiver of timing sends at second `i` of the week, with NMEA between."""
    return (
        ubx("NAV-PVT", iTOW=1000 * i, fixType=5, gnssFixOk=1, numSV=21)
        + b"$GNRMC,no,ubx*00\r\n"
        + ubx("NAV-TIMEUTC", iTOW=1000 * i, tAcc=5, validUTC=1)
        + ubx("NAV-TIMELS", iTOW=1000 * i, currLs=18, validCurrLs=1, validTimeToLsEvent=1, timeToLsEvent=-10)
        + ubx("TIM-TP", towMS=1000 * (i + 1), qErr=-123 + i, week=2300, utc=1)
    )
