"""Header text and frame bytes, both ways (SPEC 1.3).

A PFF frame is header JSON, a blank line, ``*``, then the pixels. Hashpipe prints the header with fixed widths
(``%10u`` and the like), so all frames of one file have one size and every number stands in the same columns:
a `Layout` finds those columns in the first header, and then reads one header with one pattern, or the same number
of all headers of a block at once.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.digits import WORD_DIGITS, add_up, over_rows, word_of
from panoseti_daq.pff.frame import QUABO_FIELDS, Header
from panoseti_daq.pff.product import DataProduct

END_OF_HEADER: Final = b"\n\n*"
MAX_HEADER_BYTES: Final = 4096  # eight times the longest that Hashpipe writes

_NUMBER: Final = re.compile(rb"(?<=:) *\d+(?= *[,}])")
_MAX_WIDTH: Final = 18  # numbers of so many digits are below 2**63
_CHUNK_BYTES: Final = 1 << 20  # of headers: fits into the cache of a core
_BLANK: Final = ord(" ")
_QUABO: Final = '{{ "pkt_num": {:10d}, "pkt_tai": {:4d}, "pkt_nsec": {:9d}, "tv_sec": {:10d}, "tv_usec": {:6d}}}'
_PH256: Final = _QUABO.replace('"pkt_num"', '"quabo_num": {:1d}, "pkt_num"')


def format_header(header: Header) -> bytes:
    """Header text as Hashpipe prints it (its ``write_frame``), without the blank line."""
    if header.other is not None:
        return json.dumps(header.other).encode()
    rows = zip(header.pkt_num, header.pkt_tai, header.pkt_nsec, header.tv_sec, header.tv_usec, strict=True)
    if header.quabo_num is not None:
        return _PH256.format(header.quabo_num, *next(iter(rows))).encode()
    quabos = ", \n".join(f'   "quabo_{i}": {_QUABO.format(*row)}' for i, row in enumerate(rows))
    return f"{{\n{quabos}\n}}".encode()


def encode_frame(header: Header, image: npt.ArrayLike, product: DataProduct) -> bytes:
    """One whole frame as it stands in a file.

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
    """Where the numbers stand in the headers of one file.

    Made by `discover`; one object per layout and product, shared and immutable.

    Attributes
    ----------
    product
        Data product.
    header_size_bytes
        Length of the header text.
    image_offset_bytes
        Where the pixels begin in a frame.
    frame_size_bytes
        Length of a frame.
    """

    def __init__(self, template: bytes, slots: tuple[tuple[int, int], ...], product: DataProduct) -> None:
        self.product: Final = product
        self.header_size_bytes: Final = len(template)
        self.image_offset_bytes: Final = len(template) + len(END_OF_HEADER)
        self.frame_size_bytes: Final = self.image_offset_bytes + product.image_size_bytes
        self._template: Final = template
        self._n_quabos: Final = 1 if product.one_quabo else 4
        self._slots: Final = slots
        self._match: Final = _pattern(template, slots).fullmatch
        self._lowest: Final = np.frombuffer(template + END_OF_HEADER, np.uint8).copy()
        self._highest: Final = self._lowest.copy()
        self._may_be_blank: Final = np.zeros(self.image_offset_bytes, np.bool_)
        self._is_first: Final = np.zeros(self.image_offset_bytes, np.bool_)
        for begin, end in slots:
            self._lowest[begin : end - 1] = _BLANK
            self._highest[begin:end] = ord("9")
            self._may_be_blank[begin : end - 1] = True
            self._is_first[begin] = True
        n_words = -(-max((end - begin for begin, end in slots), default=0) // WORD_DIGITS)
        words = [word_of(begin, end - i * WORD_DIGITS) for i in range(n_words) for begin, end in slots]
        self._word_mask: Final = np.array([[mask] for _, mask in words], np.int64)
        self._word_weight: Final = np.repeat(10 ** (WORD_DIGITS * np.arange(n_words)), len(slots))[:, np.newaxis]
        self._word_type: Final = np.dtype(
            {
                "names": [str(i) for i in range(len(words))],
                "formats": ["<i8"] * len(words),
                "offsets": [at for at, _ in words],
                "itemsize": self.image_offset_bytes,
            }
        )

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
        return bool(self._slots)

    def parse(self, text: bytes) -> Header:
        """Header of one frame.

        Raises
        ------
        HeaderError
            The text does not parse.
        """
        if not self._slots:
            return self._parse_as_json(text)
        match = self._match(text)
        if match is None:
            raise HeaderError(f"damaged header: {text!r}")
        values = tuple(map(int, match.groups()))
        quabo_num, values = (values[0], values[1:]) if self._n_quabos == 1 else (None, values)
        # the order of QUABO_FIELDS
        return Header(values[0::5], values[1::5], values[2::5], values[3::5], values[4::5], quabo_num)

    def is_valid(self, text: bytes) -> bool:
        """Whether `parse` would accept a header."""
        if self._slots:
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
        if len(header.tv_sec) != self._n_quabos:
            raise HeaderError(f"not a header of {self.product.token}: {text!r}")
        return header

    def parse_rows(
        self, rows: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.int64]]]:
        """Headers of n frames at once.

        Parameters
        ----------
        rows
            The frames, shape (n, frame_size_bytes).

        Returns
        -------
        valid
            Which headers parse, shape (n,).
        columns
            Each of `QUABO_FIELDS` with shape (n, quabos), and ``quabo_num`` of shape (n,) for ph256;
            the rows of headers that do not parse are zero.
        """
        if not self._slots:
            return self._parse_rows_as_json(rows)
        valid = np.ones(len(rows), np.bool_)
        values = np.empty((len(self._slots), len(rows)), np.int64)
        n_rows = _CHUNK_BYTES // self.image_offset_bytes
        for begin in range(0, len(rows), n_rows):
            chunk = slice(begin, begin + n_rows)
            self._parse_chunk(rows[chunk], valid[chunk], values[:, chunk])
        values[:, ~valid] = 0
        columns: dict[str, npt.NDArray[np.int64]] = {}
        if self._n_quabos == 1:
            columns["quabo_num"] = values[0]
        by_quabo = values[len(columns) :].reshape(self._n_quabos, len(QUABO_FIELDS), len(rows))
        columns.update({name: by_quabo[:, i].T for i, name in enumerate(QUABO_FIELDS)})
        return valid, columns

    def _parse_chunk(
        self, rows: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_], values: npt.NDArray[np.int64]
    ) -> None:
        """Parse headers that fit into the processor's cache."""
        text = np.ascontiguousarray(rows[:, : self.image_offset_bytes])
        lowest, highest = over_rows(np.minimum, text), over_rows(np.maximum, text)
        if not self._all_valid(text, lowest, highest):
            valid[:] = [self._is_whole(row.tobytes()) for row in text]
        # What holds for one of equal words holds for all.
        first, differences = self._words(np.stack((text[0], lowest != highest)), np.arange(len(self._word_mask))).T
        varies = np.flatnonzero(differences)
        numbers = np.repeat(add_up(first[:, np.newaxis]) * self._word_weight, len(text), axis=1)
        numbers[varies] = add_up(self._words(text, varies)) * self._word_weight[varies]
        np.sum(numbers.reshape(-1, len(self._slots), len(text)), axis=0, out=values)

    def _words(self, text: npt.NDArray[np.uint8], which: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Digits of numbers in rows of text, eight to a word, the first in its lowest byte; a blank is zero."""
        header = text.view(self._word_type)[:, 0]
        words = np.empty((len(which), len(text)), np.int64)
        for word, i in zip(words, which.tolist(), strict=True):
            word[:] = header[str(i)]
        words &= self._word_mask[which]
        return words

    def _all_valid(
        self, text: npt.NDArray[np.uint8], lowest: npt.NDArray[np.uint8], highest: npt.NDArray[np.uint8]
    ) -> bool:
        """Whether all headers parse, mostly from the lowest and the highest byte of each column."""
        if (lowest < self._lowest).any() or (highest > self._highest).any():
            return False
        # What may still be wrong: a blank (or a byte between it and the digits) to the right of a digit.
        all_blank = self._may_be_blank & (highest == _BLANK)
        leading = all_blank & (self._is_first | np.roll(all_blank, 1))
        columns = np.flatnonzero(self._may_be_blank & (lowest < ord("0")) & ~leading)
        here, before = text[:, columns], text[:, columns - 1]
        good_blank = (here == _BLANK) & ((before == _BLANK) | self._is_first[columns])
        return bool((good_blank | (here >= ord("0"))).all())

    def _is_whole(self, text: bytes) -> bool:
        """Whether a header with what follows it up to the image parses."""
        return text.endswith(END_OF_HEADER) and self._match(text[: self.header_size_bytes]) is not None

    def _parse_rows_as_json(
        self, rows: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.int64]]]:
        valid = np.zeros(len(rows), np.bool_)
        columns: dict[str, npt.NDArray[np.int64]] = {
            name: np.zeros((len(rows), self._n_quabos), np.int64) for name in QUABO_FIELDS
        }
        if self._n_quabos == 1:
            columns["quabo_num"] = np.zeros(len(rows), np.int64)
        for i, row in enumerate(rows):
            frame = row.tobytes()
            if frame[self.header_size_bytes : self.image_offset_bytes] != END_OF_HEADER:
                continue
            try:
                header = self.parse(frame[: self.header_size_bytes])
            except HeaderError:
                continue
            valid[i] = True
            for name in columns:
                columns[name][i] = getattr(header, name)
        return valid, columns


def _pattern(template: bytes, slots: tuple[tuple[int, int], ...]) -> re.Pattern[bytes]:
    """What a header of a layout looks like: its marks, and blanks and digits of the same width between them."""
    parts, at = [], 0
    for begin, end in slots:
        parts += [re.escape(template[at:begin]), rb"(?=[ \d]{%d}[^ \d])( *\d+)" % (end - begin)]
        at = end
    return re.compile(b"".join([*parts, re.escape(template[at:])]))


@functools.lru_cache(maxsize=256)
def _shared_layout(template: bytes, slots: tuple[tuple[int, int], ...], product: DataProduct) -> Layout:
    return Layout(template, slots, product)


def _load(text: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HeaderError(f"header is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise HeaderError(f"header is not a JSON object: {text[:40]!r}")
    return fields


def _is_standard(fields: dict[str, Any], product: DataProduct, n_numbers: int) -> bool:
    if product.one_quabo:
        return tuple(fields) == ("quabo_num", *QUABO_FIELDS) and n_numbers == len(fields)
    return (
        list(fields) == [f"quabo_{i}" for i in range(4)]
        and all(isinstance(quabo, dict) and tuple(quabo) == QUABO_FIELDS for quabo in fields.values())
        and n_numbers == 4 * len(QUABO_FIELDS)
    )
