"""Time of a frame: the White Rabbit rule (SPEC 1.7).

A quabo packet carries 10 bits of TAI seconds and nanoseconds from White Rabbit; the DAQ host adds its own
clock. Together they give the time to the nanosecond, as long as the two differ by at most one second.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

TAI_MINUS_UTC_S: Final = 37  # leap seconds since 2017-01-01; none is announced
_TAI_PERIOD_S: Final = 1024  # pkt_tai has 10 bits
_NS: Final = 1_000_000_000

# (tv_sec - pkt_tai + 37) mod 1024 -> seconds to add to tv_sec
_SECONDS_TO_ADD: Final = {0: 0, 1: -1, _TAI_PERIOD_S - 1: 1}


class TimeStatus(enum.IntEnum):
    """Where the time of a frame comes from; the numbers are those of the wire."""

    WHITE_RABBIT = 0
    """Both clocks agree: exact to the nanosecond."""
    HOST_CLOCK = 1
    """The clocks differ by more than a second: the host clock, to the microsecond, is the best estimate."""
    NO_TIME = 2
    """No quabo reported a time, or it is none: beyond the year 2255, which nothing here can hold in ns."""


MAX_S: Final = 9_000_000_000  # of host clocks: as ns, with what is added, it fits into 64 bits
_MAX_REST: Final = 100_000_000_000_000  # ns or us


class FrameTime(NamedTuple):
    """Time of a frame.

    Attributes
    ----------
    unix_ns
        UTC nanoseconds since 1970; 0 when `status` is NO_TIME.
    status
        Where it comes from.
    """

    unix_ns: int
    status: TimeStatus


def resolve(
    pkt_tai: int, pkt_nsec: int, tv_sec: int, tv_usec: int, tai_minus_utc_s: int = TAI_MINUS_UTC_S
) -> FrameTime:
    """Time of one quabo packet from its four clock fields.

    Parameters
    ----------
    pkt_tai, pkt_nsec
        White Rabbit: TAI seconds modulo 1024, and nanoseconds.
    tv_sec, tv_usec
        DAQ host clock: Unix seconds and microseconds; zero seconds mean that there was no packet.
    tai_minus_utc_s
        Leap seconds.
    """
    if tv_sec == 0 or abs(tv_sec) > MAX_S or abs(pkt_nsec) > _MAX_REST or abs(tv_usec) > _MAX_REST:
        return FrameTime(0, TimeStatus.NO_TIME)
    add_s = _SECONDS_TO_ADD.get((tv_sec - pkt_tai + tai_minus_utc_s) % _TAI_PERIOD_S)
    if add_s is None:
        return FrameTime(tv_sec * _NS + tv_usec * 1000, TimeStatus.HOST_CLOCK)
    return FrameTime((tv_sec + add_s) * _NS + pkt_nsec, TimeStatus.WHITE_RABBIT)


def resolve_columns(
    pkt_tai: npt.NDArray[np.int64],
    pkt_nsec: npt.NDArray[np.int64],
    tv_sec: npt.NDArray[np.int64],
    tv_usec: npt.NDArray[np.int64],
    tai_minus_utc_s: int = TAI_MINUS_UTC_S,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """`resolve` for n packets at once.

    Parameters
    ----------
    pkt_tai, pkt_nsec, tv_sec, tv_usec
        Arrays of shape (n,).
    tai_minus_utc_s
        Leap seconds.

    Returns
    -------
    unix_ns, status
        Arrays of shape (n,); the values of `FrameTime`.
    """
    ahead_s = tv_sec - pkt_tai
    ahead_s += tai_minus_utc_s + 1
    ahead_s &= _TAI_PERIOD_S - 1  # modulo; a division takes far longer
    ahead_s -= 1  # of the host: where both agree at most 1
    unix_ns = tv_sec - ahead_s
    unix_ns *= _NS
    unix_ns += pkt_nsec
    status = np.zeros(len(unix_ns), np.uint8)  # WHITE_RABBIT
    disagree, no_time = ahead_s > 1, tv_sec == 0
    for numbers, most in ((tv_sec, MAX_S), (pkt_nsec, _MAX_REST), (tv_usec, _MAX_REST)):
        no_time |= np.abs(numbers) > most
    if (disagree | no_time).any():
        np.copyto(unix_ns, tv_sec * _NS + tv_usec * 1000, where=disagree)
        status[disagree] = TimeStatus.HOST_CLOCK
        unix_ns[no_time], status[no_time] = 0, TimeStatus.NO_TIME
    return unix_ns, status
