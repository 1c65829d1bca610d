"""Numbers in many headers, read as words of eight digits.

All headers of a file have one `Layout`: a number stands in the same columns of every row. So numpy reads a number
of all frames with a few operations, whatever the number of frames. Four frames, and the numbers of two fields::

    text of the headers, a row per frame       last eight bytes of the slot, as one 64-bit word

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
The words of a field of all quabos are read together. A second word that is equal in all rows is not read: the
numbers of the first row have it.

Whether the headers parse is seen from the bits that change from row to row, where the first row parses::

    of the text                       none
    of a slot                         the lower five: '0' is 0x30, '9' 0x39 and a blank 0x20
    where all rows have 0x10          a digit, if the lower half is at most 9
    where some have not               if it or the byte to its left changes: a blank or a digit, and only blanks to
                                      the left of a blank (`_blanks_lead`)
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from panoseti_daq.pff.layout import Layout

if TYPE_CHECKING:
    import numpy.typing as npt

_WORD: Final = np.dtype("<i8")
_WORD_BYTES: Final = 8
_BYTE_BITS: Final = 8
_NINE: Final = 9
_NOT_BLANK: Final = 0x10  # the bit that a digit has and a blank has not
_NOT_BLANKS: Final = 0x1010101010101010
_ZEROS: Final = 0x3030303030303030

_Bytes: TypeAlias = "npt.NDArray[np.uint8]"
_Ints: TypeAlias = "npt.NDArray[np.int64]"


class _Words(NamedTuple):
    """Eight bytes of the numbers of one field, of all quabos or of one."""

    field: int  # the place of its first number in a header
    offset: int  # of the eight bytes of that number in a header
    scale: int  # what the last of the eight digits counts
    digits: int  # mask of the values of the digits
    inner: int  # mask of the bit _NOT_BLANK of all bytes of the slot but its first


class WordParser:
    """Parser of many headers of one standard layout; immutable, for any thread."""

    def __init__(self, layout: Layout) -> None:
        n_words = -(-layout.image_offset_bytes // _WORD_BYTES)
        fixed = np.zeros(n_words * _WORD_BYTES, np.uint8)
        fixed[: layout.image_offset_bytes] = 0xFF
        for begin, end in layout.slots:
            fixed[begin : end - 1] = 0xE0
            fixed[end - 1] = 0xF0
        self._fixed: Final = fixed.view(_WORD)  # bits that no row may change
        inner = np.zeros(len(fixed), np.uint8)
        for begin, end in layout.slots:
            inner[begin + 1 : end] = _NOT_BLANK
        self._inner_bytes: Final = inner[1:]  # that bit of all bytes of slots but their first
        self._text: Final = np.dtype((np.void, len(fixed)))  # of a header, to whole words
        # The numbers of a field stand at one distance, unless those of one quabo needed more columns.
        by_quabo = np.reshape(layout.slots, (layout.product.n_quabos, -1, 2))
        distances = set(np.diff(by_quabo, axis=0).flat)
        self._n_numbers: Final = len(by_quabo) if len(distances) == 1 else 1  # of a field, read together
        self._n_fields: Final = len(layout.slots) // self._n_numbers
        self._distance: Final = int(distances.pop()) if self._n_numbers > 1 else 0
        slots = enumerate(layout.slots[: self._n_fields])
        words = chain.from_iterable(_words_of(field, *slot) for field, slot in slots)
        self._words: Final = sorted(words, key=lambda words: words.scale)  # first the last digits of each field
        # Which of them has the digits to the left of each, -1 for none.
        place_of = {(words.field, words.scale): i for i, words in enumerate(self._words)}
        of_rest = ((words.field, words.scale * 10**_WORD_BYTES) for words in self._words)
        self._rests: Final = [place_of.get(rest, -1) for rest in of_rest]
        # Their bytes in the slots of a header, one field after the other.
        places = [self._places_of(words) for words in self._words]
        self._places: Final = np.concatenate(places)
        self._begins: Final = np.cumsum([0, *map(len, places[:-1])])
        self._digits: Final = np.array([words.digits for words in self._words], _WORD)[:, np.newaxis, np.newaxis]
        self._inner: Final = np.array([words.inner for words in self._words], _WORD)[:, np.newaxis, np.newaxis]

    def _places_of(self, words: _Words) -> _Ints:
        """Return where in a header the bytes of words stand that are in a slot."""
        in_slot = np.flatnonzero(np.array(words.digits, _WORD).reshape(1).view(np.uint8))
        begins = words.offset + self._distance * np.arange(self._n_numbers)
        return np.add.outer(begins, in_slot).ravel()

    def parse(self, rows: _Bytes, first: Sequence[int], values: _Ints) -> bool:
        """Read the numbers in the headers of frames; return False if one does not parse.

        Parameters
        ----------
        rows
            The frames, shape (n, frame_size_bytes), each of them contiguous.
        first
            The numbers of the first, which does parse.
        values
            Filled with the numbers, shape (numbers, n); if one does not parse, its content is undefined.
        """
        found = self._read(rows)
        if found is None:
            return False
        which, words, doubtful = found
        if doubtful and not self._blanks_lead(which, words, doubtful):
            return False
        words &= self._digits[which]
        if words.view(np.uint8).max() > _NINE:
            return False
        _add_up(words)
        self._join(words, which, np.array(first), values)
        return True

    def _read(self, rows: _Bytes) -> tuple[list[int], _Ints, list[int]] | None:
        """Return which words were read, and these, shape (words, numbers, n); None if a header does not parse.

        And places among them of those whose blanks must be looked at.
        """
        # As one item a row is copied faster than as an array of bytes.
        text = np.ndarray(len(rows), self._text, rows, 0, rows.strides[:1]).copy()
        by_row = text.view(_WORD).reshape(len(text), -1)
        common, some = _over_rows(np.bitwise_and, by_row), _over_rows(np.bitwise_or, by_row)
        changing = common ^ some
        if (changing & self._fixed).any():
            return None
        found = self._to_read(common.view(np.uint8), changing.view(np.uint8))
        if found is None:
            return None
        which, doubtful = found
        words = np.empty((len(which), self._n_numbers, len(text)), _WORD)
        strides = self._distance, text.itemsize
        for word, i in zip(words, which, strict=True):
            word[:] = np.ndarray(word.shape, _WORD, text, self._words[i].offset, strides)
        return which, words, doubtful

    def _to_read(self, common: _Bytes, changing: _Bytes) -> tuple[list[int], list[int]] | None:
        """Return the words to read, and places in these of those whose blanks must be looked at.

        None if to the right of a digit that all rows have not all have one.
        """
        if (common[:-1] & ~common[1:] & self._inner_bytes).any():
            return None
        blank = changing.copy()
        blank[1:] |= changing[:-1]  # a digit may have come before a blank that all rows have
        blank[(common & _NOT_BLANK) != 0] = 0
        varies = np.maximum.reduceat(changing[self._places], self._begins)
        doubtful = np.maximum.reduceat(blank[self._places], self._begins)
        varies[: self._n_fields] = True
        which = varies.nonzero()[0]
        return which.tolist(), doubtful[which].nonzero()[0].tolist()

    def _blanks_lead(self, which: list[int], words: _Ints, doubtful: list[int]) -> bool:
        """Return whether words hold but digits and blanks, and no blank to the right of a digit."""
        found = words[doubtful]
        before = found << _BYTE_BITS  # what stands to the left of each byte
        which_of = [which[i] for i in doubtful]
        for first, i in zip(before, which_of, strict=True):
            if self._rests[i] in which:
                first |= words[which.index(self._rests[i])] >> 7 * _BYTE_BITS
        found ^= _ZEROS  # a digit becomes its value, a blank 0x10; of the others most become more
        found &= self._digits[which_of] | _NOT_BLANKS
        before &= self._inner[which_of]
        before &= found  # a digit, and to its right a blank
        found += before
        # The rest, 10 to 15, is more than a digit when all words are looked at.
        return bool(found.view(np.uint8).max() <= _NOT_BLANK)

    def _join(self, read: _Ints, which: list[int], first: _Ints, values: _Ints) -> None:
        """Add up the words of each number, and what the first row has of it in words that were not read."""
        numbers = read[: self._n_fields]
        for those, i in zip(read[self._n_fields :], which[self._n_fields :], strict=True):
            those *= self._words[i].scale
            numbers[self._words[i].field] += those
        rest = first.reshape(self._n_numbers, -1).T - numbers[:, :, 0]
        by_field = values.reshape(self._n_numbers, self._n_fields, -1).swapaxes(0, 1)
        np.add(numbers, rest[..., np.newaxis], out=by_field)


@functools.lru_cache(maxsize=256)
def word_parser_of(layout: Layout) -> WordParser:
    """Return the parser of a standard layout; one for all its files."""
    return WordParser(layout)


def _words_of(field: int, begin: int, end: int) -> Iterator[_Words]:
    for i in range(-(-(end - begin) // _WORD_BYTES)):
        offset = end - (i + 1) * _WORD_BYTES
        digits, inner = _mask(b"\x0f", begin - offset), _mask(bytes([_NOT_BLANK]), begin + 1 - offset)
        yield _Words(field, offset, 10 ** (i * _WORD_BYTES), digits, inner)


def _mask(byte: bytes, n_others: int) -> int:
    """Return a word of one byte again and again, but for `n_others` zeros at its begin."""
    n_others = max(n_others, 0)
    return int.from_bytes(bytes(n_others) + byte * (_WORD_BYTES - n_others), "little")


def _over_rows(bits: np.ufunc, words: _Ints) -> _Ints:
    """Combine the words of all rows; sixteen rows at once, since numpy is slow at reducing many short ones."""
    n = len(words) // 16
    if n > 16:
        folded = bits.reduce(words[: 16 * n].reshape(n, -1), axis=0)
        words = np.concatenate((folded.reshape(16, -1), words[16 * n :]))
    row: _Ints = bits.reduce(words, axis=0)
    return row


def _add_up(words: _Ints) -> None:
    """Turn digits into numbers in place: each product holds all sums of neighbors, in pairs, fours, eights."""
    pairs, fours = words.view(np.uint16), words.view(np.uint32)
    pairs *= 10 * 2**8 + 1
    pairs >>= 8
    fours *= 100 * 2**16 + 1
    fours >>= 16
    words *= 10_000 * 2**32 + 1
    words >>= 32
