from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, FrameBlock, Header, Key, Layout, encode_frame
from panoseti_daq.pff.header import QUABO_FIELDS

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)
FILE = "dp_img16.bpp_2.module_7.seqno_0.pff"
MAX_VALUES = (65535, 1023, 999_999_999, 2**32 - 1, 999_999)  # of QUABO_FIELDS


def header_of(product: DataProduct, i: int, quabo: int = 0) -> Header:
    n = 1 if product.one_quabo else 4
    clocks = ((529,) * n, (779007488,) * n, (1721882092,) * n, (778654,) * n)
    return Header((i,) * n, *clocks, quabo_num=quabo if product.one_quabo else None)


def block_of(frames: list[bytes], product: DataProduct, first: int = 0) -> FrameBlock:
    layout = Layout.discover(encode_frame(header_of(product, 0), np.zeros(product.shape), product), product)
    assert layout is not None
    return FrameBlock(b"".join(frames), layout, 7, FILE, first, _generation=2, detected_unix_ns=99)


def counting_block(product: DataProduct, n: int) -> FrameBlock:
    """Frame i has packet number i and pixels i."""
    frames = [encode_frame(header_of(product, i), np.full(product.shape, i), product) for i in range(n)]
    return block_of(frames, product, first=10)


@st.composite
def random_headers(draw: st.DrawFn, product: DataProduct) -> Header:
    quabos = range(1 if product.one_quabo else 4)
    values = [tuple(draw(st.integers(0, top) | st.just(0)) for _ in quabos) for top in MAX_VALUES]
    quabo_num = draw(st.integers(0, 3)) if product.one_quabo else None
    return Header(values[0], values[1], values[2], values[3], values[4], quabo_num)


@each_product
@settings(max_examples=40)
@given(data=st.data())
def test_columns_hold_what_frame_by_frame_parsing_gives(product: DataProduct, data: st.DataObject) -> None:
    headers = data.draw(st.lists(random_headers(product), max_size=3))
    block = block_of([encode_frame(header, np.zeros(product.shape), product) for header in headers], product)
    assert [frame.header for frame in block] == headers
    assert block.valid.tolist() == [True] * len(headers)
    for name in QUABO_FIELDS:
        assert block.columns[name].tolist() == [list(getattr(header, name)) for header in headers]
    assert [t.unix_ns for t in (header.time for header in headers)] == block.times[0].tolist()
    assert [t.status for t in (header.time for header in headers)] == block.times[1].tolist()
    if product.one_quabo:
        assert block.columns["quabo_num"].tolist() == [header.quabo_num for header in headers]


@each_product
def test_images_are_those_of_the_frames(product: DataProduct) -> None:
    block = counting_block(product, 3)
    assert (block.images.shape, block.images.dtype) == ((3, *product.shape), product.dtype)
    assert np.array_equal(block.images, np.stack([frame.image for frame in block]))
    assert block.images[:, 0, 0].tolist() == [0, 1, 2]


@each_product
def test_images_are_read_only(product: DataProduct) -> None:
    block = counting_block(product, 1)
    with pytest.raises(ValueError, match="read-only"):
        block.images[0, 0, 0] = 1


@pytest.mark.parametrize("product", [DataProduct.PH256, DataProduct.PH1024], ids=lambda product: product.token)
def test_negative_pulse_heights_stay_negative(product: DataProduct) -> None:
    frame = encode_frame(header_of(product, 0), np.full(product.shape, -1), product)
    assert frame.endswith(b"\xff\xff" * (product.image_size_bytes // 2))
    assert (block_of([frame], product).images == -1).all()


@each_product
def test_frame_knows_its_place(product: DataProduct) -> None:
    block = counting_block(product, 3)
    assert block.frame_numbers.tolist() == [frame.frame_number for frame in block] == [10, 11, 12]
    assert (block[-1].frame_number, block[-1].header.pkt_num[0], block[-1].image[0, 0]) == (12, 2, 2)
    assert (block[0].file, block[0].module_id, block[0]._generation, block[0].detected_unix_ns) == (FILE, 7, 2, 99)


@pytest.mark.parametrize("i", [3, -4])
def test_frame_outside_the_block_is_an_index_error(i: int) -> None:
    with pytest.raises(IndexError, match=f"block has no frame {i}; there are: 3"):
        counting_block(DataProduct.IMG8, 3)[i]


@each_product
def test_partial_frame_at_the_end_is_left_out(product: DataProduct) -> None:
    whole = counting_block(product, 2)
    assert isinstance(whole.data, bytes)
    block = block_of([whole.data, whole.data[: whole.layout.frame_size_bytes - 1]], product)
    assert (len(block), len(block.images), len(block.valid)) == (2, 2, 2)


@each_product
def test_block_without_frames_has_empty_arrays(product: DataProduct) -> None:
    block = block_of([], product)
    assert list(block) == []
    assert block.images.shape == (0, *product.shape)
    assert block.columns["tv_sec"].shape == (0, 1 if product.one_quabo else 4)
    assert [array.shape for array in (block.valid, block.frame_numbers, *block.times)] == [(0,)] * 4
    assert block.newest() == {}
    assert len(block.to_pandas()) == 0


@each_product
@given(data=st.data())
def test_newest_is_the_last_whole_frame_of_each_key(product: DataProduct, data: st.DataObject) -> None:
    """Each draw is a frame: its quabo, and whether its header is damaged, and where."""
    drawn = data.draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([None, b"{", b"pkt_n", b"\n\n*"]))))
    frames, expected, n_frames = [], dict[Key, int](), dict[Key, int]()
    for i, (quabo, damage) in enumerate(drawn):
        frame = encode_frame(header_of(product, i, quabo), np.zeros(product.shape), product)
        frames.append(frame if damage is None else frame.replace(damage, b"#" * len(damage), 1))
        if damage is None:
            key = Key(7, product, quabo if product.one_quabo else None)
            expected[key], n_frames[key] = i, n_frames.get(key, 0) + 1
    block = block_of(frames, product)
    assert {key: frame.frame_number for key, frame in block.newest().items()} == expected
    assert {key: len(rows) for key, rows in block.rows.items()} == n_frames
    assert block.n_bad == sum(damage is not None for _, damage in drawn)


@each_product
def test_damaged_frame_still_has_its_image(product: DataProduct) -> None:
    frame = encode_frame(header_of(product, 0), np.ones(product.shape), product)
    damaged = block_of([frame.replace(b"{", b"#", 1)], product)[0]
    assert (damaged.image == 1).all()
    with pytest.raises(HeaderError):
        _ = damaged.key if product.one_quabo else damaged.header


@each_product
def test_table_has_a_row_for_each_frame_that_parses(product: DataProduct) -> None:
    frames = [encode_frame(header_of(product, i), np.zeros(product.shape), product) for i in range(3)]
    frames[1] = frames[1].replace(b"{", b"#", 1)
    table = block_of(frames, product, first=10).to_pandas()
    name = "pkt_num" if product.one_quabo else "quabo_3.pkt_num"
    assert table.index.tolist() == [10, 12]
    assert table[name].tolist() == [0, 2]
    assert table["unix_ns"].tolist() == [1721882092_779007488] * 2
    assert ("quabo_num" in table) is product.one_quabo


@each_product
def test_table_of_a_frame_is_its_row_of_the_table_of_the_block(product: DataProduct) -> None:
    block = counting_block(product, 3)
    table = pd.concat([frame.to_pandas() for frame in block])
    expected = block.to_pandas()
    assert table.columns.tolist() == expected.columns.tolist()
    assert table.index.tolist() == expected.index.tolist()
    assert (table.to_numpy() == expected.to_numpy()).all()


def test_block_shows_where_it_stands() -> None:
    assert repr(counting_block(DataProduct.IMG16, 3)) == f"<FrameBlock module 7 img16, 3 frames, {FILE}#10>"


@each_product
@pytest.mark.parametrize("which", [slice(2, 5), slice(None, 2), slice(-2, None), slice(4, 2), slice(0, 99)])
def test_a_slice_of_a_block_is_a_block_without_a_copy(product: DataProduct, which: slice) -> None:
    block = counting_block(product, 6)
    part, expected = block[which], list(range(6))[which]
    assert [frame.frame_number for frame in part] == [10 + i for i in expected]
    assert part.images[:, 0, 0].tolist() == part.columns["pkt_num"][:, 0].tolist() == expected
    assert np.shares_memory(part.images, block.images) or not expected


def test_a_block_has_no_slices_with_steps() -> None:
    with pytest.raises(ValueError, match="invalid step: 2; allowed: 1"):
        counting_block(DataProduct.IMG16, 3)[::2]
