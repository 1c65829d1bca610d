"""Headers of many frames at once, as one array per field.

Chunks of them are read as `words`, of a large file in several threads: most of the time goes into loops of numpy,
which let other threads run. If a row of a chunk fails, it is divided, until the rows are few; then the pattern of
`Layout` finds those that parse.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.layout import END_OF_HEADER, Layout
from panoseti_daq.pff.words import word_parser_of

if TYPE_CHECKING:
    import numpy.typing as npt

# Of the numbers of a chunk: the more, the less numpy's overhead, as long as a cache holds what is made on the way.
_CHUNK_BYTES: Final = 1 << 20
_CHUNKS_OF_THREAD: Final = 8  # at least
_N_PARTS: Final = 4  # of rows of which one does not parse
_FEW_ROWS: Final = 256  # up to this many are looked at one by one where one of them does not parse

_Bytes: TypeAlias = "npt.NDArray[np.uint8]"
_Ints: TypeAlias = "npt.NDArray[np.int64]"
ValidAndColumns: TypeAlias = "tuple[npt.NDArray[np.bool_], dict[str, _Ints]]"


def parse_rows(layout: Layout, rows: _Bytes) -> ValidAndColumns:
    """Parse the headers of n frames at once.

    Parameters
    ----------
    layout
        Their layout.
    rows
        The frames, shape (n, frame_size_bytes), contiguous.

    Returns
    -------
    valid
        Which headers parse, shape (n,).
    columns
        Each of `QUABO_FIELDS` with shape (n, quabos), and ``quabo_num`` of shape (n,) for ph256;
        the rows of headers that do not parse are zero.
    """
    n_quabos, n_rows = layout.product.n_quabos, len(rows)
    columns: dict[str, _Ints] = {}
    values = np.empty(((n_quabos == 1) + n_quabos * len(QUABO_FIELDS), n_rows), np.int64)
    if n_quabos == 1:
        columns["quabo_num"] = values[0]
    by_quabo = values[len(columns) :].reshape(n_quabos, len(QUABO_FIELDS), n_rows)
    columns.update({name: by_quabo[:, i].T for i, name in enumerate(QUABO_FIELDS)})
    valid = np.ones(n_rows, np.bool_)
    if layout.is_standard:
        _parse_chunks(layout, rows, valid, values)
    else:
        for i, row in enumerate(rows):
            numbers = _numbers_of(layout, row)
            valid[i] = numbers is not None
            values[:, i] = numbers or 0
    return valid, columns


def _parse_chunks(layout: Layout, rows: _Bytes, valid: npt.NDArray[np.bool_], values: _Ints) -> None:
    """Parse headers of a standard layout, of a large file in several threads.

    Fill in `valid`, shape (n,), true before, and `values`, shape (numbers, n).
    """
    step = _CHUNK_BYTES // (len(values) * values.itemsize)
    begins = range(0, len(rows), step)
    n_threads = len(begins) // _CHUNKS_OF_THREAD or 1
    if n_threads > 1:
        n_threads = min(n_threads, len(os.sched_getaffinity(0)))
    rooms = list(word_parser_of(layout).room_for(min(step, len(rows)), n_threads))

    def parse(begin: int) -> None:
        chunk, room = slice(begin, begin + step), rooms.pop()
        _parse(layout, rows[chunk], valid[chunk], values[:, chunk], room)
        rooms.append(room)

    if n_threads == 1:
        list(map(parse, begins))
        return
    from concurrent.futures import ThreadPoolExecutor  # which few need

    with ThreadPoolExecutor(n_threads, "headers") as pool:
        list(pool.map(parse, begins))


def _parse(layout: Layout, rows: _Bytes, valid: npt.NDArray[np.bool_], values: _Ints, room: _Bytes) -> None:
    parser, first = word_parser_of(layout), _numbers_of(layout, rows[0])
    if first is not None and parser.parse(rows, first, values, room):
        return
    if len(rows) > _FEW_ROWS:
        step = -(-len(rows) // _N_PARTS)
        for begin in range(0, len(rows), step):
            part = slice(begin, begin + step)
            _parse(layout, rows[part], valid[part], values[:, part], room)
        return
    valid[:] = [layout.is_valid(_text_of(layout, row)) for row in rows]
    values[:] = 0
    if valid.any():
        found = np.empty((len(values), np.count_nonzero(valid)), np.int64)
        parser.parse(rows[valid], layout.numbers(_text_of(layout, rows[valid.argmax()])), found, room)
        values[:, valid] = found


def _text_of(layout: Layout, row: _Bytes) -> bytes:
    """Return the text of a header; where it does not end as it should, nothing, which never parses."""
    text, size = row[: layout.image_offset_bytes].tobytes(), layout.header_size_bytes
    return text[:size] if text[size:] == END_OF_HEADER else b""


def _numbers_of(layout: Layout, row: _Bytes) -> Sequence[int] | None:
    """Return the numbers in the header of a frame, in the order of its text; None if it does not parse."""
    text = _text_of(layout, row)
    try:
        if layout.is_standard:
            return layout.numbers(text)
        header = layout.parse(text)
    except HeaderError:
        return None
    by_quabo = zip(*(getattr(header, name) for name in QUABO_FIELDS), strict=True)
    return [*(() if header.quabo_num is None else (header.quabo_num,)), *chain.from_iterable(by_quabo)]
