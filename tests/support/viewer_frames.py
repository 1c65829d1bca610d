"""Frames as a viewer gets them, with chosen pixels and times, and clocks that stand until they are moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct, Header, Key
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S

DETECTED_NS = 1_767_225_600_000_000_000


class Clock:
    """A monotonic clock and UTC that advance together."""

    def __init__(self) -> None:
        self._ns = 0

    def advance(self, seconds: float) -> None:
        self._ns += round(seconds * 1e9)

    def monotonic(self) -> float:
        return 1000 + self._ns / 1e9

    def wall_ns(self) -> int:
        return DETECTED_NS + self._ns


def received(
    product: DataProduct,
    pixels: Any = 0,
    *,
    module_id: int = 7,
    quabo: int = 0,
    number: int = 0,
    file: str = "a.pff",
    unix_ns: int = DETECTED_NS,
    detected_ns: int | None = None,
    queued_ns: int = 0,
    host: str = "node",
    n_dropped: int = 0,
) -> ReceivedFrame:
    """A frame taken at `unix_ns` (0: without a time) and read then, if that is not long before `DETECTED_NS`."""
    n = 1 if product.one_quabo else 4
    tv_sec, nsec = divmod(unix_ns, 1_000_000_000)
    tai = (tv_sec + TAI_MINUS_UTC_S) % 1024
    clocks = ((tai,) * n, (nsec,) * n, (tv_sec,) * n, (nsec // 1000,) * n)
    header = Header((number % 65536,) * n, *clocks, quabo_num=quabo if product.one_quabo else None)
    image = np.broadcast_to(np.asarray(pixels), product.shape).astype(product.dtype)
    if detected_ns is None:
        detected_ns = max(unix_ns, DETECTED_NS)
    delivery, pixels = Delivery(host, 0, n_dropped, queued_ns), image.tobytes()
    return ReceivedFrame(
        product, module_id, file, number, pixels, header, detected_unix_ns=detected_ns, delivery=delivery
    )


def by_key(*frames: ReceivedFrame) -> Mapping[Key, ReceivedFrame]:
    """As a viewer gets them."""
    return {frame.key: frame for frame in frames}
