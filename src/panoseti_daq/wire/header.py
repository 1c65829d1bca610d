"""Packed headers of 17, 46 or 64 bytes: the field `packed_header` of PanoImage (proto/daq_data.proto).

One call of `struct` makes or reads one: repeated fields of protobuf take ten times as long.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final

from panoseti_daq.pff import Header

# The columns in the order of Header; little-endian, nothing between them.
_ONE_QUABO: Final = Struct("<BHHIII")  # quabo_num, and the columns
_ONE_SECOND: Final = Struct("<4HH4II4I")  # four quabos with the same pkt_tai and tv_sec, as nearly always
_FOUR_QUABOS: Final = Struct("<4H4H4I4I4I")

_new: Final = tuple.__new__  # what the constructor of a NamedTuple calls, in Python: here for every frame received


def pack(header: Header) -> bytes:
    """Bytes of a header; none when its numbers are larger than the writer's packets can hold.

    Only for standard headers: those whose `Header.other` is None.
    """
    try:
        if header.quabo_num is not None:
            columns = header.pkt_num, header.pkt_tai, header.pkt_nsec, header.tv_sec, header.tv_usec
            return _ONE_QUABO.pack(header.quabo_num, *(column[0] for column in columns))
        tai, tv_sec = header.pkt_tai, header.tv_sec
        if tai.count(tai[0]) == 4 == tv_sec.count(tv_sec[0]):
            return _ONE_SECOND.pack(*header.pkt_num, tai[0], *header.pkt_nsec, tv_sec[0], *header.tv_usec)
        return _FOUR_QUABOS.pack(*header.pkt_num, *tai, *header.pkt_nsec, *tv_sec, *header.tv_usec)
    except error:
        return b""


def unpack(packed: bytes) -> Header:
    """Header of its bytes.

    Raises
    ------
    ValueError
        There are no headers of that length.
    """
    n_bytes = len(packed)
    if n_bytes == _ONE_SECOND.size:
        v = _ONE_SECOND.unpack(packed)
        return _new(Header, (v[:4], v[4:5] * 4, v[5:9], v[9:10] * 4, v[10:], None, None))
    if n_bytes == _ONE_QUABO.size:
        v = _ONE_QUABO.unpack(packed)
        return _new(Header, (v[1:2], v[2:3], v[3:4], v[4:5], v[5:6], v[0], None))
    if n_bytes == _FOUR_QUABOS.size:
        v = _FOUR_QUABOS.unpack(packed)
        return _new(Header, (v[:4], v[4:8], v[8:12], v[12:16], v[16:], None, None))
    sizes = ", ".join(str(form.size) for form in (_ONE_QUABO, _ONE_SECOND, _FOUR_QUABOS))
    raise ValueError(f"a packed header has {sizes} bytes, this one {n_bytes}")


def quabo_of(packed: bytes) -> int | None:
    """Return the quabo of a packed header; None when it has all four."""
    return packed[0] if len(packed) == _ONE_QUABO.size else None
