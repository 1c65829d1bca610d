"""Frame: a header and an image, decoded when needed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.flags import Quality, names_of, quality_of
from panoseti_daq.pff.header import Header
from panoseti_daq.pff.product import DataProduct, ImageArray
from panoseti_daq.pff.timing import FrameTime, TimeStatus

if TYPE_CHECKING:
    import pandas as pd

SNAPSHOT_FILE: Final = "uds_"
"""Begins the "file" of a frame of Hashpipe's sockets, which is in no file; the same with the predecessor."""
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Key(NamedTuple):
    """Key of a frame: only a frame of the same key replaces it."""

    module_id: int
    product: DataProduct
    quabo: int | None
    """0-3 for ph256; None for products that hold all four quabos."""

    def __str__(self) -> str:
        quabo = "" if self.quabo is None else f" Q{self.quabo}"
        return f"module {self.module_id} {self.product.token}{quabo}"


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Frame:
    """One frame of one module; immutable, and decoded only when needed.

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
    head
        The header, or what parses it; see `header`.
    detected_unix_ns
        When the server read the frame from disk, UTC ns since 1970; 0 when it is unknown.
    judged
        Quality as found by a judge that saw the frames before this one; None when there was none, see `quality`.
    clock_shift_ns
        Time by the clock of this machine minus that by the clock of `detected_unix_ns`, ns; 0 where both are one.
        Of a frame that came from another server it holds the way, too.
    """

    product: DataProduct
    module_id: int
    file: str
    frame_number: int
    pixels: bytes
    head: Header | Callable[[], Header]
    _: KW_ONLY
    _generation: int = 0  # as in FrameBlock
    detected_unix_ns: int = 0
    judged: Quality | None = None
    clock_shift_ns: int = 0

    @property
    def header(self) -> Header:
        """The header.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        head = self.head
        return head if isinstance(head, Header) else head()

    @property
    def image(self) -> ImageArray:
        """The image: a read-only array of `product.shape` and `product.dtype`, row 0 on top, in ADC counts."""
        # bytes cannot be written to, nor can an array that shows them
        image: ImageArray = np.frombuffer(self.pixels, self.product.dtype).reshape(self.product.shape)
        return image

    @property
    def time(self) -> FrameTime:
        """When the frame was taken."""
        return self.header.time

    @property
    def datetime(self) -> dt.datetime | None:
        """When the frame was taken, aware and in UTC, to the microsecond; None when no quabo reported a time."""
        unix_ns, status = self.time
        return None if status is TimeStatus.NO_TIME else _EPOCH + dt.timedelta(microseconds=unix_ns // 1000)

    @property
    def quality(self) -> Quality:
        """Flaws of the frame: as judged, else those that its header and pixels alone show."""
        if self.judged is not None:
            return self.judged
        from panoseti_daq.pff.flaws import flaws_of  # servers judge what they send

        header = self.header
        return quality_of(flaws_of(self.product, header, header.time.status, self.pixels))

    @property
    def is_snapshot(self) -> bool:
        """Whether it came through a socket of Hashpipe, at most ten times a second, and may be in no file.

        The frames before it are unknown: `frame_number` counts those of the connection. The quadrants of a ph1024
        snapshot may be those of different events. Not for analysis.
        """
        return self.file.startswith(SNAPSHOT_FILE)

    @property
    def key(self) -> Key:
        """Module, product and, for ph256, quabo."""
        return Key(self.module_id, self.product, self.header.quabo_num if self.product.one_quabo else None)

    def to_pandas(self) -> pd.DataFrame:
        """Header as a table of one row, with the columns of `FrameBlock.to_pandas`, indexed by frame number.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        import pandas as pd

        header, (unix_ns, status) = self.header, self.time
        table: dict[str, int | None] = {"unix_ns": unix_ns, "time_status": status}
        for name in ("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec"):
            numbers: tuple[int, ...] = getattr(header, name)
            if self.product.one_quabo:
                table[name] = numbers[0]
            else:
                table |= {f"quabo_{i}.{name}": number for i, number in enumerate(numbers)}
        if self.product.one_quabo:
            table = {"unix_ns": unix_ns, "time_status": status, "quabo_num": header.quabo_num, **table}
        return pd.DataFrame(table, index=pd.Index([self.frame_number], name="frame_number"))

    def __repr__(self) -> str:
        try:
            unix_ns, status = self.time
            time = "no time" if status is TimeStatus.NO_TIME else f"{np.datetime64(unix_ns, 'ns')} UTC"
            parts = [str(self.key), time, *names_of(self.quality)]
        except HeaderError:
            parts = [f"module {self.module_id} {self.product.token}", "bad header"]
        return f"<{type(self).__name__} {', '.join(parts)}, {self._place}>"

    @property
    def _place(self) -> str:
        return f"{self.file}#{self.frame_number}"
