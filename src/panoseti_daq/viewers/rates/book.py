"""Rates, ages and drops of every key, as servers report them or as counted here. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.viewers.charts.series import FrameCounter, TimeSeries, oldest_first
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.modules import Module

if TYPE_CHECKING:
    from panoseti_daq._proto import daq_data_pb2 as pb

SPAN_S: Final = 600.0
CAPACITY: Final = 1200  # samples in SPAN_S
SEEN_OVER_S: Final = 10.0  # as long as the servers average over
_SILENT_AFTER_PERIODS: Final = 5  # a server that was silent for this long counts as one that reports nothing

Group = tuple[Module | None, str]
"""Module and token of the product; None for all modules."""


@dataclass(frozen=True, slots=True)
class KeyRate:
    """State of one key of one host."""

    module_id: int
    product: DataProduct
    quabo: int | None  # Of ph256; None for all of them together
    rate_hz: float  # Frames per second; 0 when there are no reports any more
    bytes_per_s: float  # The same in bytes; without the headers when they are counted here
    age_s: float  # Age of the newest frame, s, by the server's clock: of a server that reports, when it did so

    @property
    def name(self) -> str:
        """Short name for a table."""
        quabo = "" if self.quabo is None else f" Q{self.quabo}"
        return f"{self.module_id} {self.product.token}{quabo}"


@dataclass(slots=True)
class HostBook:
    """State of one host."""

    keys: dict[Key, KeyRate] = field(default_factory=dict)  # As the server reports them; else as they are seen
    n_dropped: int = 0  # Frames that it dropped because a client was slow
    n_streams: int | None = None  # Clients it streams to; None when it does not report them
    reported_at: float | None = None  # Monotonic time of its last status, s; None without one
    drops: TimeSeries = field(default_factory=lambda: TimeSeries(CAPACITY))  # `n_dropped` over time
    # For one that does not report: when the newest frame of each key was taken, on the book's clock
    taken_s: dict[Key, float] = field(default_factory=dict)
    # Likewise the frames of each key, and when how many were written
    seen: dict[Key, tuple[FrameCounter, TimeSeries]] = field(default_factory=dict)
    stream_drops: dict[str, int] = field(default_factory=dict)  # What each stream had dropped at the last status


class RateBook:
    """Collect what servers report and what frames show, and sample it for charts.

    The report of a server counts; for one without reports (an older one) arriving frames are counted:
    frame numbers show how many were written, the quabos of ph256 together, because they share a file.

    **Holds** `CAPACITY` samples per module and product, per product, and per host; the oldest is replaced.
    """

    def __init__(
        self,
        period_s: float,  # Time between two statuses, s
        clock: Clock | None = None,  # Where ages are counted
        wall_ns: Callable[[], int] = time.time_ns,  # UTC of this computer, ns since 1970: for the axis
    ) -> None:
        self.hosts: dict[str, HostBook] = {}
        self.samples: dict[Group, TimeSeries] = {}
        self._period_s = period_s
        self._clock = clock or Clock()
        self._wall_ns = wall_ns
        self._sampled_at = -np.inf

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take frames; they count for hosts that report nothing."""
        for frame in oldest_first(frames.values()):
            host = self.hosts.setdefault(frame.host, HostBook())
            if host.reported_at is None:
                self._see(host, frame)

    def update_status(self, host: str, status: pb.StatusResponse) -> None:
        """Take the status of a server."""
        book = self.hosts.setdefault(host, HostBook())
        if book.reported_at is None:
            book.n_dropped = 0
        book.reported_at = self._clock.now_s()
        server_ns = _now_of(status) or self._wall_ns()
        rates = [_reported(key, server_ns) for key in status.keys]
        book.keys = {Key(rate.module_id, rate.product, rate.quabo): rate for rate in rates}
        book.n_streams = len(status.streams)
        # A stream that ends takes its count along; what it dropped stays dropped.
        before, book.stream_drops = book.stream_drops, {stream.peer: stream.dropped for stream in status.streams}
        book.n_dropped += sum(max(0, n - before.get(peer, 0)) for peer, n in book.stream_drops.items())

    def rates(self, host: str) -> list[KeyRate]:
        """Keys of a host as they stand now."""
        book, now = self.hosts[host], self._clock.now_s()
        if book.reported_at is None:
            return [_seen_rate(rate, book.seen[key][1], now, book.taken_s[key]) for key, rate in book.keys.items()]
        if self.is_silent(host):  # what it said last is old by now
            silent_s = now - book.reported_at
            return [
                replace(rate, rate_hz=0.0, bytes_per_s=0.0, age_s=rate.age_s + silent_s)
                for rate in book.keys.values()
            ]
        return list(book.keys.values())

    def is_silent(self, host: str) -> bool:
        """Whether a server that reports has not done so for long."""
        reported_at = self.hosts[host].reported_at
        if reported_at is None:
            return False
        return self._clock.now_s() - reported_at > _SILENT_AFTER_PERIODS * max(1.0, self._period_s)

    @property
    def began_s(self) -> float:
        """Time of the oldest sample, UTC s since 1970."""
        return min(float(series.times_s[0]) for series in self.samples.values())

    def sample(self) -> None:
        """Add a point to each series, unless the last one is too recent."""
        now, now_ns = self._clock.now_s(), self._wall_ns()
        if now - self._sampled_at < SPAN_S / CAPACITY:
            return
        groups: dict[Group, list[KeyRate]] = {}
        for host in self.hosts:
            for rate in self.rates(host):
                groups.setdefault((Module(host, rate.module_id), rate.product.token), []).append(rate)
        if not groups:
            return
        self._sampled_at = now
        for book in self.hosts.values():
            book.drops.append(now_ns / 1e9, book.n_dropped)
        for group, rates in groups.items():
            self._append(group, now_ns, [together(rates)])
        for token in {token for _, token in groups}:
            self._append((None, token), now_ns, [together(r) for g, r in groups.items() if g[1] == token])

    def _append(self, group: Group, now_ns: int, rates: list[tuple[float, float, float]]) -> None:
        """Sum of frames/s and of bytes/s, oldest age; then the least frames/s and the middle age."""
        if group not in self.samples:
            self.samples[group] = TimeSeries(CAPACITY, 5)
        frames, sizes, ages = np.array(rates).T
        values = frames.sum(), sizes.sum(), ages.max(), frames.min(), np.median(ages)
        self.samples[group].append(now_ns / 1e9, *map(float, values))

    def _see(self, host: HostBook, frame: ReceivedFrame) -> None:
        key = Key(frame.module_id, frame.product, None)
        counter, seen = host.seen.setdefault(key, (FrameCounter(), TimeSeries(256)))
        seen.append(self._clock.now_s(), counter.advance(frame))
        taken_s = self._clock.taken_s(frame)
        host.taken_s[key] = self._clock.read_s(frame) if np.isnan(taken_s) else taken_s
        host.keys[key] = KeyRate(*key, 0.0, 0.0, 0.0)
        host.n_dropped = max(host.n_dropped, frame.n_dropped)


def _now_of(status: pb.StatusResponse) -> int:
    """When a server answered, by its own clock, UTC ns; 0 when it does not say of any frame how old it is."""
    known = (key.unix_ns + round(1e9 * key.age_seconds) for key in status.keys if key.HasField("age_seconds"))
    return next(known, 0)


def _reported(status: pb.KeyStatus, server_ns: int) -> KeyRate:
    age_s = (server_ns - (status.unix_ns or status.detected_unix_ns)) / 1e9
    return KeyRate(
        status.module_id,
        DataProduct.from_token(status.product),
        status.quabo if status.HasField("quabo") else None,
        status.frames_per_second,
        status.bytes_per_second,
        max(0.0, age_s),
    )


def _seen_rate(rate: KeyRate, seen: TimeSeries, now_s: float, taken_s: float) -> KeyRate:
    """With the frames written between the first and the last receipt of the last `SEEN_OVER_S`, per second."""
    recent = seen.times_s >= now_s - SEEN_OVER_S
    times_s, n_frames = seen.times_s[recent], seen.values[recent, 0]
    covered_s = now_s - times_s[0] if len(times_s) > 1 else 0.0
    rate_hz = float(n_frames[1:].sum() / covered_s) if covered_s > 0 else 0.0
    size = rate.product.image_size_bytes
    return replace(rate, rate_hz=rate_hz, bytes_per_s=rate_hz * size, age_s=max(0.0, now_s - taken_s))


def together(rates: list[KeyRate]) -> tuple[float, float, float]:
    """Frames/s and bytes/s of some keys together, and the age of the oldest, s."""
    return (
        sum(rate.rate_hz for rate in rates),
        sum(rate.bytes_per_s for rate in rates),
        max((rate.age_s for rate in rates), default=0.0),
    )
