"""Frame: a header and an image, decoded when needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff.flags import Quality, quality_of
from panoseti_daq.pff.flaws import flaws_of
from panoseti_daq.pff.header import Header
from panoseti_daq.pff.product import DataProduct
from panoseti_daq.pff.slots import fill_slots
from panoseti_daq.pff.timing import FrameTime


class Key(NamedTuple):
    """Key of a frame: only a frame of the same key replaces it."""

    module_id: int
    product: DataProduct
    quabo: int | None
    """0-3 for ph256; None for products that hold all four quabos."""

    def __str__(self) -> str:
        quabo = "" if self.quabo is None else f" Q{self.quabo}"
        return f"module {self.module_id} {self.product.token}{quabo}"


@fill_slots
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
    generation
        Order of the files of one module and product as the source met them; the larger is the later.
    detected_unix_ns
        When the server read the frame from disk, UTC ns since 1970; 0 when it is unknown.
    judged
        Quality as found by a judge that saw the frames before this one; None when there was none, see `quality`.
    """

    product: DataProduct
    module_id: int
    file: str
    frame_number: int
    pixels: bytes
    head: Header | Callable[[], Header]
    _: KW_ONLY
    generation: int = 0
    detected_unix_ns: int = 0
    judged: Quality | None = None

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
    def image(self) -> npt.NDArray[Any]:
        """The image: a read-only array of `product.shape` and `product.dtype`, row 0 on top, in ADC counts."""
        # bytes cannot be written to, nor can an array that shows them
        return np.frombuffer(self.pixels, self.product.dtype).reshape(self.product.shape)

    @property
    def time(self) -> FrameTime:
        """When the frame was taken."""
        return self.header.time

    @property
    def quality(self) -> Quality:
        """Flaws of the frame: as judged, else those that its header and pixels alone show."""
        if self.judged is not None:
            return self.judged
        header = self.header
        return quality_of(flaws_of(self.product, header, header.time.status, self.pixels))

    @property
    def key(self) -> Key:
        """Module, product and, for ph256, quabo."""
        return Key(self.module_id, self.product, self.header.quabo_num if self.product.one_quabo else None)

    def __repr__(self) -> str:
        return f"<Frame module {self.module_id} {self.product.token} {self.file}#{self.frame_number}>"
