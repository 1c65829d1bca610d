"""Lossless stream of one client: its cursors in the files.

Nothing is queued for a client: it reads from the files at its own pace, whenever they grow. So a slow client costs
no memory, and one that returns continues where it was.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from weakref import WeakSet

from panoseti_daq.errors import DataDirError
from panoseti_daq.pff import Begin, DataProduct, Gap, Key, ModuleProduct, Position, Selection, Stretch
from panoseti_daq.pff.layout import MAX_HEADER_BYTES
from panoseti_daq.pff.position import Grown
from panoseti_daq.pff.room import Room
from panoseti_daq.printable import sendable
from panoseti_daq.sources.cursor import BLOCK_BYTES, Cursor, position_in_run
from panoseti_daq.sources.moment import position_at
from panoseti_daq.sources.places import ModuleFiles, earliest_run
from panoseti_daq.sources.runs import active_runs, is_below, module_dirs

_log = logging.getLogger(__name__)

BATCH_BYTES: Final = 4 << 20  # read at once for one client
ALL_BATCHES_BYTES: Final = 64 << 20  # for all clients together
_MOST_ITEMS: Final = 1024  # read at once: many files may be gaps only

Item = Stretch | Gap | Position
"""Frames, a gap, or the position where a cursor begins."""


def batch_bytes(n_readers: int) -> int:
    """Return how much is read at once for each of some clients."""
    return min(BATCH_BYTES, ALL_BATCHES_BYTES // max(n_readers, 1))


class FrameReader:
    """Cursors of one client. `close` may be called while another thread reads, which then ends soon.

    Existing files are read from where the client asks. A module or product that appears later,
    even while the client is away, is read from its first frame: it begins with the earliest of the runs that were
    active then; after a break, of those at which the client stands in its other modules and products.

    Parameters
    ----------
    data_dir
        Holds the ``module_N`` directories.
    selection
        Which frames.
    begin
        Where to begin or to continue.
    active
        Returns the base name of the active run of each module; None to look.
    roots
        Nothing is read while the data directory is not below one of these; none for any.

    Raises
    ------
    PffError
        A position to resume at is invalid.
    """

    def __init__(
        self,
        data_dir: Path,
        selection: Selection,
        begin: Begin,
        active: Callable[[], Mapping[int, str]] | None = None,
        roots: Collection[Path] = (),
    ) -> None:
        self._roots = roots
        self._active_runs = active
        self._data_dir = data_dir
        self._selection = selection
        self._begin = begin
        self._places = {(p.module_id, p.product): p for p in begin.resume}
        self._first_run: str | None = None  # in which what appears later begins; None before the first look
        if self._places:
            self._first_run = earliest_run(place.run for place in self._places.values())
        self._cursors: dict[ModuleProduct, Cursor] = {}
        self._listings: dict[int, ModuleFiles] = {}  # kept, so that all cursors share one
        self._ready: dict[ModuleProduct, None] = {}  # may have more; first in, first out
        self._n_left: dict[ModuleProduct, int] = {}  # frames that may still be read, where there is a limit
        self._begun: list[Position] = []  # sent once, so that a client that returns can name its position
        self._has_read = False
        self._used: Room | None = None  # of what was read last, if that was in memory
        self._lock = threading.Lock()
        _open_readers.add(self)
        self._closed = False

    def read(self, grown: Grown | None) -> list[Item]:
        """Return what comes next, up to `batch_bytes`, from each cursor in turn.

        Parameters
        ----------
        grown
            Files that grew, by module and product; None to look at everything.
        """
        with self._in_turn():
            is_over = self._closed or not is_below(self._data_dir, self._roots)
            return [] if is_over else self._read(grown)

    def is_cached(self) -> bool:
        """Return whether `read_cached` is worth a try; not while another thread reads."""
        key = next(iter(self._ready), None)
        return key is not None and self._cursors[key].is_cached()

    def read_cached(self) -> list[Item]:
        """Return more of what the last `read` found, if it is in memory; nothing where `read` has more to do.

        Never waits for a disk. The frames are there until the next call.
        """
        with self._in_turn():
            key, used, self._used = next(iter(self._ready), None), self._used, None
            if self._closed or key is None or (stretch := self._cursors[key].read_cached(used)) is None:
                return []
            del self._ready[key]
            self._used = stretch.room
            return self._given(key, stretch)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """Keep other threads out; let go of everything if `close` was called meanwhile."""
        try:
            with self._lock:
                yield
        finally:
            if self._closed:
                self._let_go()

    def _read(self, grown: Grown | None) -> list[Item]:
        self._used = None
        if grown is None or any(key not in self._cursors for key in grown):
            self._look_for_modules()
        if self._begin.n_most and grown:
            grown = {}  # who looks at a moment is not led to files that grow elsewhere
        for key, files in (grown or {}).items():
            for (run, file), (first, end) in files.items() if key in self._cursors else ():
                self._cursors[key].note(run, file, first, end)
        keys = self._cursors if grown is None else grown
        self._ready |= dict.fromkeys(key for key in keys if key in self._cursors and self._n_left.get(key) != 0)
        items: list[Item] = [*self._begun]
        self._begun.clear()
        n_bytes, enough = 0, batch_bytes(len(_open_readers))
        # At first one block of each, which are small: the client has them while the next ones are read.
        n_turns = sys.maxsize if self._has_read else len(self._ready)
        self._has_read = True
        while self._ready and n_bytes < enough and len(items) < _MOST_ITEMS and n_turns and not self._closed:
            n_turns -= 1
            key = next(iter(self._ready))
            del self._ready[key]
            try:
                item = self._cursors[key].read()
            except OSError as error:  # permission, too many open files: the next look tries again
                _log.warning("module %d %s cannot be read now: %s", key[0], key[1].token, error)
                continue
            if item is None:
                continue
            if isinstance(item, Stretch):
                n_bytes += len(item.block.data)
            items += self._given(key, item)
        return items

    def _given(self, key: ModuleProduct, item: Stretch | Gap) -> list[Item]:
        """Return what is sent of an item of a cursor, whose next turn comes after the others."""
        items: list[Item] = [item]
        if isinstance(item, Stretch):
            items = [*self._selected(self._limited(key, item))]
        if self._n_left.get(key) != 0:
            self._ready[key] = None
        return items

    def _limited(self, key: ModuleProduct, stretch: Stretch) -> Stretch:
        """Return the frames that may still be sent."""
        if not self._begin.n_most:
            return stretch
        n_left = self._n_left.get(key, self._begin.n_most)
        self._n_left[key] = max(n_left - len(stretch.block), 0)
        if not self._n_left[key]:
            self._cursors[key].close()  # nobody will ask for the rest
        return Stretch(stretch.first, stretch.block[:n_left])

    def _selected(self, stretch: Stretch) -> Iterator[Stretch]:
        for block in stretch.block.of_quabos(self._selection.quabos):
            if block is stretch.block:
                yield stretch
            else:
                yield Stretch(replace(stretch.first, frame_number=block.first_frame_number), block)

    def _look_for_modules(self) -> None:
        try:
            dirs = module_dirs(self._data_dir, self._roots)
        except DataDirError:  # it may come back
            return
        for module_id in {module_id for module_id, _ in self._wanted_of(dirs)}:
            self._listings.setdefault(module_id, ModuleFiles.shared(dirs[module_id], module_id))
        if self._first_run is None:
            self._first_run = self._look_first(dirs)
        for module_id, product in self._wanted_of(dirs):
            key = module_id, product
            if key not in self._cursors:
                at = self._places.get(key)
                if at is None:
                    at = Position(module_id, product, self._first_run, "")
                    self._begun.append(at)
                self._cursors[key] = self._cursor(dirs[module_id], at)

    def _wanted_of(self, module_ids: Iterable[int]) -> list[ModuleProduct]:
        keys = (Key(module_id, product, None) for module_id in module_ids for product in DataProduct)
        return [(key.module_id, key.product) for key in keys if key in self._selection]

    def _look_first(self, dirs: Mapping[int, Path]) -> str:
        """Find where to begin in what is there; base name of the earliest active run, empty when there is none."""
        active = active_runs(self._data_dir) if self._active_runs is None else self._active_runs()
        first_run = earliest_run(active.values())
        for module_id, product in self._wanted_of(dirs):
            run_begins = Position(module_id, product, active.get(module_id, first_run), "")
            self._places[module_id, product] = self._beginning(dirs[module_id], run_begins)
        if not self._places:  # nothing of it is there yet: one place names the run in which it appeared
            for key in self._wanted_of([min(self._selection.module_ids, default=0)])[:1]:
                self._places[key] = Position(*key, first_run, "")
        self._begun.extend(self._places.values())
        return first_run

    def _beginning(self, module_dir: Path, run_begins: Position) -> Position:
        """Return where the client wants to begin, given the beginning of the active run."""
        module_id, product, since_ns = run_begins.module_id, run_begins.product, self._begin.since_unix_ns
        if self._begin.of_any_run and since_ns is not None:
            return position_at(module_dir, module_id, product, since_ns, self._begin.n_before) or run_begins
        if not run_begins.run or since_ns == 0:
            return run_begins
        return position_in_run(module_dir, run_begins.run, module_id, product, since_ns) or run_begins

    def _cursor(self, module_dir: Path, at: Position) -> Cursor:
        size = min(BLOCK_BYTES, batch_bytes(len(_open_readers)))
        if self._begin.n_most:  # a moment of many modules is not to read a megabyte of each
            size = min(size, self._begin.n_most * (MAX_HEADER_BYTES + at.product.image_size_bytes))
        at = replace(at, run=_real(module_dir, at.run))
        at = replace(at, file=_real(module_dir / at.run, at.file))
        if at.file:
            return Cursor(module_dir, at.module_id, at.product, at=at, block_bytes=size)
        return Cursor(module_dir, at.module_id, at.product, from_run=at.run, block_bytes=size)

    def close(self) -> None:
        """Close all files, or let the thread that reads close them: it may hang. A later `read` finds nothing."""
        self._closed = True
        self._let_go()

    def _let_go(self) -> None:
        if not self._lock.acquire(blocking=False):
            return
        try:
            _open_readers.discard(self)
            for cursor in self._cursors.values():
                cursor.end()
            self._cursors.clear()
            self._ready.clear()
            self._listings.clear()
        finally:
            self._lock.release()


_open_readers: Final[WeakSet[FrameReader]] = WeakSet()


def _real(directory: Path, name: str) -> str:
    """Return the name in a directory of what messages call so: bytes that are no UTF-8 are replaced in them."""
    if "\ufffd" not in name or not directory.is_dir():
        return name
    return next((found for found in sorted(os.listdir(directory)) if sendable(found) == name), name)
