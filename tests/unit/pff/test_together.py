from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import block_of, wider

from panoseti_daq.pff import DataProduct, FrameBlock, Layout, Quality
from panoseti_daq.pff.block import FEW_FRAMES
from panoseti_daq.pff.flaws import Previous
from panoseti_daq.pff.together import judge_together, tip_of

IMG8, IMG16, PH256, PH1024 = DataProduct


def spoilt(block: FrameBlock, changes: list[tuple[int, str]]) -> FrameBlock:
    """A block some of whose frames, by number modulo their count, have a flaw."""
    size, at = block.layout.frame_size_bytes, block.layout.image_offset_bytes
    frames = [bytearray(block.data[i * size : (i + 1) * size]) for i in range(len(block))]
    for i, what in changes:
        frame = frames[i % len(frames)]
        if what == "dark":
            frame[at:] = bytes(size - at)
        elif what == "damaged":
            frame[20:24] = b"####"
        elif what == "gap":
            frame[frame.index(b'"pkt_num":') + 19] = ord("9")
        else:
            begin = frame.index(b'"tv_sec":') + 9
            frame[begin : begin + 11] = b"          0"
    return replace(block, data=b"".join(frames))


changes = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["dark", "damaged", "gap", "no clock"])), max_size=3
)


@given(
    st.lists(
        st.tuples(st.sampled_from([IMG16, IMG8, PH1024]), st.integers(0, 2), st.integers(1, 40), changes),
        min_size=1,
        max_size=8,
    )
)
def test_blocks_judged_together_have_the_flags_that_they_have_one_by_one(
    parts: list[tuple[DataProduct, int, int, list[tuple[int, str]]]],
) -> None:
    blocks, next_frames = [], dict[tuple[DataProduct, int], int]()
    for product, file, n_frames, spoil in parts:
        first = next_frames.get((product, file), 1)
        next_frames[product, file] = first + n_frames
        blocks.append(((product, file), spoilt(block_of(product, n_frames, first=first), spoil)))
    one_by_one = {key: Previous() for key, _ in blocks}
    expected = [
        (np.asarray(replace(block).judge(one_by_one[key])).tolist(), replace(block).n_bad) for key, block in blocks
    ]
    together = {key: Previous() for key, _ in blocks}
    found = judge_together([(block, together[key]) for key, block in blocks])
    assert [(np.asarray(flags).tolist(), n_bad) for flags, n_bad in found] == expected
    assert all(together[key]._seen == one_by_one[key]._seen for key in together)


@given(st.integers(2, FEW_FRAMES), st.booleans(), changes)
def test_tip_is_the_newest_frame_of_the_block_with_its_flags(
    n_frames: int, is_alone: bool, spoil: list[tuple[int, str]]
) -> None:
    block = spoilt(block_of(IMG16, n_frames, first=1), spoil)
    tip = tip_of(block[-1:], block[:-1]) if is_alone else tip_of(block, None)
    damaged = {i % n_frames for i, what in spoil if what == "damaged"}
    assert (tip is None) == bool(damaged & {n_frames - 1, n_frames - 2})
    if tip is not None:
        (newest,) = block.newest(block.judge(Previous())).values()
        assert (tip.frame_number, tip.quality, tip.pixels) == (newest.frame_number, newest.quality, newest.pixels)
        assert (tip.header, tip.key) == (newest.header, newest.key)


@pytest.mark.parametrize(
    "block",
    [block_of(IMG16, 1, first=5), block_of(IMG16, FEW_FRAMES + 1), block_of(PH256, 8)],
    ids=["a frame that does not follow", "many frames", "several keys"],
)
def test_other_blocks_have_no_tip(block: FrameBlock) -> None:
    assert tip_of(block, None) is None
    assert tip_of(block, block_of(block.product, 3)) is None


def test_blocks_of_different_widths_are_judged_together() -> None:
    narrow = block_of(IMG16, 5, first=1)
    size = narrow.layout.frame_size_bytes
    frames = [wider(bytes(narrow.data[i * size : (i + 1) * size]), 2) for i in range(5)]
    layout = Layout.discover(frames[0], IMG16)
    assert layout is not None
    wide = spoilt(replace(narrow, data=b"".join(frames), layout=layout), [(2, "dark")])
    (one, _), (other, _) = judge_together([(narrow, Previous()), (wide, Previous())])
    assert (list(one), list(other)) == ([0] * 5, [0, 0, Quality.ZERO_IMAGE, 0, 0])
