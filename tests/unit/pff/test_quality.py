from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.frames import each_product

from panoseti_daq.pff import DataProduct, FrameBlock, Header, Layout, Quality, encode_frame
from panoseti_daq.pff.block import FEW_FRAMES
from panoseti_daq.pff.flags import names_of
from panoseti_daq.pff.quabos import quadrant
from panoseti_daq.pff.quality import QualityCheck

IMG8, IMG16, PH256, PH1024 = DataProduct
MANY = FEW_FRAMES + 8  # read by numpy, while few are read one by one
both_ways = pytest.mark.parametrize("n_frames", [8, MANY])

Q = Quality


def header(i: int, product: DataProduct, quabo: int = 0) -> Header:
    n = 1 if product.one_quabo else 4
    clocks = ((529,) * n, (1000 * i,) * n, (1_721_882_092,) * n, (7,) * n)
    return Header(((65530 + i) % 65536,) * n, *clocks, quabo_num=quabo if product.one_quabo else None)


class Frames:
    """Consecutive good frames of one file, to be spoilt."""

    def __init__(self, product: DataProduct, n: int, quabos: Iterable[int] | None = None) -> None:
        self.product = product
        which = list(quabos) if quabos is not None else [0] * n
        seen = [0] * 4
        self.headers = []
        for quabo in which:
            self.headers.append(header(seen[quabo], product, quabo))
            seen[quabo] += 1
        self.images = [np.full(product.shape, 3) for _ in which]

    def change(self, i: int, **columns: tuple[int, ...]) -> None:
        self.headers[i] = self.headers[i]._replace(**columns)  # type: ignore[arg-type]

    def block(self, begin: int = 0, end: int | None = None, file: str = "f", generation: int = 0) -> FrameBlock:
        frames = [encode_frame(h, x, self.product) for h, x in zip(self.headers, self.images, strict=True)]
        layout = Layout.discover(frames[0], self.product)
        assert layout is not None
        return FrameBlock(b"".join(frames[begin:end]), layout, 1, file, begin, generation)


def flags(block: FrameBlock) -> list[Quality]:
    return [Quality(int(value)) for value in block.quality]


@both_ways
@each_product
def test_good_frames_have_no_flag_though_the_packet_counter_wraps(product: DataProduct, n_frames: int) -> None:
    assert not Frames(product, n_frames).block().quality.any()


@both_ways
def test_the_quabos_that_are_missing_are_told_one_by_one(n_frames: int) -> None:
    frames = Frames(IMG16, n_frames)
    frames.change(2, pkt_num=(1, 0, 1, 0), tv_sec=(1_721_882_092, 0, 1_721_882_092, 0))
    assert flags(frames.block())[2] & ~Q.PACKET_GAP == Q.MISSING_QUABO_1 | Q.MISSING_QUABO_3


@both_ways
def test_a_quabo_that_was_missing_makes_no_packet_gap(n_frames: int) -> None:
    frames = Frames(PH1024, n_frames)
    there = frames.headers[3]
    frames.change(3, pkt_num=(0, *there.pkt_num[1:]), tv_sec=(0, *there.tv_sec[1:]))
    found = flags(frames.block())
    assert found[3:5] == [Q.MISSING_QUABO_0, Q(0)]


@both_ways
def test_a_missing_quabo_of_ph256_is_told_by_its_number(n_frames: int) -> None:
    frames = Frames(PH256, n_frames, [2] * n_frames)
    frames.change(1, tv_sec=(0,))
    assert flags(frames.block())[1] == Q.MISSING_QUABO_2 | Q.NO_TIME


@both_ways
@pytest.mark.parametrize("quabo", range(4))
@pytest.mark.parametrize("product", [IMG8, IMG16, PH1024])
def test_a_quadrant_of_zeros_is_told_when_its_header_is_there(
    product: DataProduct, quabo: int, n_frames: int
) -> None:
    frames = Frames(product, n_frames)
    frames.images[4][quadrant(quabo)] = 0
    assert flags(frames.block())[4] == Q(Q.ZERO_QUADRANT_0 << quabo)


@both_ways
def test_a_quadrant_of_zeros_is_no_fault_of_its_own_when_the_quabo_is_missing(n_frames: int) -> None:
    frames = Frames(IMG8, n_frames)
    frames.images[4][quadrant(3)] = 0
    frames.change(4, tv_sec=(1_721_882_092,) * 3 + (0,))
    assert flags(frames.block())[4] == Q.MISSING_QUABO_3


@both_ways
def test_a_few_zero_pixels_are_no_fault(n_frames: int) -> None:
    frames = Frames(IMG16, n_frames)
    frames.images[4][:3] = 0
    frames.images[5][:16, :15] = 0
    assert not frames.block().quality.any()


@both_ways
@each_product
def test_an_image_of_zeros_is_told_without_its_quadrants(product: DataProduct, n_frames: int) -> None:
    frames = Frames(product, n_frames)
    frames.images[5][:] = 0
    assert flags(frames.block())[5] == Q.ZERO_IMAGE


@both_ways
@each_product
def test_a_packet_counter_that_jumps_is_told_once(product: DataProduct, n_frames: int) -> None:
    frames = Frames(product, n_frames)
    for i in range(3, n_frames):
        frames.headers[i] = header(i + 1, product)
    found = flags(frames.block())
    assert found[3] == Q.PACKET_GAP
    assert not any(found[:3] + found[4:])


@both_ways
def test_the_quabos_of_ph256_count_each_by_itself(n_frames: int) -> None:
    quabos = [3, 0, 0, 3, 1, 0, 3, 3] * (n_frames // 8)
    frames = Frames(PH256, n_frames, quabos)
    assert not frames.block().quality.any()
    frames.headers[6] = header(7, PH256, 3)
    assert flags(frames.block())[6] & Q.PACKET_GAP


@both_ways
@each_product
def test_a_time_before_that_of_the_frame_before_is_told(product: DataProduct, n_frames: int) -> None:
    frames = Frames(product, n_frames)
    frames.change(6, pkt_nsec=(4500,) * (1 if product.one_quabo else 4))
    found = flags(frames.block())
    assert found[6] == Q.TIME_BACKWARDS
    assert not any(found[:6] + found[7:])


@both_ways
def test_where_the_time_comes_from_is_told(n_frames: int) -> None:
    frames = Frames(IMG16, n_frames)
    frames.change(6, pkt_tai=(100,) * 4)
    assert flags(frames.block())[6] & Q.HOST_CLOCK


@both_ways
def test_a_damaged_header_has_no_flag_and_the_next_frame_is_compared_with_the_last_good_one(n_frames: int) -> None:
    block = Frames(IMG8, n_frames).block()
    data = bytearray(block.data)
    data[3 * block.layout.frame_size_bytes + 20] = ord("x")
    found = flags(replace(block, data=bytes(data)))
    assert found[3:5] == [Q(0), Q.PACKET_GAP]


def test_the_first_frame_of_a_file_is_compared_with_nothing() -> None:
    check = QualityCheck()
    check(Frames(IMG16, 4).block(file="a"))
    assert not np.any(check(Frames(IMG16, 4).block(file="b", generation=1)))


def test_the_rest_of_an_old_file_is_compared_with_its_own_frames() -> None:
    check, old = QualityCheck(), Frames(IMG16, 8)
    check(old.block(0, 4, file="a"))
    check(Frames(IMG16, 4).block(file="b", generation=1))
    old.change(4, pkt_nsec=(1,) * 4)
    assert list(check(old.block(4, file="a"))) == [Q.TIME_BACKWARDS, 0, 0, 0]


def test_frames_after_others_that_were_not_seen_are_compared_with_nothing() -> None:
    check, frames = QualityCheck(), Frames(IMG16, 8)
    check(frames.block(0, 3))
    assert not np.any(check(frames.block(5)))


@settings(max_examples=40)
@given(st.data())
def test_the_flags_do_not_depend_on_how_frames_come_in_blocks(data: st.DataObject) -> None:
    product = data.draw(st.sampled_from([IMG8, PH256]))
    n_frames = 2 * MANY
    frames = Frames(product, n_frames, data.draw(st.lists(st.integers(0, 3), min_size=n_frames, max_size=n_frames))
                    if product.one_quabo else None)  # fmt: skip
    for i in data.draw(st.sets(st.integers(0, n_frames - 1), max_size=8)):
        n = 1 if product.one_quabo else 4
        column = data.draw(st.sampled_from(["pkt_num", "pkt_tai", "pkt_nsec", "tv_sec"]))
        frames.change(i, **{column: tuple(data.draw(st.sampled_from([0, 530, 9999])) for _ in range(n))})
    for i in data.draw(st.sets(st.integers(0, n_frames - 1), max_size=4)):
        frames.images[i][:, : data.draw(st.sampled_from([16, 32]))] = 0
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, n_frames - 1), max_size=6))), n_frames]
    check = QualityCheck()
    whole = frames.block()
    size = whole.layout.frame_size_bytes
    parts = [replace(whole, data=whole.data[a * size : b * size], first_frame_number=a) for a, b in pairwise(cuts)]
    apart = [int(flag) for part in parts for flag in check(part)]
    assert apart == whole.quality.tolist()
    alone = ~(Q.PACKET_GAP | Q.TIME_BACKWARDS)
    assert [flag & alone for flag in flags(whole)] == [frame.quality for frame in whole]


def test_the_names_of_no_flag_are_none() -> None:
    assert names_of(0) == ()


def test_flags_that_are_not_known_have_no_name() -> None:
    assert names_of(1 << 30 | Q.MISSING_QUABO_2 | Q.HOST_CLOCK) == ("missing_quabo_2", "host_clock")
