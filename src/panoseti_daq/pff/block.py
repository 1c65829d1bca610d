"""Consecutive frames of one file as arrays: what sources hand over and what an archived file is."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff.codec import END_OF_HEADER, Layout
from panoseti_daq.pff.frame import Frame, Header, Key
from panoseti_daq.pff.product import DataProduct
from panoseti_daq.pff.quality import QualityCheck
from panoseti_daq.pff.timing import resolve_columns

if TYPE_CHECKING:
    import pandas as pd

FEW_FRAMES: Final = 32  # up to so many headers are read one by one: then numpy's overhead per call is the larger


@dataclass(frozen=True, eq=False)
class FrameBlock:
    """n consecutive whole frames of one file; nothing is decoded before it is asked for.

    Attributes
    ----------
    data
        The frames as they stand in the file: n times `layout.frame_size_bytes` (more is ignored).
    layout
        Where their headers keep the numbers.
    module_id
        Telescope module, 0-255.
    file
        Base name of the file.
    first_frame_number
        Place of the first frame in the file, 0-based.
    generation
        Order of the files of one module and product as the source met them; the larger is the later.
    detected_unix_ns
        When the frames were read, UTC ns since 1970; 0 when it does not matter (archives).
    """

    data: bytes | memoryview | mmap.mmap
    layout: Layout
    module_id: int
    file: str
    first_frame_number: int = 0
    generation: int = 0
    detected_unix_ns: int = 0

    @property
    def product(self) -> DataProduct:
        """Data product."""
        return self.layout.product

    def __len__(self) -> int:
        return len(self.data) // self.layout.frame_size_bytes

    def __getitem__(self, i: int) -> Frame:
        n_frames, layout = len(self), self.layout
        if not -n_frames <= i < n_frames:
            raise IndexError(f"{self.file} block has {n_frames} frames; there is no frame {i}")
        i %= n_frames
        return self._frame(i, partial(layout.parse, self._header_text(i)))

    def _frame(self, i: int, header: Header | Callable[[], Header]) -> Frame:
        layout = self.layout
        begin = i * layout.frame_size_bytes
        return Frame(
            layout.product,
            self.module_id,
            self.file,
            self.first_frame_number + i,
            bytes(self.data[begin + layout.image_offset_bytes : begin + layout.frame_size_bytes]),
            header,
            generation=self.generation,
            detected_unix_ns=self.detected_unix_ns,
        )

    def _header_text(self, i: int) -> bytes:
        layout = self.layout
        begin = i * layout.frame_size_bytes
        text = bytes(self.data[begin : begin + layout.image_offset_bytes])
        # When no header ends where it should, the parser gets nothing to accept.
        return text[: layout.header_size_bytes] if text.endswith(END_OF_HEADER) else b""

    def __iter__(self) -> Iterator[Frame]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<FrameBlock {self.file}#{self.first_frame_number}, {len(self)} frames>"

    @cached_property
    def _headers(self) -> tuple[npt.NDArray[np.bool_], dict[str, npt.NDArray[np.int64]]]:
        shape = (len(self), self.layout.frame_size_bytes)
        rows: npt.NDArray[np.uint8] = np.ndarray(shape, np.uint8, buffer=self.data)
        return self.layout.parse_rows(rows)

    @property
    def is_small(self) -> bool:
        """Whether its headers are read one by one, see `few`."""
        return len(self) <= FEW_FRAMES

    @cached_property
    def few(self) -> list[Frame | None]:
        """The frames of a small block; None in place of those whose header does not parse."""
        frames: list[Frame | None] = []
        for i in range(len(self)):
            try:
                frames.append(self._frame(i, self.layout.parse(self._header_text(i))))
            except HeaderError:
                frames.append(None)
        return frames

    @cached_property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which headers parse, shape (n,)."""
        if self.is_small:
            return np.array([frame is not None for frame in self.few], np.bool_)
        return self._headers[0]

    @cached_property
    def quality(self) -> npt.NDArray[np.uint16]:
        """Flags of `Quality` of each frame, shape (n,); the first of each key has none of `IN_SEQUENCE`."""
        return np.asarray(QualityCheck()(self), np.uint16)

    @property
    def columns(self) -> dict[str, npt.NDArray[np.int64]]:
        """Header fields by name, shape (n, quabos); ``quabo_num`` of ph256 has shape (n,)."""
        return self._headers[1]

    @property
    def frame_numbers(self) -> npt.NDArray[np.int64]:
        """Place of each frame in its file, shape (n,)."""
        return np.arange(self.first_frame_number, self.first_frame_number + len(self))

    @property
    def images(self) -> npt.NDArray[Any]:
        """All images in ADC counts: a read-only view of shape (n, rows, columns), row 0 on top."""
        header = ("header", f"V{self.layout.image_offset_bytes}")
        frame = np.dtype([header, ("image", self.product.dtype, self.product.shape)])
        frames: npt.NDArray[Any] = np.ndarray(len(self), frame, buffer=self.data)
        images = frames["image"]
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

    def newest(self) -> dict[Key, Frame]:
        """The last frame of each key whose header parses, in the order in which they stand in the file."""
        return self._newest

    @cached_property
    def _newest(self) -> dict[Key, Frame]:
        newest: dict[Key, Frame] = {}
        if self.is_small:
            for frame in reversed(self.few):
                if frame is not None:
                    newest.setdefault(frame.key, frame)
            return dict(reversed(newest.items()))
        if self.product.one_quabo:
            # reversed, so that the first index of each value is its last frame
            quabos = np.where(self.valid, self.columns["quabo_num"], -1)[::-1]
            last = len(self) - 1 - np.unique(quabos, return_index=True)[1]
            rows = np.sort(last[self.valid[last]])
        else:
            rows = np.flatnonzero(self.valid)[-1:]
        return {frame.key: frame for frame in map(self.__getitem__, rows.tolist())}

    @cached_property
    def n_bad(self) -> int:
        """Frames whose header does not parse."""
        return self.few.count(None) if self.is_small else len(self) - int(np.count_nonzero(self.valid))

    def rows_of(self, key: Key) -> list[int] | npt.NDArray[np.intp]:
        """Where in the block the frames of `key` stand whose headers parse."""
        if self.is_small:
            return [i for i, frame in enumerate(self.few) if frame is not None and frame.key == key]
        is_here = self.valid if key.quabo is None else self.valid & (self.columns["quabo_num"] == key.quabo)
        return np.flatnonzero(is_here)

    def to_pandas(self) -> pd.DataFrame:
        """Headers as a table with one row per frame that parses, indexed by frame number."""
        import pandas as pd

        table: dict[str, npt.NDArray[Any]] = {"unix_ns": self.times[0], "time_status": self.times[1]}
        for name, column in self.columns.items():
            if column.ndim == 1 or column.shape[1] == 1:
                table[name] = column.reshape(len(self))
            else:
                table |= {f"quabo_{i}.{name}": column[:, i] for i in range(column.shape[1])}
        frame = pd.DataFrame(table, index=pd.Index(self.frame_numbers, name="frame_number"))
        return frame[self.valid]
