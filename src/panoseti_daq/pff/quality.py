"""What is wrong with a frame: in its header, its pixels, and against the frame before it.

The names stand in the dict that clients get (``quality``), in Status and in the metrics; the numbers are those of
the wire. What the frame before tells holds within one file: there the writer leaves no frame out, and `pkt_num` of
each quabo advances by one (so in the night of 2024-07-25, without exception, in img16 and ph256), modulo 65536.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.product import DataProduct
from panoseti_daq.pff.quabos import CORNERS, MODULE_SIZE, N_QUABOS, quadrant
from panoseti_daq.pff.timing import TimeStatus

if TYPE_CHECKING:
    from panoseti_daq.pff.block import FrameBlock
    from panoseti_daq.pff.frame import Frame

_PKT_NUMS: Final = 65536
_PROBE_BYTES: Final = 8  # of each quadrant, looked at first: hardly ever all zero, so the rest need not be read
_FILES: Final = 2  # of a module and product, that grow at the same time: at a rotation the old one gets its rest


class Quality(enum.IntFlag):
    """What is wrong with a frame; 0 when nothing is."""

    MISSING_QUABO_0 = 1
    """Its header is all zero: there was no packet of it."""
    MISSING_QUABO_1 = 2
    MISSING_QUABO_2 = 4
    MISSING_QUABO_3 = 8
    ZERO_QUADRANT_0 = 16
    """All its pixels are zero, though its header is there."""
    ZERO_QUADRANT_1 = 32
    ZERO_QUADRANT_2 = 64
    ZERO_QUADRANT_3 = 128
    ZERO_IMAGE = 256
    """Every pixel is zero; no zero quadrants are told then."""
    PACKET_GAP = 512
    """The packet counter of a quabo is not the one that follows that of the frame before."""
    TIME_BACKWARDS = 1024
    """The time is before that of the frame before."""
    HOST_CLOCK = 2048
    """The time is that of the host clock, for White Rabbit disagrees."""
    NO_TIME = 4096
    """No quabo reported a time."""


IN_SEQUENCE: Final = Quality.PACKET_GAP | Quality.TIME_BACKWARDS
"""What one frame alone does not tell."""
ALL_FLAGS: Final = sum(Quality)
_PACKET_GAP: Final = int(Quality.PACKET_GAP)  # arithmetic of IntFlag takes ten times as long
_TIME_BACKWARDS: Final = int(Quality.TIME_BACKWARDS)
NAMES: Final = {flag.value: str(flag.name).lower() for flag in Quality}
"""Name of each flag, by its number."""

_OF_STATUS: Final = {
    TimeStatus.WHITE_RABBIT: 0,
    TimeStatus.HOST_CLOCK: int(Quality.HOST_CLOCK),
    TimeStatus.NO_TIME: int(Quality.NO_TIME),
}
_STATUS_FLAGS: Final = np.array([_OF_STATUS[status] for status in TimeStatus], np.uint16)
_QUABO_BITS: Final = 1 << np.arange(N_QUABOS, dtype=np.uint16)
_QUADRANT_SHIFT: Final = N_QUABOS


def names_of(quality: int) -> tuple[str, ...]:
    """Names of the flags that are set, such as ``('missing_quabo_2',)``; flags that are not known are left out."""
    return tuple(name for flag, name in NAMES.items() if quality & flag) if quality else ()


def quality_of(frame: Frame) -> int:
    """Flags of a frame by itself: all but `IN_SEQUENCE`."""
    header, product = frame.header, frame.product
    flags = _OF_STATUS[frame.time.status]
    missing = 0
    if not all(header.tv_sec):
        first = (header.quabo_num or 0) % N_QUABOS
        missing = sum(1 << (first + i) for i, tv_sec in enumerate(header.tv_sec) if not tv_sec)
    pixels = frame.pixels
    for begin in _PROBES[product]:
        if not pixels.startswith(_ZEROS, begin):
            continue
        if not any(pixels):
            flags |= Quality.ZERO_IMAGE
        elif not product.one_quabo:
            image = frame.image
            zero = sum(1 << i for i in range(N_QUABOS) if not image[quadrant(i)].any())
            flags |= (zero & ~missing) << _QUADRANT_SHIFT
        break
    return flags | missing


_ZEROS: Final = bytes(_PROBE_BYTES)
# Where the first pixels of each quadrant stand.
_PROBES: Final = {
    product: (0,)
    if product.one_quabo
    else tuple((row * MODULE_SIZE + column) * product.bytes_per_pixel for row, column in CORNERS)
    for product in DataProduct
}


def flags_of(block: FrameBlock) -> npt.NDArray[np.uint16]:
    """`quality_of` for every frame of a block, shape (n,); 0 where a header does not parse."""
    columns, product = block.columns, block.product
    flags = _STATUS_FLAGS[block.times[1]]
    is_missing = columns["tv_sec"] == 0
    if is_missing.any():
        bits = _QUABO_BITS[columns["quabo_num"] % N_QUABOS][:, np.newaxis] if product.one_quabo else _QUABO_BITS
        flags |= (is_missing * bits).sum(axis=1, dtype=np.uint16)
    words = _first_words(block)
    if not words.all():
        suspects = np.flatnonzero((words == 0).any(axis=1))
        images = block.images[suspects]
        is_zero = ~images.reshape(len(suspects), -1).any(axis=1)
        found = np.where(is_zero, np.uint16(Quality.ZERO_IMAGE), np.uint16(0))
        if not product.one_quabo:
            for i in range(N_QUABOS):
                zero = ~images[(slice(None), *quadrant(i))].any(axis=(1, 2)) & ~is_zero & ~is_missing[suspects, i]
                found |= zero.astype(np.uint16) << (_QUADRANT_SHIFT + i)
        flags[suspects] |= found
    if block.n_bad:
        flags[~block.valid] = 0
    return flags


def _first_words(block: FrameBlock) -> npt.NDArray[np.int64]:
    """The first pixels of each quadrant as a number, shape (n, quadrants)."""
    offsets = [block.layout.image_offset_bytes + begin for begin in _PROBES[block.product]]
    fields = [str(begin) for begin in offsets]
    word = np.dtype(
        {"names": fields, "formats": ["<i8"] * len(fields), "offsets": offsets,
         "itemsize": block.layout.frame_size_bytes}
    )  # fmt: skip
    frames: npt.NDArray[Any] = np.ndarray(len(block), word, buffer=block.data)
    return np.stack([frames[field] for field in fields], axis=1)


class _Before:
    """The last frames of a file: their packet counters and times, by quabo for ph256."""

    __slots__ = ("generation", "next_frame_number", "seen")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.next_frame_number = -1
        self.seen: dict[int, tuple[tuple[int, ...], tuple[int, ...], int]] = {}  # pkt_num, tv_sec, unix_ns


class QualityCheck:
    """Quality of the frames of one module and product, block after block; for one thread.

    Remembers the last frame of each key in the two newest files.
    """

    def __init__(self) -> None:
        self._files: dict[str, _Before] = {}

    def __call__(self, block: FrameBlock) -> list[int] | npt.NDArray[np.uint16]:
        """Flags of each frame, length n; 0 where a header does not parse."""
        before = self._before(block)
        if block.is_small:
            return self._check_each(block, before)
        flags, (unix_ns, _) = flags_of(block), block.times
        pkt_num, tv_sec = block.columns["pkt_num"], block.columns["tv_sec"]
        valid = block.valid
        if not block.product.one_quabo:
            _check_columns(
                flags, pkt_num, tv_sec, unix_ns, None if valid.all() else np.flatnonzero(valid), before, 0
            )
            return flags
        for quabo in range(N_QUABOS):
            rows = np.flatnonzero(valid & (block.columns["quabo_num"] == quabo))
            if rows.size:
                _check_columns(flags, pkt_num, tv_sec, unix_ns, rows, before, quabo)
        return flags

    def _before(self, block: FrameBlock) -> _Before:
        before = self._files.get(block.file)
        is_next = before is not None and before.next_frame_number == block.first_frame_number
        if before is None or before.generation != block.generation or not is_next:
            before = self._files[block.file] = _Before(block.generation)
            if len(self._files) > _FILES:
                del self._files[min(self._files, key=lambda file: self._files[file].generation)]
        before.next_frame_number = block.first_frame_number + len(block)
        return before

    def _check_each(self, block: FrameBlock, before: _Before) -> list[int]:
        flags = []
        for frame in block.few:
            if frame is None:
                flags.append(0)
                continue
            header, unix_ns = frame.header, frame.time.unix_ns
            found = quality_of(frame)
            key = header.quabo_num or 0
            if (last := before.seen.get(key)) is not None:
                found |= _after(last, header.pkt_num, header.tv_sec, unix_ns)
            before.seen[key] = header.pkt_num, header.tv_sec, unix_ns
            flags.append(found)
        return flags


def _after(
    last: tuple[tuple[int, ...], tuple[int, ...], int],
    pkt_num: tuple[int, ...],
    tv_sec: tuple[int, ...],
    unix_ns: int,
) -> int:
    """Flags of a frame after another one; a quabo that is missing in either tells nothing."""
    found = 0
    for number, number_before, is_there, was_there in zip(pkt_num, last[0], tv_sec, last[1], strict=True):
        if number != number_before + 1 and is_there and was_there and (number - number_before - 1) % _PKT_NUMS:
            found = _PACKET_GAP
    if unix_ns and unix_ns < last[2]:
        found |= _TIME_BACKWARDS
    return found


def _check_columns(
    flags: npt.NDArray[np.uint16],
    pkt_num: npt.NDArray[np.int64],
    tv_sec: npt.NDArray[np.int64],
    unix_ns: npt.NDArray[np.int64],
    rows: npt.NDArray[np.intp] | None,
    before: _Before,
    key: int,
) -> None:
    """`_after` for the frames of one key, which are these rows; all if None."""
    if rows is not None:
        if not rows.size:
            return
        pkt_num, tv_sec, unix_ns = pkt_num[rows], tv_sec[rows], unix_ns[rows]
    jumps = ((pkt_num[1:] - pkt_num[:-1] - 1) & (_PKT_NUMS - 1)) != 0
    found = np.zeros(len(unix_ns), np.uint16)
    if jumps.any():
        is_gap = (jumps & (tv_sec[1:] != 0) & (tv_sec[:-1] != 0)).any(axis=1)
        found[1:] |= is_gap * np.uint16(Quality.PACKET_GAP)
    is_back = unix_ns[1:] < unix_ns[:-1]
    if is_back.any():
        found[1:] |= (is_back & (unix_ns[1:] != 0)) * np.uint16(Quality.TIME_BACKWARDS)
    if (last := before.seen.get(key)) is not None:
        found[0] |= _after(last, tuple(pkt_num[0].tolist()), tuple(tv_sec[0].tolist()), int(unix_ns[0]))
    before.seen[key] = tuple(pkt_num[-1].tolist()), tuple(tv_sec[-1].tolist()), int(unix_ns[-1])
    if rows is None:
        flags |= found
    else:
        flags[rows] |= found
