"""One frame: a header and an image, decoded when asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.product import DataProduct
from panoseti_daq.pff.quality import Quality, quality_of
from panoseti_daq.pff.timing import FrameTime, TimeStatus, resolve

QUABO_FIELDS = ("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")
"""Header fields of a quabo, in the order in which Hashpipe writes them (SPEC 1.3)."""


class Key(NamedTuple):
    """What a frame is the newest of: nothing else replaces it."""

    module_id: int
    product: DataProduct
    quabo: int | None
    """0-3 for ph256; None for products that hold all four quabos."""

    def __str__(self) -> str:
        quabo = "" if self.quabo is None else f" Q{self.quabo}"
        return f"module {self.module_id} {self.product.token}{quabo}"


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
    other: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """As `json.loads` gives the text: ``quabo_0``..``quabo_3``, or flat with ``quabo_num``."""
        if self.other is not None:
            return self.other
        rows = zip(self.pkt_num, self.pkt_tai, self.pkt_nsec, self.tv_sec, self.tv_usec, strict=True)
        quabos = [dict(zip(QUABO_FIELDS, row, strict=True)) for row in rows]
        if self.quabo_num is None:
            return {f"quabo_{i}": quabo for i, quabo in enumerate(quabos)}
        return {"quabo_num": self.quabo_num, **quabos[0]}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Header:
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


def _whole(value: Any) -> int:
    if not isinstance(value, int | float) or not abs(value) < 2**63 or value != int(value):
        raise ValueError(f"{value!r} is not a whole number of 64 bits")
    return int(value)


class Frame:
    """One frame of one module; immutable, and nothing of it is decoded before it is asked for.

    Made by `FrameBlock` (from disk) and by the client (from the wire).

    Attributes
    ----------
    product
        Data product.
    module_id
        Telescope module, 0-255.
    file
        Base name of the file the frame stands in.
    frame_number
        Its place in that file, 0-based.
    pixels
        The image as it stands in the file: row-major, little-endian.
    generation
        Order of the files of one module and product as the source met them; the larger is the later.
    detected_unix_ns
        When the server read the frame from disk, UTC ns since 1970; 0 when nobody did.
    memo
        What others made of the frame and keep as long as it lives, such as its bytes on the wire.
    """

    __slots__ = (
        "__weakref__",
        "_header",
        "_quality",
        "_time",
        "detected_unix_ns",
        "file",
        "frame_number",
        "generation",
        "memo",
        "module_id",
        "pixels",
        "product",
    )

    def __init__(
        self,
        product: DataProduct,
        module_id: int,
        file: str,
        frame_number: int,
        pixels: bytes,
        header: Header | Callable[[], Header],
        *,
        generation: int = 0,
        detected_unix_ns: int = 0,
    ) -> None:
        self.product = product
        self.module_id = module_id
        self.file = file
        self.frame_number = frame_number
        self.pixels = pixels
        self.generation = generation
        self.detected_unix_ns = detected_unix_ns
        self.memo: dict[object, Any] = {}
        self._header = header  # or what parses it
        self._time: FrameTime | None = None
        self._quality: Quality | None = None

    @property
    def header(self) -> Header:
        """The header.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        if not isinstance(self._header, Header):
            self._header = self._header()
        return self._header

    @property
    def image(self) -> npt.NDArray[Any]:
        """The image: a read-only array of `product.shape` and `product.dtype`, row 0 on top, in ADC counts."""
        # bytes cannot be written to, nor can an array that shows them
        return np.frombuffer(self.pixels, self.product.dtype).reshape(self.product.shape)

    @property
    def time(self) -> FrameTime:
        """When the frame was taken."""
        if self._time is None:
            self._time = self.header.time
        return self._time

    @property
    def quality(self) -> Quality:
        """What is wrong with it: by itself, or what whoever saw the frames before it has set."""
        if self._quality is None:
            self._quality = Quality(quality_of(self))
        return self._quality

    @quality.setter
    def quality(self, quality: Quality) -> None:
        self._quality = quality

    @property
    def key(self) -> Key:
        """Module, product and, for ph256, quabo."""
        return Key(self.module_id, self.product, self.header.quabo_num if self.product.one_quabo else None)

    def __repr__(self) -> str:
        return f"<Frame module {self.module_id} {self.product.token} {self.file}#{self.frame_number}>"
