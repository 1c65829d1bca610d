"""A recorded run as arrays: the files of each product and module, joined over rotations."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from panoseti_daq.pff import FrameBlock, Recording, open_run
from panoseti_daq.pff.flags import Quality
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.names import FILE_SUFFIX
from panoseti_daq.pff.product import OpenArray
from panoseti_daq.pff.quality import QualityCheck
from panoseti_daq.pff.recording import open_files

_OF_ONE_FILE: Final = ("start_", "seqno_")  # tokens of a name that differ from file to file
_SEEN_BEFORE: Final = 4096  # frames that a check sees before those it judges: enough for one of each quabo
_SPAN: Final = 65536  # frames whose headers are read at once
_KEPT_SPANS: Final = 16  # 13 MB each


@dataclass(frozen=True, slots=True, eq=False)
class HeaderTable:
    """Times, judgements and header fields of n consecutive frames.

    Attributes
    ----------
    unix_ns
        UTC ns since 1970, int64 of shape (n,); 0 where no quabo reported a time.
    time_status
        `TimeStatus`, uint8 of shape (n,).
    quality
        Flags of `Quality`, uint16 of shape (n,). A header that does not parse has NO_TIME, and zeros as fields.
    fields
        Header fields by their dotted name (``quabo_0.pkt_num``, in ph256 ``pkt_num``), int64 of shape (n,).
    """

    unix_ns: npt.NDArray[np.int64]
    time_status: npt.NDArray[np.uint8]
    quality: npt.NDArray[np.uint16]
    fields: dict[str, npt.NDArray[np.int64]]

    @classmethod
    def of(cls, block: FrameBlock, check: QualityCheck) -> HeaderTable:
        """Read the headers of a block; `check` has seen the frames before it."""
        quality = np.array(check(block), np.uint16)
        quality[~block.valid] = Quality.NO_TIME
        unix_ns, time_status = block.times
        columns = block.columns
        if block.product.one_quabo:
            fields = {name: column.reshape(len(block)) for name, column in columns.items()}
        else:
            fields = {f"quabo_{i}.{name}": columns[name][:, i] for i in range(4) for name in QUABO_FIELDS}
        return cls(unix_ns, time_status, quality, fields)

    @classmethod
    def joined(cls, tables: Iterable[HeaderTable]) -> HeaderTable:
        """Return one table of several, of which there is at least one."""
        parts = list(tables)
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.unix_ns for part in parts]),
            np.concatenate([part.time_status for part in parts]),
            np.concatenate([part.quality for part in parts]),
            {name: np.concatenate([part.fields[name] for part in parts]) for name in parts[0].fields},
        )


class JudgedRecording(Recording):
    """A recording with the quality of its frames.

    Parameters
    ----------
    recording
        Its frames.

    Attributes
    ----------
    name
        What the names of the files have in common, such as ``dp_img16.bpp_2.module_1``.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__(recording.blocks, recording.paths)
        self.name: Final = name_of(recording.paths[0])
        self._span: Final = lru_cache(_KEPT_SPANS)(self._read_span)

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Self:
        """Open files of one module and product; errors as `open_files`."""
        return cls(open_files(paths))

    def headers(self, begin: int, end: int, check: QualityCheck) -> HeaderTable:
        """Return the headers from `begin` up to `end`, at least one; `check` has seen those before."""
        return HeaderTable.joined(HeaderTable.of(part, check) for part in self[begin:end].blocks)

    def check_at(self, begin: int) -> QualityCheck:
        """Return a check that has seen the frames before `begin`."""
        check = QualityCheck()
        if begin:
            for part in self[max(0, begin - _SEEN_BEFORE) : begin].blocks:
                check(part)
        return check

    def images_at(self, rows: npt.NDArray[np.intp]) -> OpenArray:
        """Return the images of some frames, a copy of shape (len(rows), rows, columns)."""
        images = np.empty((len(rows), *self.product.shape), self.product.dtype)
        for first, block in zip(accumulate(map(len, self.blocks), initial=0), self.blocks, strict=False):
            here = (rows >= first) & (rows < first + len(block))
            images[here] = block.images[rows[here] - first]
        return images

    def column_at(self, read: Callable[[HeaderTable], OpenArray], rows: range) -> OpenArray:
        """Return what `read` gives of the headers of consecutive frames; those read last are kept."""
        found = []
        for span in range(rows.start // _SPAN, -(-rows.stop // _SPAN)):
            first = span * _SPAN
            found.append(read(self._span(span))[max(rows.start - first, 0) : rows.stop - first])
        return np.concatenate(found) if len(found) != 1 else found[0]

    def _read_span(self, span: int) -> HeaderTable:
        begin = span * _SPAN
        return self.headers(begin, min(begin + _SPAN, len(self)), self.check_at(begin))

    def __reduce__(self) -> tuple[Callable[[Iterable[Path]], JudgedRecording], tuple[tuple[Path, ...]]]:
        return JudgedRecording.of, (self.paths,)


def name_of(path: Path) -> str:
    """Return what the names of all files of a product and module have in common, as pypff has it."""
    tokens = path.name.removesuffix(FILE_SUFFIX).split(".")
    return ".".join(token for token in tokens if not token.startswith(_OF_ONE_FILE))


def recordings_of(run_dir: Path) -> list[JudgedRecording]:
    """Return the recordings of one run, by name; parameters and errors as `panoseti_daq.open_run`."""
    return sorted(map(JudgedRecording, open_run(run_dir).values()), key=lambda recording: recording.name)
