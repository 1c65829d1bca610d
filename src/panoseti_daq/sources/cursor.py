"""Cursor over every frame of one module and product, from file to file and from run to run.

The disk is the buffer: a cursor reads at the pace of its consumer, and reports a gap when files were deleted
before it reached them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Gap, PffName, Position, Stretch
from panoseti_daq.sources.places import BEGIN, FilePlace, ModuleFiles
from panoseti_daq.sources.tail import Tail
from panoseti_daq.sources.when import frame_number_of

BLOCK_BYTES: Final = 1 << 20  # the fastest here; gRPC takes messages of up to 4 MiB by default
LOOK_AHEAD_EVERY_S: Final = 1.0
_N_LEFT: Final = 8  # files that may still grow after the next one came
_GONE: Final = "the file was deleted before it was read"


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
        self._files = ModuleFiles.shared(module_dir, module_id)
        self._module_dir = module_dir
        self._module_id = module_id
        self._product = product
        self._block_bytes = block_bytes
        self._look_ahead_every_s = look_ahead_every_s
        self._tail: Tail | None = None
        self._place = BEGIN
        if from_run:
            self._place = FilePlace.before(from_run, self._files.start_of(from_run))
        self._next_frame = 0
        self._ahead: dict[FilePlace, int] = {}  # files yet to be read, and their size in bytes
        self._furthest = self._place
        self._late: dict[FilePlace, int] = {}  # files before it that are yet to be read, and from where
        self._left: dict[FilePlace, int] = {}  # where the last few files were left
        self._size_bytes = 0  # of the file, before it was opened
        self._looked_at = 0.0
        self._frame_size_bytes = 0
        self._items: Iterator[Stretch | Gap] = iter(())
        if at is not None:
            self._open(FilePlace.of(at.run, at.file), at.frame_number)

    def note(self, run: str, file: str, first_frame: int, end_frame: int) -> None:
        """Take note that frames of a file came: one before the furthest may grow, too."""
        try:
            place = FilePlace.of(run, file)
        except PffError:
            return
        if place > self._furthest or place == self._place:
            return
        begin = self._left.get(place, first_frame)
        if end_frame > begin:
            self._late.setdefault(place, begin)

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
            if not self._ahead:
                yield from self._look_ahead()
            if self._late:
                self._visit()
                continue
            if not self._ahead:
                return
            # The writer closed the old file before it wrote to the next one, so its last bytes are there now.
            yield from self._rest_of_file()
            if self._tail is not None and (n_bytes := self._tail.n_left_over_bytes):
                yield self._gap(1, f"the file ends with {n_bytes} bytes of a frame that was never completed")
            following = min(self._ahead)
            size = self._ahead.pop(following)
            self._open(following, size_bytes=size)

    def _visit(self) -> None:
        """Go to a file before the furthest one, and come back later."""
        if self._place == self._furthest and self._tail is not None:
            self._late[self._furthest] = self._next_frame
        place = min(self._late)
        self._open(place, self._late.pop(place))

    def _rest_of_file(self) -> Iterator[Stretch | Gap]:
        tail = self._tail
        if tail is None:
            return
        try:
            yield from self._rest_of(tail)
            if not tail.stands() and tail.path.exists():  # what was written to the old one is read: now the other
                yield self._gap(None, "the file was replaced by another one of its name")
                self._open(self._place)
                self._left.pop(self._place, None)
        except FileNotFoundError:
            yield (
                self._gap_of_file(self._place, self._size_bytes)
                if not self._next_frame
                else self._gap(None, _GONE)
            )
            self.close()
        except PffError:  # what it holds instead is nobody's business
            yield self._gap(None, "the file is not PFF")
            self.close()

    def _rest_of(self, tail: Tail) -> Iterator[Stretch | Gap]:
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
            ready = [Stretch(first, block)]
            del block  # a client that waits keeps nothing in memory
            yield ready.pop()
            if time.monotonic() - self._looked_at > self._look_ahead_every_s:
                yield from self._look_ahead()

    def _look_ahead(self) -> Iterator[Gap]:
        """List the files to come; yield gaps for those that are gone."""
        self._looked_at = time.monotonic()
        files = self._files.after(self._furthest, self._product)
        present = {place: file.size_bytes for place, file in files if file.size_bytes}
        for place, size in sorted(self._ahead.items()):
            if place not in present:
                yield self._gap_of_file(place, size)
        self._ahead = present

    def _gap_of_file(self, place: FilePlace, size_bytes: int) -> Gap:
        n_frames = size_bytes // self._frame_size_bytes if size_bytes and self._frame_size_bytes else None
        first = Position(self._module_id, self._product, place.run, place.file)
        return Gap(first, n_frames, _GONE)

    def _position(self) -> Position:
        place = self._place
        return Position(self._module_id, self._product, place.run, place.file, self._next_frame)

    def _gap(self, n_frames: int | None, reason: str) -> Gap:
        return Gap(self._position(), n_frames, reason)

    def _open(self, place: FilePlace, frame_number: int = 0, size_bytes: int = 0) -> None:
        if self._tail is not None:
            self._left[self._place] = self._next_frame
            while len(self._left) > _N_LEFT:
                del self._left[next(iter(self._left))]
        self.close()
        self._place, self._next_frame, self._size_bytes = place, frame_number, size_bytes
        self._furthest = max(self._furthest, place)
        path = self._module_dir / place.run / place.file
        self._tail = Tail(path, PffName.parse(place.file), first_frame=frame_number)

    def close(self) -> None:
        """Close the file; reading continues with the next one."""
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def end(self) -> None:
        """Close the file and let go of everything; nothing is read any more."""
        self.close()
        self._items = iter(())  # refers to the cursor


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
    for place, _ in ModuleFiles.shared(module_dir, module_id).in_run(run, product):
        try:
            found = frame_number_of(module_dir / run / place.file, product, since_ns)
        except (PffError, OSError):
            continue
        if found is not None:
            number, is_there = found
            position = Position(module_id, product, run, place.file, number)
            if is_there:
                break
    return position
