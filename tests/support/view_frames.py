"""Frames with given pixels, as a client receives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct, Header, Key
from panoseti_daq.pff.timing import TAI_MINUS_UTC_S

NOW_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z
FILE = "start_2026-01-01T04:34:46Z.dp_{}.bpp_{}.module_{}.seqno_3.pff"


def frame_of(
    image: npt.NDArray[Any] | float,
    product: DataProduct = DataProduct.IMG16,
    module_id: int = 7,
    *,
    quabo: int = 0,
    unix_s: float = NOW_S,
    clocks_differ_s: int = 0,
    silent: Iterable[int] = (),
    frame_number: int = 1,
) -> ReceivedFrame:
    """A frame of an image, or of one value for all pixels; `unix_s` 0 for no time."""
    pixels = np.broadcast_to(np.asarray(image), product.shape).astype(product.dtype).tobytes()
    n = 1 if product.one_quabo else 4
    seconds, ns = divmod(round(unix_s * 1e6) * 1000, 1_000_000_000)  # a float has no more digits
    header = Header(
        pkt_num=(1,) * n,
        pkt_tai=((seconds + TAI_MINUS_UTC_S + clocks_differ_s) % 1024,) * n,
        pkt_nsec=(ns,) * n,
        tv_sec=tuple(0 if quabo in silent else seconds for quabo in range(n)),
        tv_usec=(ns // 1000,) * n,
        quabo_num=quabo if product.one_quabo else None,
    )
    name = FILE.format(product.token, product.bytes_per_pixel, module_id)
    delivery = Delivery("localhost")
    return ReceivedFrame(product, module_id, name, frame_number, pixels, header, delivery=delivery)


def by_key(*frames: ReceivedFrame) -> dict[Key, ReceivedFrame]:
    """As a viewer gets them."""
    return {frame.key: frame for frame in frames}


def corner(row: int, column: int, value: int = 1000, size: int = 32) -> npt.NDArray[Any]:
    """Zeros, but for a bright pixel in one of the corners: 0 or -1 each."""
    image = np.zeros((size, size))
    image[row, column] = value
    return image
