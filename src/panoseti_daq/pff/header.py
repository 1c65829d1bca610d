"""Header of one frame as numbers, and as the dict that its JSON text means (SPEC 1.3)."""

from __future__ import annotations

from typing import Final, NamedTuple

from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff.timing import FrameTime, TimeStatus, resolve

QUABO_FIELDS: Final = ("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")
"""Header fields of a quabo, in the order in which Hashpipe writes them (SPEC 1.3)."""


class Header(NamedTuple):
    """Header of one frame, as columns: one element per quabo (four, or one for ph256).

    Attributes
    ----------
    pkt_num
        Packet counter, 16 bits.
    pkt_tai, pkt_nsec
        White Rabbit time: TAI seconds modulo 1024, nanoseconds.
    tv_sec, tv_usec
        DAQ host clock: Unix seconds, microseconds.
    quabo_num
        Which quabo a ph256 frame comes from; None for the other products.
    other
        The whole header as JSON gives it, when it has other fields than these; else None.
    """

    pkt_num: tuple[int, ...]
    pkt_tai: tuple[int, ...]
    pkt_nsec: tuple[int, ...]
    tv_sec: tuple[int, ...]
    tv_usec: tuple[int, ...]
    quabo_num: int | None = None
    other: OpenDict | None = None

    def as_dict(self) -> OpenDict:
        """As `json.loads` gives the text: ``quabo_0``..``quabo_3``, or flat with ``quabo_num``."""
        if self.other is not None:
            return self.other
        rows = zip(self.pkt_num, self.pkt_tai, self.pkt_nsec, self.tv_sec, self.tv_usec, strict=True)
        quabos = [dict(zip(QUABO_FIELDS, row, strict=True)) for row in rows]
        if self.quabo_num is None:
            return {f"quabo_{i}": quabo for i, quabo in enumerate(quabos)}
        return {"quabo_num": self.quabo_num, **quabos[0]}

    @classmethod
    def from_dict(cls, fields: OpenDict) -> Header:
        """Header of a JSON text in any layout; fields that are missing count as zero.

        Raises
        ------
        ValueError
            A field of `QUABO_FIELDS` is not a whole number of 64 bits.
        AttributeError
            A quabo is not an object.
        """
        quabos = [fields] if "quabo_num" in fields else [fields.get(f"quabo_{i}", {}) for i in range(4)]
        columns = {name: tuple(_whole(quabo.get(name, 0)) for quabo in quabos) for name in QUABO_FIELDS}
        quabo_num = _whole(fields["quabo_num"]) if "quabo_num" in fields else None
        header = cls(**columns, quabo_num=quabo_num, other=None)
        # Fields of other names are kept as they are, so that nothing of a header is lost.
        return header if header.as_dict() == fields else cls(**columns, quabo_num=quabo_num, other=fields)

    @property
    def time_quabo(self) -> int | None:
        """Index of the quabo that gives the time: the first with a non-zero host clock (SPEC 1.7)."""
        if self.tv_sec[0]:
            return 0
        return next((i for i, tv_sec in enumerate(self.tv_sec) if tv_sec), None)

    @property
    def time(self) -> FrameTime:
        """When the frame was taken."""
        i = self.time_quabo
        if i is None:
            return FrameTime(0, TimeStatus.NO_TIME)
        return resolve(self.pkt_tai[i], self.pkt_nsec[i], self.tv_sec[i], self.tv_usec[i])

    @property
    def has_missing_quabo(self) -> bool:
        """Whether at least one quabo reported nothing."""
        return not all(self.tv_sec)


def _whole(value: object) -> int:
    if not isinstance(value, int | float) or not abs(value) < 2**63 or value != int(value):
        raise ValueError(f"{value!r} is not a whole number of 64 bits")
    return int(value)
