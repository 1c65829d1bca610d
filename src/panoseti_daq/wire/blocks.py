"""StreamFramesResponse, both ways: blocks of frames with as few copies as gRPC allows.

Protobuf copies what it reads, twice. The frames are the last field of a StreamFramesResponse, so they are put
behind the rest of the message, and found there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from google.protobuf.message import DecodeError

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import PffError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import DataProduct, FrameBlock, Gap, Layout, Position, Stretch
from panoseti_daq.pff.layout import MAX_HEADER_BYTES
from panoseti_daq.pff.room import ROOM_BYTES, Room
from panoseti_daq.varint import as_varint, read_varint
from panoseti_daq.wire.position import position_message, position_of

_DATA_TAG: Final = pb.StreamFramesResponse.DATA_FIELD_NUMBER << 3 | 2
# Wire types of protobuf, and how many bytes of value they have.
_VARINT, _LENGTH = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_MOST_LENGTH_BYTES: Final = 5  # protobuf takes a length of as many, also where fewer would do


@dataclass(frozen=True, slots=True)
class BlockMessage:
    """A StreamFramesResponse in two parts.

    Attributes
    ----------
    head
        Everything but the frames.
    data
        The frames; when received, a view into the message.
    room
        Where they are, if they were read for this message.
    """

    head: pb.StreamFramesResponse
    data: bytes | memoryview = b""
    room: Room | None = None

    def serialize(self) -> bytes:
        """Return the whole message. Frames that have room are part of it, and not here any more."""
        head, n_bytes = self.head.SerializeToString(), len(self.data)
        if not n_bytes:
            return head
        if self.room is not None and isinstance(self.data, memoryview):
            before = _as_long_as_the_room(head, n_bytes)
            if before and (whole := self.room.fill(before, self.data)) is not None:
                return whole
        return b"".join((head, as_varint(_DATA_TAG), as_varint(n_bytes), self.data))

    @classmethod
    def parse(cls, message: bytes) -> Self:
        """Parts of a message.

        Raises
        ------
        DecodeError
            The bytes are no such message.
        """
        at, end = 0, len(message)
        try:
            while at < end:
                begin = at
                tag, at = read_varint(message, at)
                value, after = read_varint(message, at) if tag & 7 in (_VARINT, _LENGTH) else (0, at)
                if tag == _DATA_TAG and after + value == end:
                    head = pb.StreamFramesResponse.FromString(message[:begin])
                    head.ClearField("data")  # what a sender filled its room with
                    return cls(head, memoryview(message)[after:])
                at = after + (value if tag & 7 == _LENGTH else _FIXED.get(tag & 7, 0))
        except IndexError:
            raise DecodeError(f"a StreamFramesResponse ends within a field, after {end} bytes") from None
        head = pb.StreamFramesResponse.FromString(message)  # the frames are missing, or stand elsewhere
        return cls(head, head.data)


def write_item(item: Stretch | Gap | Position, sequence: int) -> BlockMessage:
    """Return the message of frames, of a gap, or of where the reading of a module and product begins.

    Parameters
    ----------
    item
        What a server's reader has read.
    sequence
        Place in the stream, 0-based.
    """
    first = item if isinstance(item, Position) else item.first
    head = pb.StreamFramesResponse(sequence=sequence, first=position_message(first))
    if isinstance(item, Gap):
        head.frames, head.gap = item.n_frames or 0, item.reason
    elif isinstance(item, Stretch):
        head.frames, head.detected_unix_ns = len(item.block), item.block.detected_unix_ns
        data = item.block.data
        return BlockMessage(head, data if isinstance(data, memoryview) else memoryview(data), item.room)
    return BlockMessage(head)


@dataclass(frozen=True, eq=False)
class ReceivedBlock(FrameBlock):
    """Consecutive frames of one file, as a server sent them.

    Attributes
    ----------
    host
        DAQ node they come from.
    run
        Base name of the run directory.
    sequence
        Place of this message in the stream of that host, 0-based.
    """

    host: str = ""
    run: str = ""
    sequence: int = 0

    def __getstate__(self) -> OpenDict:
        return self.__dict__ | {"data": bytes(self.data)}  # a view cannot be pickled

    def __repr__(self) -> str:
        return f"<ReceivedBlock {self.host} {self.file}#{self.first_frame_number}, {len(self)} frames>"


class BlockDecoder:
    """Blocks and gaps of the responses of one stream.

    Keeps known layouts: finding one takes longer than the rest of a block.
    """

    def __init__(self) -> None:
        self._layouts: dict[tuple[DataProduct, int], Layout] = {}

    def __call__(self, message: BlockMessage, host: str) -> ReceivedBlock | Gap:
        """Block or gap of a message.

        Raises
        ------
        PffError
            The message holds no frames of a known data product.
        """
        response, data = message.head, message.data
        first = position_of(response.first)
        if response.gap:
            return Gap(first, response.frames or None, response.gap, host)
        if not (first.run and first.file):
            raise PffError(f"a block of {first.product.token} without the name of its run or file")
        return ReceivedBlock(
            data,
            self._layout(data, len(data) // max(1, response.frames), first.product),
            first.module_id,
            first.file,
            first.frame_number,
            detected_unix_ns=response.detected_unix_ns,
            host=host,
            run=first.run,
            sequence=response.sequence,
        )

    def _layout(self, data: bytes | memoryview, frame_size_bytes: int, product: DataProduct) -> Layout:
        key = product, frame_size_bytes
        layout = self._layouts.get(key)
        if layout is None or not layout.is_valid(bytes(data[: layout.header_size_bytes])):
            layout = self._layouts[key] = _discover(data, frame_size_bytes, product)
        return layout


def _discover(data: bytes | memoryview, frame_size_bytes: int, product: DataProduct) -> Layout:
    """Layout of a block; the header of its first frame may be damaged."""
    # A frame is larger than its image: a smaller size means that the message announces too many.
    begins = range(0, len(data), frame_size_bytes) if frame_size_bytes > product.image_size_bytes else ()
    for begin in begins:
        try:
            layout = Layout.discover(bytes(data[begin : begin + MAX_HEADER_BYTES]), product)
        except PffError:
            continue
        if layout is not None and layout.frame_size_bytes == frame_size_bytes:
            return layout
    raise PffError(f"a block of {len(data)} bytes without one whole {product.token} header")


def _as_long_as_the_room(head: bytes, n_bytes: int) -> bytes:
    """Return what stands before `n_bytes` of frames in `ROOM_BYTES`; empty if it needs more.

    The rest is filled with zeros as the value of the field `data`, of which protobuf takes the last.
    """
    tag = as_varint(_DATA_TAG)
    n_zeros = ROOM_BYTES - len(head) - 2 * (len(tag) + _MOST_LENGTH_BYTES)
    if n_zeros < 0:
        return b""
    zeros, frames = (as_varint(n, _MOST_LENGTH_BYTES) for n in (n_zeros, n_bytes))
    return b"".join((head, tag, zeros, bytes(n_zeros), tag, frames))
