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
import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from panoseti_daq.pff.layout import Layout
from panoseti_daq.pff.product import OpenArray

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


class _Plan(NamedTuple):
    """What is done with the words that change in some rows, and with the last word of each field."""

    offsets: list[int]  # of each word in a header
    digits: _Ints  # mask of each word, to be applied to words of shape (words, numbers, n)
    doubtful: _Ints  # which of them may hold blanks: places among them
    digits_or_blanks: _Ints  # masks of these
    inner: _Ints
    rests: list[tuple[int, int]]  # of a doubtful word, and the place of the word with the digits to its left
    upper: list[tuple[int, int, int]]  # of a word that is not the last of its field: place, field, scale


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
        is_inner = np.zeros(len(fixed), np.bool_)
        for begin, end in layout.slots:
            is_inner[begin + 1 : end] = True
        self._is_inner: Final = is_inner[1:]  # whether a byte stands in a slot, and is not its first
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
        self._shape: Final = len(self._words), self._n_numbers
        self._plan: Final = functools.lru_cache(maxsize=256)(self._plan_of)
        # Their bytes in the slots of a header, one field after the other.
        places = [self._places_of(words) for words in self._words]
        self._places: Final = np.concatenate(places)
        self._begins: Final = np.cumsum([0, *map(len, places[:-1])])

    def _places_of(self, words: _Words) -> _Ints:
        """Return where in a header the bytes of words stand that are in a slot."""
        in_slot = np.flatnonzero(np.array(words.digits, _WORD).reshape(1).view(np.uint8))
        begins = words.offset + self._distance * np.arange(self._n_numbers)
        return np.add.outer(begins, in_slot).ravel()

    def room_for(self, n_rows: int, n_threads: int = 1) -> _Bytes:
        """Return room in which each of some threads can parse `n_rows` rows: shape (n_threads, bytes).

        In one piece, since glibc keeps what is freed if it is at most twice as much as the largest piece was. What
        it gives back is fetched again page by page, which took longer than all else.
        """
        n_bytes = self._text.itemsize + 3 * math.prod(self._shape) * _WORD_BYTES
        return np.empty((n_threads, n_rows * n_bytes), np.uint8)

    def parse(self, rows: _Bytes, first: Sequence[int], values: _Ints, room: _Bytes) -> bool:
        """Read the numbers in the headers of frames; return False if one does not parse.

        Parameters
        ----------
        rows
            The frames, shape (n, frame_size_bytes), each of them contiguous.
        first
            The numbers of the first, which does parse.
        values
            Filled with the numbers, shape (numbers, n); if one does not parse, its content is undefined.
        room
            Overwritten: a row of `room_for` of at least as many rows.
        """
        text: OpenArray = np.ndarray(len(rows), self._text, room)
        areas: _Ints = np.ndarray((3, *self._shape, len(rows)), _WORD, room, text.nbytes)
        read = self._read(rows, text, areas[0])
        if read is None:
            return False
        plan, words = read
        if plan.doubtful.size and not _blanks_lead(plan, words, *areas[1:, : plan.doubtful.size]):
            return False
        words &= plan.digits
        if words.view(np.uint8).max() > _NINE:
            return False
        _add_up(words)
        self._join(plan, words, np.array(first), values)
        return True

    def _read(self, rows: _Bytes, text: OpenArray, words: _Ints) -> tuple[_Plan, _Ints] | None:
        """Return the plan and the words read, shape (words, numbers, n); None if a header does not parse."""
        # As one item a row is copied faster than as an array of bytes.
        text[:] = np.ndarray(len(rows), self._text, rows, 0, rows.strides[:1])
        by_row = text.view(_WORD).reshape(len(text), -1)
        common, some = _over_rows(np.bitwise_and, by_row), _over_rows(np.bitwise_or, by_row)
        changing = common ^ some
        if (changing & self._fixed).any():
            return None
        plan = self._to_read(common.view(np.uint8), changing.view(np.uint8))
        if plan is None:
            return None
        words = words[: len(plan.offsets)]
        strides = self._distance, text.itemsize
        for word, offset in zip(words, plan.offsets, strict=True):
            word[:] = np.ndarray(word.shape, _WORD, text, offset, strides)
        return plan, words

    def _to_read(self, common: _Bytes, changing: _Bytes) -> _Plan | None:
        """Return what to read; None if to the right of a digit that all rows have not all have one."""
        digit = common & _NOT_BLANK
        if ((digit[:-1] > digit[1:]) & self._is_inner).any():
            return None
        blank = changing.copy()
        blank[1:] |= changing[:-1]  # a digit may have come before a blank that all rows have
        blank[digit != 0] = 0
        doubtful = np.maximum.reduceat(blank[self._places], self._begins)
        read = np.maximum.reduceat(changing[self._places], self._begins) | doubtful
        read[: self._n_fields] = 1
        return self._plan((read != 0).tobytes(), (doubtful != 0).tobytes())

    def _plan_of(self, read: bytes, doubtful: bytes) -> _Plan:
        """Return what to do with words, of each of which a byte says whether it is read, and whether doubtful."""
        which = [i for i, is_read in enumerate(read) if is_read]
        places = [place for place, i in enumerate(which) if doubtful[i]]
        words = [self._words[i] for i in which]
        place_of = {(word.field, word.scale): place for place, word in enumerate(words)}
        rests = ((i, place_of.get((words[i].field, words[i].scale * 10**_WORD_BYTES))) for i in places)
        digits, inner = (
            np.array(masks, _WORD).reshape(-1, 1, 1)
            for masks in zip(*((w.digits, w.inner) for w in words), strict=True)
        )
        return _Plan(
            [word.offset for word in words],
            digits,
            np.array(places, np.intp),
            digits[places] | _NOT_BLANKS,
            inner[places],
            [(places.index(i), rest) for i, rest in rests if rest is not None],
            [(place, word.field, word.scale) for place, word in enumerate(words) if place >= self._n_fields],
        )

    def _join(self, plan: _Plan, read: _Ints, first: _Ints, values: _Ints) -> None:
        """Add up the words of each number, and what the first row has of it in words that were not read."""
        numbers = read[: self._n_fields]
        for place, field, scale in plan.upper:
            read[place] *= scale
            numbers[field] += read[place]
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


def _blanks_lead(plan: _Plan, words: _Ints, found: _Ints, before: _Ints) -> bool:
    """Return whether doubtful words hold but digits and blanks, and no blank to the right of a digit."""
    words.take(plan.doubtful, 0, found, "clip")
    np.left_shift(found, _BYTE_BITS, out=before)  # what stands to the left of each byte
    for i, rest in plan.rests:
        before[i] |= words[rest] >> 7 * _BYTE_BITS
    found ^= _ZEROS  # a digit becomes its value, a blank 0x10; of the others most become more
    found &= plan.digits_or_blanks
    before &= plan.inner
    before &= found  # a digit, and to its right a blank
    found += before
    # The rest, 10 to 15, is more than a digit when all words are looked at.
    return bool(found.view(np.uint8).max() <= _NOT_BLANK)


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
