"""Frames as a client receives them, with chosen pixels and times, and clocks that stand until they are moved."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct, Header, Key
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S
from panoseti_daq.viewers.modules import BySource, Module, Source

NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z
DETECTED_NS = 1_767_225_600_000_000_000
FILE = "start_2026-01-01T04:34:46Z.dp_{}.bpp_{}.module_{}.seqno_3.pff"


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
    silent: Collection[int] = (),
    clocks_differ_s: int = 0,
) -> ReceivedFrame:
    """A frame taken at `unix_ns` (0: without a time) and read then, if that is not long before `DETECTED_NS`.

    The `silent` quabos have no host time; White Rabbit is `clocks_differ_s` ahead of the host.
    """
    n = 1 if product.one_quabo else 4
    tv_sec, nsec = divmod(unix_ns, 1_000_000_000)
    header = Header(
        pkt_num=(number % 65536,) * n,
        pkt_tai=((tv_sec + TAI_MINUS_UTC_S + clocks_differ_s) % 1024,) * n,
        pkt_nsec=(nsec,) * n,
        tv_sec=tuple(0 if i in silent else tv_sec for i in range(n)),
        tv_usec=(nsec // 1000,) * n,
        quabo_num=quabo if product.one_quabo else None,
    )
    image = np.broadcast_to(np.asarray(pixels), product.shape).astype(product.dtype).tobytes()
    if detected_ns is None:
        detected_ns = max(unix_ns, DETECTED_NS)
    delivery = Delivery(host, 0, n_dropped, queued_ns)
    return ReceivedFrame(
        product, module_id, file, number, image, header, detected_unix_ns=detected_ns, delivery=delivery
    )


def frame_of(
    image: npt.NDArray[Any] | float,
    product: DataProduct = DataProduct.IMG16,
    module_id: int = 7,
    *,
    unix_s: float = NOW_S,
    frame_number: int = 1,
    **more: Any,
) -> ReceivedFrame:
    """A frame of an image, or of one value for all pixels; `unix_s` 0 for no time."""
    name = FILE.format(product.token, product.bytes_per_pixel, module_id)
    unix_ns = round(unix_s * 1e6) * 1000  # a float has no more digits
    place: dict[str, Any] = {"module_id": module_id, "file": name, "number": frame_number, "host": "localhost"}
    return received(product, image, unix_ns=unix_ns, **(place | more))


def by_key(*frames: ReceivedFrame) -> dict[Key, ReceivedFrame]:
    """As a viewer gets them."""
    return {frame.key: frame for frame in frames}


def by_source(*frames: ReceivedFrame) -> BySource:
    """As a feed hands them over."""
    return {Source.of(frame): frame for frame in frames}


def local(module_id: int) -> Module:
    """The module of the frames of `frame_of`."""
    return Module("localhost", module_id)


def corner(row: int, column: int, value: int = 1000, size: int = 32) -> npt.NDArray[Any]:
    """Zeros, but for a bright pixel in one of the corners: 0 or -1 each."""
    image = np.zeros((size, size))
    image[row, column] = value
    return image
