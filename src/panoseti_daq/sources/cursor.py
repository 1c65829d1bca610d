"""Cursor over every frame of one module and product, from file to file and from run to run.

The disk is the buffer: a cursor reads at the pace of its consumer, and reports a gap when files were deleted
before it reached them.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from panoseti_daq.errors import PffError
from panoseti_daq.pff import (
    DataProduct,
    FrameBlock,
    Gap,
    PffName,
    Position,
    RunName,
    Stretch,
    TimeStatus,
    open_file,
)
from panoseti_daq.sources.tail import Tail

BLOCK_BYTES: Final = 1 << 20  # the fastest here; gRPC takes messages of up to 4 MiB unless told otherwise
LOOK_AHEAD_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True, order=True)
class _Place:
    """Order of the files of one module and product: by start and name of the run, then by seqno."""

    run_start_s: float
    run: str
    seqno: int
    file: str

    @classmethod
    def of(cls, run: str, file: str) -> Self:
        return cls(_start_s(run), run, PffName.parse(file).seqno, file)

    @classmethod
    def before(cls, run: str) -> Self:
        """Before every file of a run, and after those of the runs before it."""
        return cls(_start_s(run), run, -1, "")


def _start_s(run: str) -> float:
    start = RunName.parse(run).start
    return start.timestamp() if start else 0.0


def _is_run(name: str) -> bool:
    try:
        RunName.parse(name)
    except PffError:
        return False
    return True


def earliest_run(runs: Iterable[str]) -> str:
    """The run that started first, of base names; empty when all are empty.

    Raises
    ------
    PffError
        One of them is not the name of a run.
    """
    return min((_Place.before(run) for run in runs if run), default=_Place(-1.0, "", -1, "")).run


class Cursor:
    """Reader of the frames of one module and product in order; for one thread at a time.

    Keeps one file open until `close`. A file that is deleted while it is open is still read to its end. Files that
    are deleted before the cursor reaches them are reported as a gap.

    Parameters
    ----------
    module_dir
        Directory ``module_N``, which may not be there yet.
    module_id, product
        Of the frames.
    at
        Begin here; None for the beginning of the first run not before `from_run`.
    from_run
        Base name of a run; empty for any.
    block_bytes
        Read at most this many bytes at once, but at least one frame.
    look_ahead_every_s
        Interval between listings of later files, which may be deleted before the cursor reaches them.
    """

    def __init__(
        self,
        module_dir: Path,
        module_id: int,
        product: DataProduct,
        at: Position | None = None,
        from_run: str = "",
        block_bytes: int = BLOCK_BYTES,
        look_ahead_every_s: float = LOOK_AHEAD_EVERY_S,
    ) -> None:
        self._module_dir = module_dir
        self._module_id = module_id
        self._product = product
        self._block_bytes = block_bytes
        self._look_ahead_every_s = look_ahead_every_s
        self._tail: Tail | None = None
        self._place = _Place.before(from_run) if from_run else _Place(-1.0, "", -1, "")
        self._next_frame = 0
        self._ahead: dict[_Place, int] = {}  # files yet to be read, and their size in bytes
        self._looked_at = 0.0
        self._frame_size_bytes = 0
        self._items: Iterator[Stretch | Gap] = iter(())
        if at is not None:
            self._open(_Place.of(at.run, at.file), at.frame_number)

    def read(self) -> Stretch | Gap | None:
        """Return the next frames, at most `block_bytes`, or a gap; None when there are no more for now.

        Raises
        ------
        OSError
            A directory is unreadable.
        """
        item = next(self._items, None)
        if item is None:
            self._items = self._read_on()
            item = next(self._items, None)
        return item

    def _read_on(self) -> Iterator[Stretch | Gap]:
        while True:
            yield from self._rest_of_file()
            yield from self._look_ahead()
            if not self._ahead:
                return
            # The writer closed the old file before it wrote to the next one, so its last bytes are there now.
            yield from self._rest_of_file()
            if self._tail is not None and (n_bytes := self._tail.n_left_over_bytes):
                yield self._gap(1, f"the file ends with {n_bytes} bytes of a frame that was never completed")
            following = min(self._ahead)
            del self._ahead[following]
            self._open(following)

    def _rest_of_file(self) -> Iterator[Stretch | Gap]:
        tail = self._tail
        if tail is None:
            return
        try:
            for block in tail.read(self._block_bytes):
                self._frame_size_bytes = block.layout.frame_size_bytes
                if block.first_frame_number > self._next_frame:
                    n_missing = block.first_frame_number - self._next_frame
                    yield self._gap(n_missing, "damaged frames were skipped")
                elif block.first_frame_number < self._next_frame:
                    yield self._gap(None, "the file was truncated and rewritten")
                self._next_frame = block.first_frame_number
                first = self._position()
                self._next_frame += len(block)
                yield Stretch(first, block)
                if time.monotonic() - self._looked_at > self._look_ahead_every_s:
                    yield from self._look_ahead()
        except FileNotFoundError:
            yield self._gap(None, "the file was deleted before it was read")
            self.close()
        except PffError as error:
            yield self._gap(None, f"the file is not PFF: {error}")
            self.close()

    def _look_ahead(self) -> Iterator[Gap]:
        """List the files to come; yield gaps for those that are gone."""
        self._looked_at = time.monotonic()
        present = dict(self._files_after(self._place))
        for place, size in sorted(self._ahead.items()):
            if place not in present:
                n_frames = size // self._frame_size_bytes if self._frame_size_bytes else None
                first = Position(self._module_id, self._product, place.run, place.file)
                yield Gap(first, n_frames, "the file was deleted before it was read")
        self._ahead = present

    def _files_after(self, begin: _Place) -> Iterator[tuple[_Place, int]]:
        """Files of this module and product that hold data, and their sizes."""
        for run_dir in _listed(self._module_dir):
            for path in _listed(run_dir) if _is_run(run_dir.name) else ():
                try:
                    name = PffName.parse(path.name)
                    place, size = _Place.of(run_dir.name, path.name), path.stat().st_size
                except (PffError, OSError):
                    continue
                if name.product is self._product and size and place > begin:
                    yield place, size

    def _position(self) -> Position:
        place = self._place
        return Position(self._module_id, self._product, place.run, place.file, self._next_frame)

    def _gap(self, n_frames: int | None, reason: str) -> Gap:
        return Gap(self._position(), n_frames, reason)

    def _open(self, place: _Place, frame_number: int = 0) -> None:
        self.close()
        self._place, self._next_frame = place, frame_number
        path = self._module_dir / place.run / place.file
        self._tail = Tail(path, PffName.parse(place.file), first_frame=frame_number)

    def close(self) -> None:
        """Close the file; reading continues with the next one."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None


def _listed(path: Path) -> list[Path]:
    try:
        return [path / name for name in os.listdir(path)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def position_in_run(
    module_dir: Path, run: str, module_id: int, product: DataProduct, since_ns: int | None = None
) -> Position | None:
    """Return a position among the frames that a run has now.

    Parameters
    ----------
    module_dir, run, module_id, product
        Of the frames.
    since_ns
        UTC ns since 1970: the first frame not taken before; None for the end.

    Returns
    -------
    Position
        The position; the end when all frames are earlier. None when the run has no frames yet.
    """
    position = None
    for place in sorted(_places(module_dir, run, product)):
        try:
            block = open_file(module_dir / run / place.file)
        except (PffError, OSError):
            continue
        position = Position(module_id, product, run, place.file, len(block))
        if since_ns is not None:
            times = _Times(block)  # bisected, not all parsed: a file of a night has millions of frames
            if times[len(block) - 1] >= since_ns:
                return Position(module_id, product, run, place.file, bisect_left(times, since_ns))
    return position


def _places(module_dir: Path, run: str, product: DataProduct) -> Iterator[_Place]:
    for path in _listed(module_dir / run):
        try:
            if PffName.parse(path.name).product is product:
                yield _Place.of(run, path.name)
        except PffError:
            continue


class _Times(Sequence[int]):
    """Times of the frames of a file as a sequence, parsed one by one; a frame without one counts as the last."""

    def __init__(self, block: FrameBlock) -> None:
        self._block = block

    def __len__(self) -> int:
        return len(self._block)

    def __getitem__(self, i: Any) -> Any:
        for frame in (self._block[j] for j in range(i, min(i + 8, len(self._block)))):
            try:
                taken = frame.time
            except PffError:
                continue
            if taken.status is not TimeStatus.NO_TIME:
                return taken.unix_ns
        return 1 << 62
