"""StreamFramesResponse: messages of half a megabyte of frames, made and read with as few copies as gRPC allows.

Protobuf copies what it reads, twice. The frames are the last field of a StreamFramesResponse, so they are put
behind the rest of the message, and found there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from google.protobuf.message import DecodeError

from panoseti_daq._proto import daq_data_pb2 as pb

_DATA_TAG: Final = pb.StreamFramesResponse.DATA_FIELD_NUMBER << 3 | 2
# Wire types of protobuf, and how many bytes of value they have.
_VARINT, _LENGTH = 0, 2
_FIXED: Final = {1: 8, 5: 4}
_MAX_VARINT_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class BlockMessage:
    """A StreamFramesResponse in two parts.

    Attributes
    ----------
    head
        Everything but the frames.
    data
        The frames; when received, a view into the message.
    """

    head: pb.StreamFramesResponse
    data: bytes | memoryview = b""

    def serialize(self) -> bytes:
        """Bytes of the whole message."""
        if not self.data:
            return self.head.SerializeToString()
        return b"".join(
            (self.head.SerializeToString(), as_varint(_DATA_TAG), as_varint(len(self.data)), self.data)
        )

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
                    return cls(head, memoryview(message)[after:])
                at = after + (value if tag & 7 == _LENGTH else _FIXED.get(tag & 7, 0))
        except IndexError:
            raise DecodeError(f"a StreamFramesResponse ends within a field, after {end} bytes") from None
        head = pb.StreamFramesResponse.FromString(message)  # the frames are missing, or stand elsewhere
        return cls(head, head.data)


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits per byte, and where it ends.

    Raises
    ------
    DecodeError
        It has more than 64 bits.
    IndexError
        The message ends within it.
    """
    value = 0
    for i in range(_MAX_VARINT_BYTES):
        byte = message[at + i]
        value |= (byte & 0x7F) << 7 * i
        if byte <= 0x7F:
            return value, at + i + 1
    raise DecodeError(f"a number of more than 64 bits at byte {at} of a StreamFramesResponse")


def as_varint(value: int) -> bytes:
    """A number as protobuf writes it: seven bits per byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
