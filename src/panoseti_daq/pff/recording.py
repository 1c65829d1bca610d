"""A recorded run as arrays: the files of each module and product, joined over rotations."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from panoseti_daq.errors import ConfigError, PffError
from panoseti_daq.pff.archive import open_file, run_files
from panoseti_daq.pff.block import FrameBlock
from panoseti_daq.pff.frame import Frame
from panoseti_daq.pff.names import PffName
from panoseti_daq.pff.product import DataProduct, ImageStack, ModuleProduct, OpenArray

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

_Array = TypeVar("_Array", bound=OpenArray)

_UNKNOWN_START: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Recording(Sequence[Frame]):
    """All frames of one module and product, over the files of a run; memory-mapped and lazy.

    A sequence of frames: ``recording[i]`` is a frame, ``recording[a:b]`` a recording of consecutive ones. Arrays
    over one file are views of it; over several files they are copies. A file that grows is seen as it was when it
    was opened. A file stays mapped as long as the recording, or an array made from it, lives.

    Attributes
    ----------
    blocks
        The frames of each file, in the order in which the writer began the files; at least one.
    paths
        The files.
    """

    blocks: tuple[FrameBlock, ...]
    paths: tuple[Path, ...]

    @property
    def run(self) -> str:
        """Base name of the run directory."""
        return self.paths[0].absolute().parent.name

    @property
    def product(self) -> DataProduct:
        """Data product."""
        return self.blocks[0].product

    @property
    def module_id(self) -> int:
        """Telescope module, 0-255."""
        return self.blocks[0].module_id

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self.blocks)))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, i: int) -> Frame: ...
    @overload
    def __getitem__(self, i: slice) -> Recording: ...
    def __getitem__(self, i: int | slice) -> Frame | Recording:
        """Return one frame, or a recording of consecutive ones that shares the files."""
        n_frames = len(self)
        if isinstance(i, slice):
            begin, end, step = i.indices(n_frames)
            if step != 1:
                raise ValueError(
                    f"invalid step: {step}; allowed: 1, for the frames of a recording are consecutive"
                )
            return self._part(begin, end)
        if not -n_frames <= i < n_frames:
            raise IndexError(f"{self!r} has no frame {i}")
        i %= n_frames
        at = bisect_right(self._ends, i)
        return self.blocks[at][i - self._ends[at]]  # counted from the end of the file

    def _part(self, begin: int, end: int) -> Recording:
        # Files outside the slice are left out, so that a part of a long run holds no mapping of the rest.
        parts = []
        for block, path, stop in zip(self.blocks, self.paths, self._ends, strict=True):
            first = stop - len(block)
            part = block[max(begin - first, 0) : max(end - first, 0)]
            if len(part):
                parts.append((part, path))
        # An empty recording keeps its first file: product and module are read from it.
        blocks, paths = zip(*(parts or [(self.blocks[0][:0], self.paths[0])]), strict=True)
        return Recording(blocks, paths)

    def __iter__(self) -> Iterator[Frame]:
        for block in self.blocks:
            yield from block

    @property
    def images(self) -> ImageStack:
        """All images in ADC counts, shape (n, rows, columns), row 0 on top."""
        return _joined([block.images for block in self.blocks])

    @property
    def times(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """UTC nanoseconds since 1970 and `TimeStatus` of each frame, both of shape (n,)."""
        times = [block.times for block in self.blocks]
        return _joined([unix_ns for unix_ns, _ in times]), _joined([status for _, status in times])

    @property
    def columns(self) -> dict[str, npt.NDArray[np.int64]]:
        """Header fields by name, shape (n, quabos); ``quabo_num`` of ph256 has shape (n,)."""
        columns = [block.columns for block in self.blocks]
        return {name: _joined([one[name] for one in columns]) for name in columns[0]}

    @property
    def valid(self) -> npt.NDArray[np.bool_]:
        """Which headers parse, shape (n,)."""
        return _joined([block.valid for block in self.blocks])

    def to_pandas(self) -> pd.DataFrame:
        """Headers as a table with one row per frame that parses, indexed by file and frame number."""
        import pandas as pd

        # Frame numbers begin at 0 in each file; the file is part of the index.
        tables = {block.file: block.to_pandas() for block in self.blocks}
        return pd.concat(tables, names=["file"])

    def __repr__(self) -> str:
        what = f"module {self.module_id} {self.product.token}"
        return f"<Recording {what}, {len(self)} frames in {len(self.paths)} files of {self.run}>"


class Run(Mapping[ModuleProduct, Recording]):
    """Recordings of one run by module and product: ``run[224, "img16"]``.

    Parameters
    ----------
    recordings
        Those of one run; at least one.
    """

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = {(recording.module_id, recording.product): recording for recording in recordings}

    @property
    def name(self) -> str:
        """Base name of the run directory."""
        return next(iter(self.values())).run

    def __getitem__(self, key: tuple[int, DataProduct | str]) -> Recording:
        module_id, product = key
        if isinstance(product, str):
            product = DataProduct.from_token(product)
        found = self._recordings.get((module_id, product))
        if found is None:
            there_are = ", ".join(f"{module} {product.token}" for module, product in self)
            raise KeyError(f"module {module_id} {product.token} not found in {self.name}; there are: {there_are}")
        return found

    def __iter__(self) -> Iterator[ModuleProduct]:
        return iter(self._recordings)

    def __len__(self) -> int:
        return len(self._recordings)

    def __repr__(self) -> str:
        parts = (f"module {module} {product.token}: {len(one)}" for (module, product), one in self.items())
        return f"<Run {self.name}, frames of {', '.join(parts)}>"


def open_run(run_dir: str | Path) -> Run:
    """Open the files of a recorded run as arrays, by module and product.

    Files without a whole frame are left out, with a warning in the log; see `open_file` for the rest.

    Parameters
    ----------
    run_dir
        An archived run (flat), the run directory of one module, or a data directory with a single run.

    Raises
    ------
    ConfigError
        It holds several runs.
    PffError
        No PFF file in it holds a whole frame.
    OSError
        It is missing or unreadable.

    Examples
    --------
    >>> from panoseti_daq import open_run
    >>> run = open_run("obs_Lick.start_2024-07-25T04:34:06Z.runtype_sci-data.pffd")     # doctest: +SKIP
    >>> run[1, "img16"].images.mean(axis=(1, 2))                                        # doctest: +SKIP
    """
    files = run_files(run_dir)
    if len(runs := sorted({path.absolute().parent.name for path in files})) > 1:
        raise ConfigError(
            f"{run_dir} holds {len(runs)} runs: {', '.join(runs)}; allowed: a directory of one of them"
        )
    recordings = []
    for _, group in groupby(sorted(files, key=_order), key=lambda path: _order(path)[:2]):
        with suppress(PffError):  # its warnings are logged
            recordings.append(open_files(group))
    if not recordings:
        raise PffError(f"no file of {run_dir} holds a whole frame")
    return Run(recordings)


def open_files(paths: Iterable[Path]) -> Recording:
    """Open files of one module and product, in the order in which the writer began them (SPEC 1.4).

    A file without a whole frame is left out, with a warning in the log.

    Raises
    ------
    PffError
        No file holds a whole frame; says why the last one does not.
    """
    opened: list[tuple[FrameBlock, Path]] = []
    error = PffError("a recording needs a file")
    for path in sorted(paths, key=_order):
        try:
            opened.append((open_file(path), path))
        except PffError as reason:
            error = reason
            _log.warning("left out: %s", reason)
    if not opened:
        raise error
    return Recording(tuple(block for block, _ in opened), tuple(path for _, path in opened))


def _order(path: Path) -> tuple[int, str, datetime, int, str]:
    name = PffName.parse(path.name)
    return name.module_id, name.product.token, name.start or _UNKNOWN_START, name.seqno, path.name


def _joined(arrays: Sequence[_Array]) -> _Array:
    # The array of a single file stays a view of its mapping; a copy would read all of it.
    return arrays[0] if len(arrays) == 1 else cast(_Array, np.concatenate(arrays))
