"""Flaws of frames, from plain values: headers, times and pixels of one frame, or of many as arrays.

Frames and blocks ask here for their quality, and `quality.QualityCheck` for that of block after block.

A frame is compared with the one before it in its file: there the writer leaves no frame out, and `pkt_num` of each
quabo advances by one (so in the night of 2024-07-25, without exception, in img16 and ph256), modulo 65536.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq.pff.flags import Quality
from panoseti_daq.pff.header import Header
from panoseti_daq.pff.product import DataProduct, OpenArray
from panoseti_daq.pff.quabos import CORNERS, MODULE_SIZE, N_QUABOS, quadrant
from panoseti_daq.pff.timing import TimeStatus

if TYPE_CHECKING:
    import numpy.typing as npt

_PKT_NUMS: Final = 65536
_PACKET_GAP: Final = int(Quality.PACKET_GAP)  # arithmetic of IntFlag takes ten times as long
_TIME_BACKWARDS: Final = int(Quality.TIME_BACKWARDS)
_ZERO_IMAGE: Final = int(Quality.ZERO_IMAGE)
_QUADRANT_SHIFT: Final = N_QUABOS
_QUABO_BITS: Final = 1 << np.arange(N_QUABOS, dtype=np.uint16)
_OF_STATUS: Final = {
    TimeStatus.WHITE_RABBIT: 0,
    TimeStatus.HOST_CLOCK: int(Quality.HOST_CLOCK),
    TimeStatus.NO_TIME: int(Quality.NO_TIME),
}
_STATUS_FLAGS: Final = np.array([_OF_STATUS[status] for status in TimeStatus], np.uint16)

# The first pixels of each quadrant are checked first: they are hardly ever all zero, so the rest is rarely read.
_PROBE_BYTES: Final = 8
_NO_LIGHT: Final = bytes(_PROBE_BYTES)
_CORNERS: Final = {product: CORNERS[:1] if product.one_quabo else CORNERS for product in DataProduct}
_PROBES: Final = {
    product: tuple((row * MODULE_SIZE + column) * product.bytes_per_pixel for row, column in corners)
    for product, corners in _CORNERS.items()
}


def flaws_of(product: DataProduct, header: Header, status: TimeStatus, pixels: bytes | memoryview) -> int:
    """Return the flags that one frame shows by itself: all but `flags.IN_SEQUENCE`.

    Parameters
    ----------
    product
        Data product.
    header
        Its header.
    status
        Where its time comes from.
    pixels
        The image as it stands in the file.
    """
    flags = _OF_STATUS[status]
    missing = 0
    if not all(header.tv_sec):
        first = (header.quabo_num or 0) % N_QUABOS
        missing = sum(1 << (first + i) for i, tv_sec in enumerate(header.tv_sec) if not tv_sec)
    for begin in _PROBES[product]:
        if pixels[begin] or pixels[begin : begin + _PROBE_BYTES] != _NO_LIGHT:
            continue
        if not any(pixels):
            flags |= _ZERO_IMAGE
        elif not product.one_quabo:
            image = np.frombuffer(pixels, product.dtype).reshape(product.shape)
            zero = sum(1 << i for i in range(N_QUABOS) if not image[quadrant(i)].any())
            flags |= (zero & ~missing) << _QUADRANT_SHIFT
        break
    return flags | missing


def flaws_of_rows(
    product: DataProduct,
    columns: Mapping[str, npt.NDArray[np.int64]],
    statuses: npt.NDArray[np.uint8],
    images: OpenArray,
) -> npt.NDArray[np.uint16]:
    """`flaws_of` for n frames at once.

    Parameters
    ----------
    product
        Data product.
    columns
        Header fields by name, shape (n, quabos); ``quabo_num`` of ph256 has shape (n,).
    statuses
        `TimeStatus` of each frame, shape (n,).
    images
        All images, shape (n, rows, columns).

    Returns
    -------
    flags
        Of each frame, shape (n,).
    """
    flags = _STATUS_FLAGS[statuses]
    is_missing = columns["tv_sec"] == 0
    if is_missing.any():
        bits = _QUABO_BITS[columns["quabo_num"] % N_QUABOS][:, np.newaxis] if product.one_quabo else _QUABO_BITS
        flags |= (is_missing * bits).sum(axis=1, dtype=np.uint16)
    n_probed = _PROBE_BYTES // product.bytes_per_pixel
    # Corner after corner: then the processor fetches many rows at once.
    probes = [images[:, row, column : column + n_probed].view("<i8")[:, 0] for row, column in _CORNERS[product]]
    words: npt.NDArray[np.int64] = np.concatenate(probes)
    if not words.all():
        suspects = np.flatnonzero((words.reshape(len(probes), -1) == 0).any(axis=0))
        flags[suspects] |= _dark(images[suspects], is_missing[suspects], product)
    return flags


def _dark(images: OpenArray, is_missing: npt.NDArray[np.bool_], product: DataProduct) -> npt.NDArray[np.uint16]:
    """Flags of images and quadrants that are all zero; a quadrant whose quabo is missing has none."""
    is_zero = ~images.reshape(len(images), -1).any(axis=1)
    found = np.where(is_zero, np.uint16(_ZERO_IMAGE), np.uint16(0))
    if not product.one_quabo:
        for i in range(N_QUABOS):
            zero = ~images[(slice(None), *quadrant(i))].any(axis=(1, 2)) & ~is_zero & ~is_missing[:, i]
            found |= zero.astype(np.uint16) << (_QUADRANT_SHIFT + i)
    return found


class Previous:
    """The last frame of each quabo of ph256, or of the other products, with which the next one is compared."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        # pkt_num and tv_sec of its quabos, and unix_ns
        self._seen: dict[int, tuple[tuple[int, ...], tuple[int, ...], int]] = {}

    def compare(self, header: Header, unix_ns: int) -> int:
        """Return the flags of `IN_SEQUENCE` of the next frame, and remember it."""
        return self._compare(header.quabo_num or 0, header.pkt_num, header.tv_sec, unix_ns)

    def _compare(self, quabo: int, pkt_num: tuple[int, ...], tv_sec: tuple[int, ...], unix_ns: int) -> int:
        last = self._seen.get(quabo)
        self._seen[quabo] = pkt_num, tv_sec, unix_ns
        if last is None:
            return 0
        found = 0
        for number, before, is_there, was_there in zip(pkt_num, last[0], tv_sec, last[1], strict=True):
            # a quabo that is missing in either shows nothing
            if number != before + 1 and is_there and was_there and (number - before - 1) % _PKT_NUMS:
                found = _PACKET_GAP
        if unix_ns and unix_ns < last[2]:
            found |= _TIME_BACKWARDS
        return found


def compare_runs(
    runs: Sequence[tuple[Previous, int]],
    quabo: int,
    pkt_num: npt.NDArray[np.int64],
    tv_sec: npt.NDArray[np.int64],
    unix_ns: npt.NDArray[np.int64],
) -> npt.NDArray[np.uint16]:
    """`Previous.compare` for the next frames of one quabo of several files, one file after the other.

    Parameters
    ----------
    runs
        For each file the frames before, and the place of its first frame in the arrays: ascending from 0.
    quabo
        Which, for ph256; else 0.
    pkt_num, tv_sec
        Header fields, shape (n, quabos).
    unix_ns
        Times, shape (n,).
    """
    found = np.zeros(len(unix_ns), np.uint16)
    jumps = ((pkt_num[1:] - pkt_num[:-1] - 1) & (_PKT_NUMS - 1)) != 0
    if jumps.any():
        is_gap = (jumps & (tv_sec[1:] != 0) & (tv_sec[:-1] != 0)).any(axis=1)
        found[1:] |= is_gap * np.uint16(_PACKET_GAP)
    is_back = unix_ns[1:] < unix_ns[:-1]
    if is_back.any():
        found[1:] |= (is_back & (unix_ns[1:] != 0)) * np.uint16(_TIME_BACKWARDS)

    def row(i: int) -> tuple[tuple[int, ...], tuple[int, ...], int]:
        return tuple(pkt_num[i].tolist()), tuple(tv_sec[i].tolist()), int(unix_ns[i])

    ends = [first for _, first in runs[1:]] + [len(found)]
    for (previous, first), end in zip(runs, ends, strict=True):
        found[first] = previous._compare(quabo, *row(first))
        previous._seen[quabo] = row(end - 1)
    return found
