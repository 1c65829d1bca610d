"""Arithmetic on many printed numbers at once, for the headers of a block."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

WORD_DIGITS: Final = 8  # a 64-bit word holds so many


def word_of(begin: int, end: int) -> tuple[int, int]:
    """Offset of the eight bytes of a header that stop at `end`, and the mask for the digits from `begin` on."""
    n_others = min(max(begin - (end - WORD_DIGITS), 0), WORD_DIGITS)
    mask = int.from_bytes(bytes(n_others) + b"\x0f" * (WORD_DIGITS - n_others), "little")
    return max(end - WORD_DIGITS, 0), mask


def over_rows(extreme: np.ufunc, text: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Lowest or highest byte of each column; by halves, since numpy is slow at reducing many short rows."""
    while len(text) > 1:
        n_half = (len(text) + 1) // 2
        halved: npt.NDArray[np.uint8] = extreme(text[:n_half], text[-n_half:])
        text = halved
    row: npt.NDArray[np.uint8] = text[0]
    return row


def add_up(words: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of eight digits: neighbours are added up in all places at once, to pairs, fours, eights."""
    words = (words * 10 + (words >> 8)) & 0x00FF00FF00FF00FF
    words = (words * 100 + (words >> 16)) & 0x0000FFFF0000FFFF
    return (words * 10_000 + (words >> 32)) & 0x00000000FFFFFFFF
