"""Numbers as protobuf writes them, where it is too slow: seven bits per byte, the lowest first."""

from __future__ import annotations

from typing import Final

from google.protobuf.message import DecodeError

_MAX_VARINT_BYTES: Final = 10


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return a number of seven bits per byte, and where it ends.

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
    raise DecodeError(f"a number of more than 64 bits at byte {at} of a message")


def as_varint(value: int, n_bytes: int = 0) -> bytes:
    """Return a number as protobuf writes it: seven bits per byte, the lowest first; in at least `n_bytes`."""
    out = bytearray()
    while value > 0x7F or len(out) + 1 < n_bytes:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
