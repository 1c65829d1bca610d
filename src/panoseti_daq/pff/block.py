"""Block: consecutive frames of one file as arrays, from a source or of an archived file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, overload

import numpy as np

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.columns import parse_rows
from panoseti_daq.pff.flags import Quality, quality_of
from panoseti_daq.pff.flaws import Previous, compare_runs, flaws_of, flaws_of_rows
from panoseti_daq.pff.frame import SNAPSHOT_FILE, Frame, Key
from panoseti_daq.pff.header import Header
from panoseti_daq.pff.layout import END_OF_HEADER, Layout, LazyHeader
from panoseti_daq.pff.product import DataProduct, ImageStack, OpenArray
from panoseti_daq.pff.timing import resolve_columns

if TYPE_CHECKING:
    import mmap

    import numpy.typing as npt
    import pandas as pd

FEW_FRAMES: Final = 32  # up to this many headers are read one by one, because numpy's overhead per call is larger

Rows: TypeAlias = "list[int] | npt.NDArray[np.intp]"
"""Places of frames in a block, 0-based, ascending."""
Flags: TypeAlias = "list[int] | npt.NDArray[np.uint16]"
"""Flags of `Quality` of each frame of a block, length n."""


@dataclass(frozen=True, eq=False)
class FrameBlock:
    """n consecutive whole frames of one file; nothing is decoded before it is needed.

    Attributes
    ----------
    data
        The frames as they stand in the file: n times `layout.frame_size_bytes` (more is ignored).
    layout
        Columns of the numbers in their headers.
    module_id
        Telescope module, 0-255.
    file
        Base name of the file.
    first_frame_number
        Place of the first frame in the file, 0-based.
    detected_unix_ns
        When the frames were read, UTC ns since 1970; 0 when it does not matter (archives).
    run
        Base name of the run directory; empty when it does not matter.
    """

    data: bytes | memoryview | mmap.mmap
    layout: Layout
    module_id: int
    file: str
    first_frame_number: int = 0
    _generation: int = 0  # order of the files of a module and product as the source met them: the larger is later
    detected_unix_ns: int = 0
    run: str = ""
    host = ""  # on that node itself; see `ReceivedBlock`

    @property
    def product(self) -> DataProduct:
        """Data product."""
        return self.layout.product

    @property
    def is_snapshot(self) -> bool:
        """Whether its frames came through a socket of Hashpipe: see `Frame.is_snapshot`."""
        return self.file.startswith(SNAPSHOT_FILE)

    def __len__(self) -> int:
        return len(self.data) // self.layout.frame_size_bytes

    @overload
    def __getitem__(self, i: int) -> Frame: ...
    @overload
    def __getitem__(self, i: slice) -> Self: ...
    def __getitem__(self, i: int | slice) -> Frame | Self:
        """Return one frame, or a block of consecutive ones that shares the bytes."""
        n_frames = len(self)
        if isinstance(i, slice):
            begin, end, step = i.indices(n_frames)
            if step != 1:
                raise ValueError(f"invalid step: {step}; allowed: 1, for the frames of a block are consecutive")
            return self._part(begin, max(begin, end))
        if not -n_frames <= i < n_frames:
            raise IndexError(f"{self.file} block has no frame {i}; there are: {n_frames}")
        i %= n_frames
        return self._frame(i, LazyHeader(self.layout, self._header_text(i)))

    def _part(self, begin: int, end: int) -> Self:
        size, data = self.layout.frame_size_bytes, memoryview(self.data)
        return replace(
            self, data=data[begin * size : end * size], first_frame_number=self.first_frame_number + begin
        )

    def _frame(self, i: int, head: Header | Callable[[], Header], judged: Quality | None = None) -> Frame:
        return Frame(
            self.layout.product,
            self.module_id,
            self.file,
            self.first_frame_number + i,
            bytes(self._pixels(i)),
            head,
            _generation=self._generation,
            detected_unix_ns=self.detected_unix_ns,
            judged=judged,
        )

    def _header_text(self, i: int) -> bytes:
        layout = self.layout
        begin = i * layout.frame_size_bytes
        text = bytes(self.data[begin : begin + layout.image_offset_bytes])
        # When no header ends where it should, the parser gets nothing to accept.
        return text[: layout.header_size_bytes] if text.endswith(END_OF_HEADER) else b""

    def _pixels(self, i: int) -> bytes | memoryview:
        size, offset = self.layout.frame_size_bytes, self.layout.image_offset_bytes
        return self.data[i * size + offset : (i + 1) * size]

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        what = f"{type(self).__name__} module {self.module_id} {self.product.token}"
        return f"<{what}, {len(self)} frames, {self.file}#{self.first_frame_number}>"

    @cached_property
    def _headers(self) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.int64]]]:
        shape = (len(self), self.layout.frame_size_bytes)
        rows: npt.NDArray[np.uint8] = np.ndarray(shape, np.uint8, buffer=self.data)
        return parse_rows(self.layout, rows)

    @property
    def _is_small(self) -> bool:
        """Whether its headers are read one by one, see `_few`."""
        return len(self) <= FEW_FRAMES

    @cached_property
    def _few(self) -> list[Header | None]:
        """The headers of a small block; None in place of those that do not parse."""
        headers: list[Header | None] = []
        for i in range(len(self)):
            try:
                headers.append(self.layout.parse(self._header_text(i)))
            except HeaderError:
                headers.append(None)
        return headers

    @cached_property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which headers parse, shape (n,)."""
        if self._is_small:
            return np.array([header is not None for header in self._few], np.bool_)
        return self._headers[0]

    @property
    def columns(self) -> dict[str, npt.NDArray[np.int64]]:
        """Header fields by name, shape (n, quabos); ``quabo_num`` of ph256 has shape (n,)."""
        return self._headers[1]

    @property
    def frame_numbers(self) -> npt.NDArray[np.int64]:
        """Place of each frame in its file, shape (n,)."""
        return np.arange(self.first_frame_number, self.first_frame_number + len(self))

    @property
    def images(self) -> ImageStack:
        """All images in ADC counts: a read-only view of shape (n, rows, columns), row 0 on top."""
        header = ("header", f"V{self.layout.image_offset_bytes}")
        frame = np.dtype([header, ("image", self.product.dtype, self.product.shape)])
        frames: OpenArray = np.ndarray(len(self), frame, buffer=self.data)
        images: ImageStack = frames["image"]
        images.flags.writeable = False
        return images

    @cached_property
    def times(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """UTC nanoseconds since 1970 and `TimeStatus` of each frame, both of shape (n,)."""
        tv_sec = self.columns["tv_sec"]
        which: Any = slice(None), 0
        if not tv_sec[:, 0].all():  # else, as nearly always, the first quabo will do for all
            quabo = (tv_sec != 0).argmax(axis=1)  # the first with a host clock; 0 when there is none
            which = np.arange(len(self)), quabo
        names = ("pkt_tai", "pkt_nsec", "tv_sec", "tv_usec")
        return resolve_columns(*(self.columns[name][which] for name in names))

    @cached_property
    def rows(self) -> dict[Key, Rows]:
        """Places in the block of the frames of each key whose headers parse; keys ordered by their last frame."""
        if self._is_small:
            few: dict[int | None, list[int]] = {}
            for i, header in enumerate(self._few):
                if header is not None:
                    rows = few.pop(header.quabo_num, [])
                    rows.append(i)
                    few[header.quabo_num] = rows  # behind those that came before
            return {Key(self.module_id, self.product, quabo): rows for quabo, rows in few.items()}
        if not self.product.one_quabo:
            valid = np.flatnonzero(self.valid)
            return {Key(self.module_id, self.product, None): valid} if valid.size else {}
        numbers = self.columns["quabo_num"]
        quabos = np.unique(numbers[self.valid]).tolist()
        by_quabo = {quabo: np.flatnonzero(self.valid & (numbers == quabo)) for quabo in quabos}
        by_last = sorted(by_quabo.items(), key=lambda item: int(item[1][-1]))
        return {Key(self.module_id, self.product, quabo): rows for quabo, rows in by_last}

    def of_quabos(self, quabos: Collection[int]) -> Iterator[Self]:
        """Yield the block, or the consecutive frames in it that come from one of `quabos`.

        Parameters
        ----------
        quabos
            Quabos of ph256; empty for all. The other products are of all of them. A frame whose header does not
            parse is of none.
        """
        if not quabos or not self.product.one_quabo:
            yield self
            return
        rows = sorted(i for key, rows in self.rows.items() if key.quabo in quabos for i in rows)
        for _, run in groupby(enumerate(rows), key=lambda item: item[1] - item[0]):
            places = [int(row) for _, row in run]
            yield self._part(places[0], places[-1] + 1)

    def newest(self, flags: Flags | None = None) -> dict[Key, Frame]:
        """Return the last frame of each key whose header parses, in the order in which they stand in the file.

        Parameters
        ----------
        flags
            Quality of each frame of the block, as a judge found it; None to leave it to the frames.
        """
        newest = {}
        for key, rows in self.rows.items():
            i = int(rows[-1])
            header = (self._few[i] if self._is_small else None) or self.layout.parse(self._header_text(i))
            newest[key] = self._frame(i, header, None if flags is None else quality_of(int(flags[i])))
        return newest

    @cached_property
    def n_bad(self) -> int:
        """Frames whose header does not parse."""
        return self._few.count(None) if self._is_small else len(self) - int(np.count_nonzero(self.valid))

    @cached_property
    def quality(self) -> npt.NDArray[np.uint16]:
        """Flags of `Quality` of each frame, shape (n,); the first of each key has none of `IN_SEQUENCE`."""
        return np.asarray(self.judge(Previous()), np.uint16)

    def judge(self, previous: Previous) -> Flags:
        """Return the flags of each frame, compared with the frames before it; 0 where a header does not parse.

        Parameters
        ----------
        previous
            The frames before the first; from now on the last ones of this block.
        """
        if self._is_small:
            return [
                0 if header is None else self._judge_one(i, header, previous) for i, header in enumerate(self._few)
            ]
        (unix_ns, statuses), columns = self.times, self.columns
        flags = flaws_of_rows(self.product, columns, statuses, self.images)
        if self.n_bad:
            flags[~self.valid] = 0
        pkt_num, tv_sec = columns["pkt_num"], columns["tv_sec"]
        for key, rows in self.rows.items():
            which = slice(None) if len(rows) == len(self) else rows  # all, nearly always: then nothing is copied
            found = compare_runs([(previous, 0)], key.quabo or 0, pkt_num[which], tv_sec[which], unix_ns[which])
            flags[which] |= found
        return flags

    def _judge_one(self, i: int, header: Header, previous: Previous) -> int:
        unix_ns, status = header.time
        flaws = flaws_of(self.product, header, status, self._pixels(i))
        return flaws | previous.compare(header, unix_ns)

    def to_pandas(self) -> pd.DataFrame:
        """Headers as a table with one row per frame that parses, indexed by frame number."""
        import pandas as pd

        table: dict[str, OpenArray] = {"unix_ns": self.times[0], "time_status": self.times[1]}
        for name, column in self.columns.items():
            if column.ndim == 1 or column.shape[1] == 1:
                table[name] = column.reshape(len(self))
            else:
                table |= {f"quabo_{i}.{name}": column[:, i] for i in range(column.shape[1])}
        frame = pd.DataFrame(table, index=pd.Index(self.frame_numbers, name="frame_number"))
        return frame[self.valid]
