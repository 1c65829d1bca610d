"""Frames, blocks and names for the tests: frame i has packet number i and pixels i."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from panoseti_daq.pff import DataProduct, FrameBlock, Header, Layout, PffName, encode_frame
from support.patience import PATIENCE_S

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)


@functools.cache
def frame_bytes(product: DataProduct, i: int = 0, quabo: int = 0, tv_sec: int = 1_721_882_092) -> bytes:
    """A frame as it stands in a file."""
    n = 1 if product.one_quabo else 4
    clocks = ((529,) * n, (779_007_488,) * n, (tv_sec,) * n, (778_654,) * n)
    header = Header((i % 65536,) * n, *clocks, quabo_num=quabo if product.one_quabo else None)
    return encode_frame(header, np.full(product.shape, i % 128), product)


def wider(frame: bytes, by: int) -> bytes:
    """The frame with a header that is longer, or shorter, by some bytes."""
    if by > 0:
        return frame.replace(b'"pkt_nsec":', b'"pkt_nsec":' + b" " * by, 1)
    return frame.replace(b'"pkt_num":' + b" " * -by, b'"pkt_num":', 1)


@functools.cache
def layout_of(product: DataProduct) -> Layout:
    """The layout of the headers of `frame_bytes`."""
    layout = Layout.discover(frame_bytes(product), product)
    assert layout is not None
    return layout


def block_of(
    product: DataProduct = DataProduct.IMG16,
    n: int = 1,
    *,
    module_id: int = 7,
    first: int = 0,
    generation: int = 0,
    quabos: Iterable[int] | None = None,
) -> FrameBlock:
    """`n` frames, or one for each of `quabos`."""
    which = [0] * n if quabos is None else list(quabos)
    data = b"".join(frame_bytes(product, first + i, quabo) for i, quabo in enumerate(which))
    name = PffName(product, module_id, generation).format()
    return FrameBlock(data, layout_of(product), module_id, name, first, generation)


def contents(blocks: Iterable[FrameBlock]) -> bytes:
    """The files' bytes that the blocks hold."""
    return b"".join(bytes(block.data) for block in blocks)


def numbers(blocks: Iterable[FrameBlock]) -> list[int]:
    """The frame numbers of blocks."""
    return [frame.frame_number for block in blocks for frame in block]


def append(path: Path, data: bytes) -> None:
    """Append to a file, which is made with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(data)


def wait_until(condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
    """Wait for a condition that no event tells."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)
