"""Cursor over every frame of one module and product, from file to file and from run to run.

The disk is the buffer: a cursor reads at the pace of its consumer, and reports a gap when files were deleted
before it reached them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, FrameBlock, Gap, PffName, Position, Stretch
from panoseti_daq.pff.room import Room
from panoseti_daq.sources.places import BEGIN, FilePlace, ModuleFiles
from panoseti_daq.sources.roomy import RoomyTail
from panoseti_daq.sources.run_dir import RunFile
from panoseti_daq.sources.when import frame_number_of, is_where_expected

BLOCK_BYTES: Final = 2 << 20  # more is hardly faster, and gRPC takes messages of up to 4 MiB by default
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
        self._tail: RoomyTail | None = None
        self._place = BEGIN
        if from_run:
            self._place = FilePlace.before(from_run, self._files.start_of(from_run))
        self._next_frame = 0
        self._skip_to = 0  # frames before it are read, but not given
        self._ahead: deque[tuple[FilePlace, RunFile]] = deque()  # yet to be read
        self._n_changes = -1  # in the listing that it was taken from
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
        if place > self._furthest:
            self._files.expect(run)
            return
        if place == self._place:
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

    def is_cached(self) -> bool:
        """Return whether `read_cached` is worth a try."""
        return self._tail is not None and self._tail.is_cached(self._block_bytes)

    def read_cached(self, used: Room | None = None) -> Stretch | None:
        """Return the next frames of the open file if they are in memory; None if not, or where more is to be done.

        Never waits for a disk. The memory of `used`, whose frames nobody needs any more, is used again.
        """
        tail = self._tail
        is_due = time.monotonic() - self._looked_at > self._look_ahead_every_s
        if tail is None or is_due or tail.n_frames != self._next_frame:
            return None
        block = tail.read_cached(self._block_bytes, used)
        return None if block is None else self._stretch(block, tail.take_room())

    def _stretch(self, block: FrameBlock, room: Room | None) -> Stretch:
        """Move the position over a block."""
        self._next_frame = block.first_frame_number
        first = self._position()
        self._next_frame += len(block)
        return Stretch(first, block, room)

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
            following, file = self._ahead.popleft()
            self._open(following, size_bytes=file.size_bytes)

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

    def _rest_of(self, tail: RoomyTail) -> Iterator[Stretch | Gap]:
        for block in tail.read(self._block_bytes):
            self._frame_size_bytes, room = block.layout.frame_size_bytes, tail.take_room()
            if block.first_frame_number + len(block) <= self._skip_to:
                continue
            if block.first_frame_number < self._skip_to:
                block = block[self._skip_to - block.first_frame_number :]
            self._skip_to = 0
            if block.first_frame_number > self._next_frame:
                n_missing = block.first_frame_number - self._next_frame
                yield self._gap(n_missing, "damaged frames were skipped")
            yield from self._cut_to(block.first_frame_number)
            ready = [self._stretch(block, room)]
            del block, room  # a client that waits keeps nothing in memory
            yield ready.pop()
            if time.monotonic() - self._looked_at > self._look_ahead_every_s:
                yield from self._look_ahead()
        yield from self._cut_to(tail.n_frames)

    def _cut_to(self, n_frames: int) -> Iterator[Gap]:
        """Report at once that a file ends, or has other frames, before the frame that is next."""
        if n_frames < self._next_frame:
            self._skip_to = 0
            n_cut, self._next_frame = self._next_frame - n_frames, n_frames
            yield self._gap(n_cut, "the file was truncated")

    def _look_ahead(self) -> Iterator[Gap]:
        """List the files to come; yield gaps for those that are gone."""
        self._looked_at = time.monotonic()
        n_changes = self._files.look(self._furthest)
        if n_changes == self._n_changes:
            return
        self._n_changes = n_changes
        before = self._ahead
        self._ahead = deque(
            item for item in self._files.after(self._furthest, self._product) if item[1].size_bytes
        )
        present = {place for place, _ in self._ahead} if before else ()
        for place, file in before:
            if place not in present:
                yield self._gap_of_file(place, file.size_bytes)

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
        self._skip_to = frame_number if frame_number and self._is_uneven(path, frame_number) else 0
        first_frame = 0 if self._skip_to else frame_number
        self._tail = RoomyTail(path, PffName.parse(place.file), first_frame=first_frame)

    def _is_uneven(self, path: Path, frame_number: int) -> bool:
        """Whether a frame stands elsewhere than its number says: then all before it have to be read."""
        try:
            return not is_where_expected(path, self._product, frame_number)
        except (OSError, PffError):  # the tail says so
            return False

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
    # From the end: a night may have a hundred thousand files, and what is wanted is mostly in the last.
    for place, file in reversed(ModuleFiles.shared(module_dir, module_id).in_run(run, product)):
        try:
            found = frame_number_of(file.path, product, since_ns) if file.size_bytes else None
        except (PffError, OSError):
            continue
        if found is not None:
            number, is_there = found
            if is_there or position is None:
                position = Position(module_id, product, run, place.file, number)
            if number or not is_there:
                break
    return position
