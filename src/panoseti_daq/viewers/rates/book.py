"""Rates, ages and drops of every key, as servers report them or as counted here. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Key, TimeStatus
from panoseti_daq.viewers.charts.series import FrameCounter, TimeSeries, oldest_first

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb

SPAN_S: Final = 600.0
CAPACITY: Final = 1200  # samples in SPAN_S
SEEN_OVER_S: Final = 10.0  # as long as the servers average over
_SILENT_AFTER_PERIODS: Final = 5  # a server that was silent for this long counts as one that reports nothing

Group = tuple[int | None, str]
"""Module and token of the product; None for all modules."""


@dataclass(frozen=True, slots=True)
class KeyRate:
    """State of one key of one host.

    Attributes
    ----------
    module_id
        Telescope module.
    product
        Data product.
    quabo
        Of ph256; None for all of them together.
    rate_hz
        Frames per second; NaN when there are no reports any more.
    bytes_per_s
        The same in bytes; without the headers when it is not the server that tells.
    unix_ns
        Time of the newest frame, UTC ns since 1970.
    as_of_ns
        When the server said so, UTC ns since 1970: the age of then counts, not how long ago one asked. None for
        now.
    """

    module_id: int
    product: DataProduct
    quabo: int | None
    rate_hz: float
    bytes_per_s: float
    unix_ns: int
    as_of_ns: int | None = None

    @property
    def name(self) -> str:
        """Short name for a table."""
        quabo = "" if self.quabo is None else f" Q{self.quabo}"
        return f"{self.module_id} {self.product.token}{quabo}"

    def age_s(self, now_ns: int) -> float:
        """Age of the newest frame, s."""
        return max(0.0, ((self.as_of_ns or now_ns) - self.unix_ns) / 1e9)


@dataclass(slots=True)
class HostBook:
    """State of one host.

    Attributes
    ----------
    keys
        As the server tells them; else as they are seen.
    n_dropped
        Frames that it dropped because a client was slow.
    n_streams
        Clients it streams to; None when it does not tell.
    told_at
        Monotonic time of its last status, s; None for a server that does not tell.
    began_ns, uptime_ns
        When it began at the earliest, by its own clock, UTC ns, and how long it had run at its last status, ns.
    drops
        `n_dropped` over time.
    seen
        For one that does not tell: the frames of each key, and when how many were written.
    stream_drops
        What each stream had dropped at the last status.
    """

    keys: dict[Key, KeyRate] = field(default_factory=dict)
    n_dropped: int = 0
    n_streams: int | None = None
    told_at: float | None = None
    began_ns: int = 0
    uptime_ns: int = 0
    drops: TimeSeries = field(default_factory=lambda: TimeSeries(CAPACITY))
    seen: dict[Key, tuple[FrameCounter, TimeSeries]] = field(default_factory=dict)
    stream_drops: dict[str, int] = field(default_factory=dict)


class RateBook:
    """Collect what servers report and what frames show, and sample it for charts.

    The report of a server counts; for one without reports (an older one) arriving frames are counted:
    frame numbers show how many were written, the quabos of ph256 together, because they share a file.

    **Holds** `CAPACITY` samples per module and product, per product, and per host; the oldest is replaced.

    Parameters
    ----------
    period_s
        Time between two statuses, s.
    monotonic, wall_ns
        Clocks: s, and UTC ns since 1970.
    """

    def __init__(
        self,
        period_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.hosts: dict[str, HostBook] = {}
        self.samples: dict[Group, TimeSeries] = {}
        self._period_s = period_s
        self._monotonic = monotonic
        self._wall_ns = wall_ns
        self._sampled_at = -np.inf

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames; they count for hosts that report nothing."""
        for frame in oldest_first(frames.values()):
            host = self.hosts.setdefault(frame.host, HostBook())
            if host.told_at is None:
                self._see(host, frame)

    def update_status(self, host: str, status: pb.StatusResponse) -> None:
        """Take the status of a server."""
        book = self.hosts.setdefault(host, HostBook())
        if book.told_at is None:
            book.n_dropped = 0
        book.told_at = self._monotonic()
        as_of_ns = self._status_ns(book, status)
        rates = [_told(key, as_of_ns) for key in status.keys]
        book.keys = {Key(rate.module_id, rate.product, rate.quabo): rate for rate in rates}
        book.n_streams = len(status.streams)
        # A stream that ends takes its count along; what it dropped stays dropped.
        before, book.stream_drops = book.stream_drops, {stream.peer: stream.dropped for stream in status.streams}
        book.n_dropped += sum(max(0, n - before.get(peer, 0)) for peer, n in book.stream_drops.items())

    def rates(self, host: str) -> list[KeyRate]:
        """Keys of a host as they stand now."""
        book, now = self.hosts[host], self._monotonic()
        if book.told_at is None:
            return [_seen_rate(rate, book.seen[key][1], now) for key, rate in book.keys.items()]
        if now - book.told_at > _SILENT_AFTER_PERIODS * max(1.0, self._period_s):
            return [
                replace(rate, rate_hz=np.nan, bytes_per_s=np.nan, as_of_ns=None) for rate in book.keys.values()
            ]
        return list(book.keys.values())

    @property
    def began_s(self) -> float:
        """Time of the oldest sample, UTC s since 1970."""
        return min(float(series.times_s[0]) for series in self.samples.values())

    def sample(self) -> None:
        """Add a point to each series, unless the last one is too recent."""
        now, now_ns = self._monotonic(), self._wall_ns()
        if now - self._sampled_at < SPAN_S / CAPACITY:
            return
        groups: dict[Group, list[KeyRate]] = {}
        for host in self.hosts:
            for rate in self.rates(host):
                groups.setdefault((rate.module_id, rate.product.token), []).append(rate)
        if not groups:
            return
        self._sampled_at = now
        for book in self.hosts.values():
            book.drops.append(now_ns / 1e9, book.n_dropped)
        for group, rates in groups.items():
            self._append(group, now_ns, [_together(rates, now_ns)])
        for token in {token for _, token in groups}:
            self._append((None, token), now_ns, [_together(r, now_ns) for g, r in groups.items() if g[1] == token])

    def _status_ns(self, book: HostBook, status: pb.StatusResponse) -> int:
        """When a server said this, UTC ns: without this all ages would be too large by up to a refresh period.

        A frame that the server read before it answered tells when that was at the earliest; where this is too long
        ago, now counts.
        """
        now_ns, uptime_ns = self._wall_ns(), round(1e9 * status.uptime_seconds)
        read_ns = max((key.detected_unix_ns for key in status.keys), default=0)
        began_ns = max(read_ns - uptime_ns, book.began_ns if uptime_ns >= book.uptime_ns else 0)
        book.began_ns, book.uptime_ns = began_ns, uptime_ns
        said_ns = began_ns + uptime_ns
        return said_ns if now_ns - 2e9 * self._period_s <= said_ns <= now_ns else now_ns

    def _append(self, group: Group, now_ns: int, rates: list[tuple[float, float, float]]) -> None:
        """Sum of frames/s and of bytes/s, oldest age; then the least frames/s and the middle age."""
        if group not in self.samples:
            self.samples[group] = TimeSeries(CAPACITY, 5)
        frames, sizes, ages = np.array(rates).T
        values = known_sum(frames), known_sum(sizes), ages.max(), np.nan_to_num(frames).min(), np.median(ages)
        self.samples[group].append(now_ns / 1e9, *map(float, values))

    def _see(self, host: HostBook, frame: ReceivedFrame) -> None:
        key = Key(frame.module_id, frame.product, None)
        counter, seen = host.seen.setdefault(key, (FrameCounter(), TimeSeries(256)))
        seen.append(self._monotonic(), counter.advance(frame))
        known = frame.time.status is not TimeStatus.NO_TIME
        unix_ns = frame.time.unix_ns if known else frame.detected_unix_ns or self._wall_ns()
        host.keys[key] = KeyRate(*key, 0.0, 0.0, unix_ns)
        host.n_dropped = max(host.n_dropped, frame.n_dropped)


def _told(status: pb.KeyStatus, now_ns: int) -> KeyRate:
    return KeyRate(
        status.module_id,
        DataProduct.from_token(status.product),
        status.quabo if status.HasField("quabo") else None,
        status.frames_per_second,
        status.bytes_per_second,
        status.unix_ns or status.detected_unix_ns,
        now_ns,
    )


def _seen_rate(rate: KeyRate, seen: TimeSeries, now: float) -> KeyRate:
    """With the frames written between the first and the last receipt of the last `SEEN_OVER_S`, per second."""
    recent = seen.times_s >= now - SEEN_OVER_S
    times_s, n_frames = seen.times_s[recent], seen.values[recent, 0]
    covered_s = now - times_s[0] if len(times_s) > 1 else 0.0
    rate_hz = float(n_frames[1:].sum() / covered_s) if covered_s > 0 else 0.0
    return replace(rate, rate_hz=rate_hz, bytes_per_s=rate_hz * rate.product.image_size_bytes)


def _together(rates: list[KeyRate], now_ns: int) -> tuple[float, float, float]:
    """Frames/s and bytes/s of some keys together, and the age of the oldest, s."""
    return (
        known_sum([rate.rate_hz for rate in rates]),
        known_sum([rate.bytes_per_s for rate in rates]),
        max(rate.age_s(now_ns) for rate in rates),
    )


def known_sum(values: npt.ArrayLike) -> float:
    """Sum of what is known; NaN when nothing is."""
    known = np.asarray(values)[~np.isnan(values)]
    return float(known.sum()) if len(known) else np.nan
