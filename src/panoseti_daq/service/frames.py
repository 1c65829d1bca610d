"""Every frame, in order, for one client: the cursors behind a StreamFrames call.

Nothing is queued for a client: it reads from the files at its own pace, and what makes it read on is that a file
grew. So a slow client costs no memory, and one that comes back goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.errors import DataDirError, PffError
from panoseti_daq.hub import Filter
from panoseti_daq.pff import DataProduct, Gap, Key, Position
from panoseti_daq.sources.cursor import Cursor, Stretch, position_in_run
from panoseti_daq.sources.runs import active_run, active_run_name, module_dirs

BATCH_BYTES: Final = 4 << 20  # read at once for one client

ModuleProduct = tuple[int, DataProduct]

Item = Stretch | Gap | Position
"""Frames, what is missing, or where a cursor begins."""


class FrameReader:
    """The cursors of one client. `close` may be called while another thread reads; it waits for it.

    Parameters
    ----------
    data_dir
        Holds the ``module_N`` directories.
    wanted
        Kinds and modules.
    request
        Where to begin.

    Raises
    ------
    PffError
        A position to resume at is not one.
    """

    def __init__(self, data_dir: Path, wanted: Filter, request: pb.StreamFramesRequest) -> None:
        self._data_dir = data_dir
        self._wanted = wanted
        self._begin = request.begin
        self._since_ns = request.since_unix_ns
        self._resume = {(p.module_id, p.product): p for p in map(position_of, request.resume)}
        self._cursors: dict[ModuleProduct, Cursor] = {}
        self._ready: dict[ModuleProduct, None] = {}  # may have more; first in, first out
        self._begun: list[Position] = []  # where cursors begin, to be told once
        self._first_look = True
        self._lock = threading.Lock()
        self._closed = False

    def read(self, grown: Collection[ModuleProduct] | None) -> list[Item]:
        """What comes next, up to `BATCH_BYTES`, from each cursor in turn.

        Parameters
        ----------
        grown
            Modules and products whose files grew; None to look at everything.
        """
        with self._lock:
            return [] if self._closed else self._read(grown)

    def _read(self, grown: Collection[ModuleProduct] | None) -> list[Item]:
        if grown is None or any(key not in self._cursors for key in grown):
            self._look_for_modules()
            grown = self._cursors
        self._ready |= dict.fromkeys(key for key in grown if key in self._cursors)
        items: list[Item] = [*self._begun]
        self._begun.clear()
        n_bytes = 0
        while self._ready and n_bytes < BATCH_BYTES:
            key = next(iter(self._ready))
            del self._ready[key]
            item = self._cursors[key].read()
            if item is not None:
                self._ready[key] = None
                items.append(item)
                n_bytes += len(item.block.data) if isinstance(item, Stretch) else 0
        return items

    def _look_for_modules(self) -> None:
        run_name = active_run_name(self._data_dir)
        try:
            dirs = module_dirs(self._data_dir)
        except DataDirError:  # it may come back
            dirs = {}
        for module_id, module_dir in dirs.items():
            for product in DataProduct:
                key = module_id, product
                if key not in self._cursors and Key(module_id, product, None) in self._wanted:
                    self._cursors[key] = self._new_cursor(module_dir, run_name, module_id, product)
        self._first_look = False

    def _new_cursor(self, module_dir: Path, run_name: str | None, module_id: int, product: DataProduct) -> Cursor:
        at = self._resume.get((module_id, product))
        if at is None:
            at = self._beginning(module_dir, run_name, module_id, product)
            self._begun.append(at)
        if not at.file:
            return Cursor(module_dir, module_id, product, from_run=at.run)
        return Cursor(module_dir, module_id, product, at=at)

    def _beginning(self, module_dir: Path, run_name: str | None, module_id: int, product: DataProduct) -> Position:
        """Where to begin; told to the client even before there is a frame, so that its token is complete."""
        run = active_run(module_dir, run_name)
        beginning = Position(module_id, product, run.name if run else "", "")
        if run is None or not self._first_look or self._begin == pb.StreamFramesRequest.RUN:
            return beginning
        since_ns = self._since_ns if self._begin == pb.StreamFramesRequest.TIME else None
        return position_in_run(module_dir, run.name, module_id, product, since_ns) or beginning

    def close(self) -> None:
        """Close all files; a later `read` finds nothing."""
        with self._lock:
            self._closed = True
            for cursor in self._cursors.values():
                cursor.close()


def position_of(message: pb.Position) -> Position:
    """Position of a message.

    Raises
    ------
    PffError
        A name in it leads out of the data directory, or it has no such data product.
    """
    for name in (message.run, message.file):
        if "/" in name or name.startswith("."):
            raise PffError(f"cannot resume at {name!r}: it is not the name of a run or file")
    try:
        product = DataProduct.from_token(message.product)
    except ValueError as error:
        raise PffError(f"cannot resume: {error}") from None
    return Position(message.module_id, product, message.run, message.file, message.frame_number)


def encode(item: Item, sequence: int) -> Iterable[bytes]:
    """Parts of the bytes of a StreamFramesResponse; the frames are the last part and are not copied."""
    at = item if isinstance(item, Position) else item.first
    first = pb.Position(
        module_id=at.module_id, product=at.product.token, run=at.run, file=at.file, frame_number=at.frame_number
    )
    response = pb.StreamFramesResponse(sequence=sequence, first=first)
    if isinstance(item, Position):
        return (response.SerializeToString(),)
    if isinstance(item, Gap):
        response.frames, response.gap = item.n_frames or 0, item.reason
        return (response.SerializeToString(),)
    block = item.block
    response.frames, response.detected_unix_ns = len(block), block.detected_unix_ns
    return response.SerializeToString(), _DATA_TAG, _varint(len(block.data)), bytes(block.data)


_DATA_TAG: Final = bytes([pb.StreamFramesResponse.DATA_FIELD_NUMBER << 3 | 2])  # a field with a length


def _varint(n: int) -> bytes:
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)
