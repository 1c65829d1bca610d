"""A recorded run as arrays: the files of each product and module, joined over rotations."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate, groupby
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff import FrameBlock, PffName, Recording, open_file
from panoseti_daq.pff.archive import run_files
from panoseti_daq.pff.flags import Quality
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.names import FILE_SUFFIX
from panoseti_daq.pff.product import OpenArray
from panoseti_daq.pff.quality import QualityCheck

logger = logging.getLogger(__name__)

_OF_ONE_FILE: Final = ("start_", "seqno_")  # tokens of a name that differ from file to file
_SEEN_BEFORE: Final = 4096  # frames that a check sees before those it judges: enough for one of each quabo
_SPAN: Final = 65536  # frames whose headers are read at once
_KEPT_SPANS: Final = 16  # 13 MB each
_UNKNOWN_START: Final = datetime.min.replace(tzinfo=UTC)


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
    """A recording with the quality of its frames, made from its files.

    Files are ordered as the writer began them (SPEC 1.4). A partial frame at the end of a file is left out, and so
    is a file without a whole frame, with a warning.

    Parameters
    ----------
    paths
        Files of one data product and module.

    Raises
    ------
    PffError
        No file holds a whole frame; the message says why the last one does not.

    Attributes
    ----------
    name
        What the names of the files have in common, such as ``dp_img16.bpp_2.module_1``.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        opened: list[tuple[Path, FrameBlock]] = []
        error: PffError | None = None
        for path in sorted(paths, key=_order):
            try:
                opened.append((path, open_file(path)))
            except PffError as reason:
                error = reason
                logger.warning("left out: %s", reason)
        if not opened:
            raise error or PffError("a recording needs a file")
        super().__init__(tuple(block for _, block in opened), tuple(path for path, _ in opened))
        self.name: Final = name_of(opened[0][0])
        self._span: Final = lru_cache(_KEPT_SPANS)(self._read_span)

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

    def __reduce__(self) -> tuple[type[JudgedRecording], tuple[tuple[Path, ...]]]:
        return JudgedRecording, (self.paths,)


def name_of(path: Path) -> str:
    """Return what the names of all files of a product and module have in common, as pypff has it."""
    tokens = path.name.removesuffix(FILE_SUFFIX).split(".")
    return ".".join(token for token in tokens if not token.startswith(_OF_ONE_FILE))


def _order(path: Path) -> tuple[datetime, int, str]:
    name = PffName.parse(path.name)
    return name.start or _UNKNOWN_START, name.seqno, path.name


def recordings_of(run_dir: Path) -> list[JudgedRecording]:
    """Return the recordings of one run, by name.

    Parameters
    ----------
    run_dir
        An archived run (flat), the run directory of one module, or a data directory with a single run.

    Raises
    ------
    ConfigError
        It holds several runs.
    PffError
        It holds no PFF file with data.
    OSError
        It is missing or unreadable.
    """
    files = sorted(run_files(run_dir), key=name_of)
    if len(runs := sorted({path.absolute().parent.name for path in files})) > 1:
        raise ConfigError(f"{run_dir} holds {len(runs)} runs: {', '.join(runs)}; name one of them")
    found = []
    for _, group in groupby(files, key=name_of):
        try:
            found.append(JudgedRecording(group))
        except PffError:
            continue  # its warnings are logged
    if not found:
        raise PffError(f"no file of {run_dir} holds a whole frame")
    return found
