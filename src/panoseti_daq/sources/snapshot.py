"""Snapshot files: one frame that is rewritten in place at constant size (SPEC 1.4)."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, FrameBlock, Layout, PffName
from panoseti_daq.pff.names import FILE_SUFFIX
from panoseti_daq.sources.regular import open_regular, signature
from panoseti_daq.sources.tail import MAX_BLOCK_BYTES, Tail

_PRODUCTS: Final = {product.token: product for product in DataProduct}


def snapshot_name(file: str, module_id: int) -> PffName | None:
    """Parse the base name of a snapshot of `module_id`; None when it is not one.

    It is like ``start_2024-07-25T04:34:46Z.img16.seqno_0.pff``: the data product stands alone, without ``dp_``,
    and a ``module_`` token is optional.
    """
    if not file.endswith(FILE_SUFFIX):
        return None
    tokens = file.removesuffix(FILE_SUFFIX).split(".")
    products = [_PRODUCTS[token] for token in tokens if token in _PRODUCTS]
    if len(products) != 1 or any(token.startswith("dp_") for token in tokens):
        return None
    return PffName(products[0], module_id)


class Snapshot(Tail):
    """Reader of a snapshot: whenever its content changes, that is a new generation.

    The file is read whole, and twice: a file that changes in between is left for the next `read`.
    """

    def __init__(self, path: Path, name: PffName, generations: Iterator[int] | None = None) -> None:
        super().__init__(path, name, generations or itertools.count())
        self._content = b""

    def read(self, max_block_bytes: int = MAX_BLOCK_BYTES) -> Iterator[FrameBlock]:
        """Yield the frames of the file when they differ from those of the last call."""
        self._signature = signature(os.stat(self.path))
        content = self._read_at_most(max_block_bytes)
        if content == self._content or content != self._read_at_most(max_block_bytes):
            return
        layout = Layout.discover(content, self.name.product)
        if layout is None or len(content) < layout.frame_size_bytes:
            return
        n_bytes = len(content) // layout.frame_size_bytes * layout.frame_size_bytes
        is_first, self._content = not self._content, content
        if not is_first:
            self.generation = next(self._generations)
        self.grew_at = time.monotonic()
        data, module_id = content[:n_bytes], self.name.module_id
        yield FrameBlock(data, layout, module_id, self.path.name, 0, self.generation, time.time_ns())

    def _read_at_most(self, n_bytes: int) -> bytes:
        with open(open_regular(self.path), "rb") as file:
            return file.read(n_bytes)  # and no more: a file with the name of a snapshot may have any size

    @property
    def n_frames(self) -> int:
        """Frames that the file holds."""
        layout = Layout.discover(self._content, self.name.product) if self._content else None
        return len(self._content) // layout.frame_size_bytes if layout else 0


def pff_name(file: str, module_id: int) -> PffName:
    """Parse the base name of a file in a run of `module_id`, snapshot or not.

    Raises
    ------
    PffError
        It is neither.
    """
    try:
        return PffName.parse(file)
    except PffError:
        name = snapshot_name(file, module_id)
        if name is None:
            raise
        return name
