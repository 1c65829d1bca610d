"""Headers of many frames at once, as one array per field.

All headers of a file have one `Layout`: a number stands in the same columns of every row. So numpy reads a number
of all frames with a few operations, whatever the number of frames. Four frames, and the numbers of two fields::

    text of the headers, a row per frame       last eight bytes of the slot, as one 64-bit word (`_words`)

    ..."pkt_tai":  529, "pkt_nsec": 779007488,...       i " :     5 2 9       7 9 0 0 7 4 8 8
    ..."pkt_tai":  529, "pkt_nsec": 879010112,...       i " :     5 2 9       7 9 0 1 0 1 1 2
    ..."pkt_tai":  529, "pkt_nsec": 979012800,...       i " :     5 2 9       7 9 0 1 2 8 0 0
    ..."pkt_tai":  530, "pkt_nsec":  79015488,...       i " :     5 3 0       7 9 0 1 5 4 8 8
                  '---' slot       '--------'  slot

    mask: low half of the bytes in the slot, so that    . . . 0 0 5 2 9       7 9 0 0 7 4 8 8
    other text and blanks count as 0

    neighbors add up, in all places of all      pairs    0   0   5   29       79  0   74  88
    words at once (`_add_up`)                   fours    0       529          7900    7488
                                                eight    529                  79007488

A number of more than eight digits has a second word, which ends eight digits further left and counts times 10**8.
A word that is equal in all rows, as most of them are, is added up once for all.

Whether the headers parse is seen from the lowest and the highest byte of each column (`_all_valid`)::

    lowest     ..."pkt_tai":  529, "pkt_nsec":  79007488,...    text: both are that of the template
    highest    ..."pkt_tai":  539, "pkt_nsec": 979015818,...    slot: a digit; left of its last column also a blank

Only where a column has blanks and digits are the rows looked at: a blank may have nothing but blanks to its left.
If any row fails, all of them are parsed one by one, with the pattern of `Layout`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.layout import END_OF_HEADER, Layout

if TYPE_CHECKING:
    import numpy.typing as npt

_WORD_DIGITS: Final = 8  # in a 64-bit word
_CHUNK_BYTES: Final = 1 << 20  # of headers: fits into the cache of a core
_BLANK: Final = ord(" ")

ValidAndColumns: TypeAlias = "tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.int64]]]"


def parse_rows(layout: Layout, rows: npt.NDArray[np.uint8]) -> ValidAndColumns:
    """Parse the headers of n frames at once.

    Parameters
    ----------
    layout
        Their layout.
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
    if not layout.is_standard:
        return _parse_each_as_json(layout, rows)
    valid = np.ones(len(rows), np.bool_)
    values = np.empty((len(layout.slots), len(rows)), np.int64)
    parser, n_rows = _parser_of(layout), _CHUNK_BYTES // layout.image_offset_bytes
    for begin in range(0, len(rows), n_rows):
        chunk = slice(begin, begin + n_rows)
        parser.parse(rows[chunk], valid[chunk], values[:, chunk])
    values[:, ~valid] = 0
    columns: dict[str, npt.NDArray[np.int64]] = {}
    if layout.product.n_quabos == 1:
        columns["quabo_num"] = values[0]
    by_quabo = values[len(columns) :].reshape(layout.product.n_quabos, len(QUABO_FIELDS), len(rows))
    columns.update({name: by_quabo[:, i].T for i, name in enumerate(QUABO_FIELDS)})
    return valid, columns


class _Parser:
    """Parses chunks of the headers of one standard layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout: Final = layout
        self._lowest: Final = np.frombuffer(layout.template + END_OF_HEADER, np.uint8).copy()
        self._highest: Final = self._lowest.copy()
        self._may_be_blank: Final = np.zeros(layout.image_offset_bytes, np.bool_)
        self._is_first: Final = np.zeros(layout.image_offset_bytes, np.bool_)
        for begin, end in layout.slots:
            self._lowest[begin : end - 1] = _BLANK
            self._highest[begin:end] = ord("9")
            self._may_be_blank[begin : end - 1] = True
            self._is_first[begin] = True
        n_words = -(-max(end - begin for begin, end in layout.slots) // _WORD_DIGITS)
        words = [_word_of(begin, end - i * _WORD_DIGITS) for i in range(n_words) for begin, end in layout.slots]
        self._mask: Final = np.array([[mask] for _, mask in words], np.int64)
        weights = 10 ** (_WORD_DIGITS * np.arange(n_words))
        self._weight: Final = np.repeat(weights, len(layout.slots))[:, np.newaxis]
        self._word_type: Final = np.dtype(
            {
                "names": [str(i) for i in range(len(words))],
                "formats": ["<i8"] * len(words),
                "offsets": [at for at, _ in words],
                "itemsize": layout.image_offset_bytes,
            }
        )

    def parse(
        self, rows: npt.NDArray[np.uint8], valid: npt.NDArray[np.bool_], values: npt.NDArray[np.int64]
    ) -> None:
        """Parse the headers of frames; fill in `valid`, shape (n,), and `values`, shape (slots, n)."""
        text = np.ascontiguousarray(rows[:, : self._layout.image_offset_bytes])
        lowest, highest = _over_rows(np.minimum, text), _over_rows(np.maximum, text)
        if not self._all_valid(text, lowest, highest):
            valid[:] = [self._is_whole(row.tobytes()) for row in text]
        # What holds for one of equal words holds for all.
        first, differences = self._words(np.stack((text[0], lowest != highest)), np.arange(len(self._mask))).T
        varies = np.flatnonzero(differences)
        numbers = np.repeat(_add_up(first[:, np.newaxis]) * self._weight, len(text), axis=1)
        numbers[varies] = _add_up(self._words(text, varies)) * self._weight[varies]
        np.sum(numbers.reshape(-1, len(values), len(text)), axis=0, out=values)

    def _words(self, text: npt.NDArray[np.uint8], which: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        """Digits of numbers in rows of text, eight to a word, the first in its lowest byte; a blank is zero."""
        header = text.view(self._word_type)[:, 0]
        words = np.empty((len(which), len(text)), np.int64)
        for word, i in zip(words, which.tolist(), strict=True):
            word[:] = header[str(i)]
        words &= self._mask[which]
        return words

    def _all_valid(
        self, text: npt.NDArray[np.uint8], lowest: npt.NDArray[np.uint8], highest: npt.NDArray[np.uint8]
    ) -> bool:
        """Return whether all headers parse, mostly from the lowest and the highest byte of each column."""
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
        """Return whether a header with what follows it up to the image parses."""
        return text.endswith(END_OF_HEADER) and self._layout.is_valid(text[: self._layout.header_size_bytes])


@functools.lru_cache(maxsize=256)
def _parser_of(layout: Layout) -> _Parser:
    return _Parser(layout)


def _word_of(begin: int, end: int) -> tuple[int, int]:
    """Offset of the eight bytes of a header that stop at `end`, and the mask for the digits from `begin` on."""
    n_others = min(max(begin - (end - _WORD_DIGITS), 0), _WORD_DIGITS)
    mask = int.from_bytes(bytes(n_others) + b"\x0f" * (_WORD_DIGITS - n_others), "little")
    return max(end - _WORD_DIGITS, 0), mask


def _over_rows(extreme: np.ufunc, text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Lowest or highest byte of each column; by halves, since numpy is slow at reducing many short rows."""
    while len(text) > 1:
        n_half = (len(text) + 1) // 2
        halved: npt.NDArray[np.uint8] = extreme(text[:n_half], text[-n_half:])
        text = halved
    row: npt.NDArray[np.uint8] = text[0]
    return row


def _add_up(words: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of eight digits: neighbors are added up in all places at once, to pairs, fours, eights."""
    words = (words * 10 + (words >> 8)) & 0x00FF00FF00FF00FF
    words = (words * 100 + (words >> 16)) & 0x0000FFFF0000FFFF
    return (words * 10_000 + (words >> 32)) & 0x00000000FFFFFFFF


def _parse_each_as_json(layout: Layout, rows: npt.NDArray[np.uint8]) -> ValidAndColumns:
    valid = np.zeros(len(rows), np.bool_)
    columns: dict[str, npt.NDArray[np.int64]] = {
        name: np.zeros((len(rows), layout.product.n_quabos), np.int64) for name in QUABO_FIELDS
    }
    if layout.product.n_quabos == 1:
        columns["quabo_num"] = np.zeros(len(rows), np.int64)
    for i, row in enumerate(rows):
        frame = row.tobytes()
        if frame[layout.header_size_bytes : layout.image_offset_bytes] != END_OF_HEADER:
            continue
        try:
            header = layout.parse(frame[: layout.header_size_bytes])
        except HeaderError:
            continue
        valid[i] = True
        for name in columns:
            columns[name][i] = getattr(header, name)
    return valid, columns
