"""Frames with known times and pixels, for the triggers."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from panoseti_daq.client import ReceivedBlock
from panoseti_daq.events import Candidate, Engine, find_trigger
from panoseti_daq.pff import DataProduct, FrameBlock, Header, Layout, PffName, encode_frame

BEGIN_NS = 1_721_882_693_000_000_000
TAI_MINUS_UTC_S = 37
NS = 1_000_000_000


def header_at(unix_ns: int, quabo: int | None = None, *, desync_s: int = 0, missing: Sequence[int] = ()) -> Header:
    """Header of a frame taken at `unix_ns`; the host clock is `desync_s` ahead."""
    n = 4 if quabo is None else 1
    seconds, ns = divmod(unix_ns, NS)
    there = [i not in missing for i in range(n)]
    return Header(
        pkt_num=tuple(1 * ok for ok in there),
        pkt_tai=tuple((seconds + TAI_MINUS_UTC_S) % 1024 * ok for ok in there),
        pkt_nsec=tuple(ns * ok for ok in there),
        tv_sec=tuple((seconds + desync_s) * ok for ok in there),
        tv_usec=tuple(ns // 1000 * ok for ok in there),
        quabo_num=quabo,
    )


def block_from(frames: Iterable[bytes], product: DataProduct, module_id: int, first: int = 0) -> FrameBlock:
    data = b"".join(frames)
    layout = Layout.discover(data, product)
    assert layout is not None
    return FrameBlock(data, layout, module_id, PffName(product, module_id).format(), first)


def pulse_height(
    unix_ns: int,
    quabo: int = 0,
    pixel: tuple[int, int] = (8, 8),
    adc: int = 500,
    *,
    zero: bool = False,
    desync_s: int = 0,
) -> bytes:
    """A ph256 frame; the pixels around the lit one have a little noise."""
    image = np.random.default_rng(unix_ns % 1000).integers(-8, 9, (16, 16))
    image[pixel] = adc
    header = header_at(unix_ns, quabo, desync_s=desync_s)
    return encode_frame(header, 0 * image if zero else image, DataProduct.PH256)


def ph256(module_id: int, offsets_ns: Iterable[int], **how: Any) -> FrameBlock:
    """Frames of quabo 0, ns after `BEGIN_NS`."""
    return block_from((pulse_height(BEGIN_NS + ns, **how) for ns in offsets_ns), DataProduct.PH256, module_id)


def movie(
    images: npt.NDArray[Any], module_id: int = 1, *, first: int = 0, period_ns: int = 1_000_000
) -> FrameBlock:
    """img16 frames, one per period from `BEGIN_NS` on; all headers but the times are alike."""
    product = DataProduct.IMG16
    sample = encode_frame(header_at(BEGIN_NS), images[0], product)
    layout = Layout.discover(sample, product)
    assert layout is not None
    rows = np.tile(np.frombuffer(sample, np.uint8), (len(images), 1))
    pixels = np.ascontiguousarray(images, product.dtype).view(np.uint8).reshape(len(images), -1)
    rows[:, layout.image_offset_bytes :] = pixels
    for i, row in enumerate(rows):
        header = encode_frame(header_at(BEGIN_NS + (first + i) * period_ns), images[0], product)
        row[: layout.image_offset_bytes] = np.frombuffer(header[: layout.image_offset_bytes], np.uint8)
    return FrameBlock(rows.tobytes(), layout, module_id, PffName(product, module_id).format(), first)


def cut(block: FrameBlock, at: Iterable[int]) -> list[FrameBlock]:
    """The same frames in several blocks, cut before these frames."""
    size = block.layout.frame_size_bytes
    edges = sorted({0, len(block), *(i for i in at if 0 < i < len(block))})
    return [
        FrameBlock(
            bytes(block.data[begin * size : end * size]),
            block.layout,
            block.module_id,
            block.file,
            block.first_frame_number + begin,
        )
        for begin, end in pairwise(edges)
    ]


def received(block: FrameBlock, host: str) -> ReceivedBlock:
    """The same frames as `host` sends them."""
    place = block.module_id, block.file, block.first_frame_number
    return ReceivedBlock(block.data, block.layout, *place, host=host)


def shuffled(streams: Sequence[Sequence[FrameBlock]], seed: int) -> list[FrameBlock]:
    """Blocks of all streams, those of one stream in order, the streams in any."""
    waiting = [list(stream) for stream in streams if stream]
    order = random.Random(seed)
    blocks = []
    while waiting:
        stream = order.choice(waiting)
        blocks.append(stream.pop(0))
        waiting = [stream for stream in waiting if stream]
    return blocks


def found_in(blocks: Sequence[FrameBlock], trigger: str = "coincidence", **options: Any) -> list[Candidate]:
    """Candidates that a trigger finds in blocks fed in this order."""
    engine = engine_of(blocks, trigger, **options)
    found = [candidate for block in blocks for candidate in engine.feed(block)]
    found += engine.finish()
    assert not engine.triggers[0].error
    return found


def engine_of(blocks: Iterable[FrameBlock], trigger: str = "coincidence", **options: Any) -> Engine:
    """An engine that waits for the streams of these blocks."""
    spec = find_trigger(trigger)
    return Engine([(spec, spec.make_with(options))], {(block.module_id, block.product) for block in blocks})
