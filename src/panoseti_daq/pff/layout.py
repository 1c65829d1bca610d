"""Header text and bytes of one frame, both ways (SPEC 1.3).

A PFF frame is header JSON, a blank line, ``*``, then the pixels. Hashpipe prints the header with fixed widths
(``%10u`` and the like), so all frames of one file have one size and every number stands in the same columns:
a `Layout` finds those columns in the first header, and then reads any header with one pattern.
`columns` reads the same numbers of many headers at once.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff.header import QUABO_FIELDS, Header
from panoseti_daq.pff.product import DataProduct

if TYPE_CHECKING:
    import numpy.typing as npt

END_OF_HEADER: Final = b"\n\n*"
MAX_HEADER_BYTES: Final = 4096  # eight times the longest that Hashpipe writes

_NUMBER: Final = re.compile(rb"(?<=:) *\d+(?= *[,}])")
_MAX_WIDTH: Final = 18  # numbers of this many digits are below 2**63
_QUABO: Final = '{{ "pkt_num": {:10d}, "pkt_tai": {:4d}, "pkt_nsec": {:9d}, "tv_sec": {:10d}, "tv_usec": {:6d}}}'
_PH256: Final = _QUABO.replace('"pkt_num"', '"quabo_num": {:1d}, "pkt_num"')


def format_header(header: Header) -> bytes:
    """Header text as Hashpipe prints it (its ``write_frame``), without the blank line."""
    if header.other is not None:
        import json  # headers that Hashpipe did not write

        return json.dumps(header.other).encode()
    rows = zip(header.pkt_num, header.pkt_tai, header.pkt_nsec, header.tv_sec, header.tv_usec, strict=True)
    if header.quabo_num is not None:
        return _PH256.format(header.quabo_num, *next(iter(rows))).encode()
    quabos = ", \n".join(f'   "quabo_{i}": {_QUABO.format(*row)}' for i, row in enumerate(rows))
    return f"{{\n{quabos}\n}}".encode()


def encode_frame(header: Header, image: npt.ArrayLike, product: DataProduct) -> bytes:
    """Return one whole frame as it stands in a file.

    Parameters
    ----------
    header
        Header fields.
    image
        Array of `product.shape`; cast to `product.dtype`.
    product
        Data product.
    """
    pixels = np.asarray(image).astype(product.dtype, copy=False).reshape(product.shape)
    return b"".join((format_header(header), END_OF_HEADER, pixels.tobytes()))


class Layout:
    """Columns of the numbers in the headers of one file.

    Made by `discover`; one object per layout and product, shared and immutable.

    Attributes
    ----------
    product
        Data product.
    template
        The header text with a 0 for each digit and each blank before one.
    slots
        Begin and end of each number in the text, in order; empty when the header has other fields than Hashpipe
        writes, or numbers that do not end where their column does: such headers are read as JSON.
    header_size_bytes
        Length of the header text.
    image_offset_bytes
        Where the pixels begin in a frame.
    frame_size_bytes
        Length of a frame.
    """

    def __init__(self, template: bytes, slots: tuple[tuple[int, int], ...], product: DataProduct) -> None:
        self.product: Final = product
        self.template: Final = template
        self.slots: Final = slots
        self.header_size_bytes: Final = len(template)
        self.image_offset_bytes: Final = len(template) + len(END_OF_HEADER)
        self.frame_size_bytes: Final = self.image_offset_bytes + product.image_size_bytes
        self._match: Final = _pattern(template, slots).fullmatch

    @classmethod
    def discover(cls, head: bytes, product: DataProduct) -> Layout | None:
        """Find the layout in the first bytes of a file.

        Returns None while `head` is too short to hold a whole header.

        Raises
        ------
        HeaderError
            `head` does not begin with a PFF header; the message says what is there instead.
        """
        if not head:
            return None
        if head[:1] != b"{":
            raise HeaderError(f"not PFF: a frame begins with '{{', this with {head[:8]!r}")
        end = head.find(END_OF_HEADER, 0, MAX_HEADER_BYTES)
        if end < 0:
            if len(head) < MAX_HEADER_BYTES:
                return None
            raise HeaderError(f"not PFF: no end of header within {MAX_HEADER_BYTES} bytes")
        text = head[:end]
        fields = _load(text)
        slots = tuple(match.span() for match in _NUMBER.finditer(text))
        # A number with blanks behind it does not end where its column does.
        is_odd = any(end - begin > _MAX_WIDTH or text[end : end + 1] == b" " for begin, end in slots)
        if is_odd or not _is_standard(fields, product, len(slots)):
            slots = ()
        return _shared_layout(_NUMBER.sub(lambda number: b"0" * len(number[0]), text), slots, product)

    @property
    def is_standard(self) -> bool:
        """Whether the header has the fields Hashpipe writes today; others are read as JSON, one by one."""
        return bool(self.slots)

    def parse(self, text: bytes) -> Header:
        """Header of one frame.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        if not self.slots:
            return self._parse_as_json(text)
        values = self.numbers(text)
        quabo_num, values = (values[0], values[1:]) if self.product.n_quabos == 1 else (None, values)
        # the order of QUABO_FIELDS
        return Header(values[0::5], values[1::5], values[2::5], values[3::5], values[4::5], quabo_num)

    def numbers(self, text: bytes) -> tuple[int, ...]:
        """Return the numbers in the header of one frame of a standard layout, in the order of the text.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        match = self._match(text)
        if match is None:
            raise HeaderError(f"damaged header: {text!r}")
        return tuple(map(int, match.groups()))

    def is_valid(self, text: bytes) -> bool:
        """Return whether `parse` would accept a header."""
        if self.slots:
            return self._match(text) is not None
        try:
            self.parse(text)
        except HeaderError:
            return False
        return True

    def _parse_as_json(self, text: bytes) -> Header:
        fields = _load(text)
        try:
            header = Header.from_dict(fields)
        except (ValueError, AttributeError) as error:
            raise HeaderError(f"header with a field that is not a whole number: {text!r}") from error
        if len(header.tv_sec) != self.product.n_quabos:
            raise HeaderError(f"not a header of {self.product.token}: {text!r}")
        return header


class LazyHeader:
    """The header of one frame, parsed when it is called first."""

    __slots__ = ("_header", "_layout", "_text")

    def __init__(self, layout: Layout, text: bytes) -> None:
        self._layout = layout
        self._text = text
        self._header: Header | None = None

    def __call__(self) -> Header:
        """Return the header.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        if self._header is None:
            self._header = self._layout.parse(self._text)
        return self._header


def _pattern(template: bytes, slots: tuple[tuple[int, int], ...]) -> re.Pattern[bytes]:
    """Return the pattern of a layout: its marks, and blanks and digits of the same width between them.

    A mark begins with "," or "}". As that stands where a slot should end, none is longer; and as the text has its
    length, none is shorter.
    """
    parts, at = [rb"(?s:(?=.{%d}\Z))" % len(template)], 0
    for begin, end in slots:
        ends = re.escape(template[end : end + 1])
        parts += [re.escape(template[at:begin]), rb"(?=.{%d}%s)( *+\d++)" % (end - begin, ends)]
        at = end
    return re.compile(b"".join([*parts, re.escape(template[at:])]))


@functools.lru_cache(maxsize=256)
def _shared_layout(template: bytes, slots: tuple[tuple[int, int], ...], product: DataProduct) -> Layout:
    return Layout(template, slots, product)


def _load(text: bytes) -> OpenDict:
    import json

    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"header is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise HeaderError(f"header is not a JSON object: {text[:40]!r}")
    return fields


def _is_standard(fields: OpenDict, product: DataProduct, n_numbers: int) -> bool:
    if product.one_quabo:
        return tuple(fields) == ("quabo_num", *QUABO_FIELDS) and n_numbers == len(fields)
    return (
        list(fields) == [f"quabo_{i}" for i in range(4)]
        and all(isinstance(quabo, dict) and tuple(quabo) == QUABO_FIELDS for quabo in fields.values())
        and n_numbers == 4 * len(QUABO_FIELDS)
    )
