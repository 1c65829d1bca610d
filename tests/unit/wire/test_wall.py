"""Walls: what was put in comes out, wherever a browser looks for it, and garbage is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.errors import SourceError
from panoseti_daq.pff import DataProduct
from panoseti_daq.wire.wall import UNKNOWN_AGE_MS, WallHead, WallTile, decode_wall, encode_wall, scaled

HEAD = WallHead(7, 1_767_225_600_000_000, 3)


def tile(product: DataProduct, key: int = 0, age_ms: int = 12) -> WallTile:
    low = -5 if product.dtype.kind == "i" else 0
    image = (
        (np.arange(product.shape[0] * product.shape[1]) % 251 + low).astype(product.dtype).reshape(product.shape)
    )
    return WallTile(key, image, 1_721_882_092_779_007_488, 1, 0x0A01, 4_000_000_000, age_ms)


@pytest.mark.parametrize("product", DataProduct)
def test_a_tile_comes_out_as_it_went_in(product: DataProduct) -> None:
    sent = tile(product, 300)
    head, (got,) = decode_wall(encode_wall(HEAD, [sent]), {300: product.shape})
    assert head == HEAD
    assert got.image.dtype == product.dtype
    np.testing.assert_array_equal(got.image, sent.image)
    for name in ("key", "unix_ns", "time_status", "quality", "frame_number", "age_ms", "scale"):
        assert getattr(got, name) == getattr(sent, name)


def test_every_tile_begins_where_a_typed_array_may() -> None:
    odd = WallTile(0, np.arange(9, dtype=np.uint8).reshape(3, 3), 1, 0, 0, 0, UNKNOWN_AGE_MS)
    data = encode_wall(HEAD, [odd, tile(DataProduct.IMG16, 1)])
    assert len(data) == 24 + 32 + 16 + 32 + 2048
    assert struct.unpack_from("<H", data, 24 + 48) == (1,)
    _, (first, second) = decode_wall(data, {0: (3, 3), 1: (32, 32)})
    assert first.image[2, 2] == 8
    assert second.key == 1


def test_the_head_of_a_wall_is_what_the_layout_says() -> None:
    assert encode_wall(HEAD, []) == b"PW1\0" + struct.pack("<IQHHI", 7, 1_767_225_600_000_000, 0, 0, 3)


@pytest.mark.parametrize("product", DataProduct)
def test_eight_bits_are_within_half_a_step(product: DataProduct) -> None:
    sent = tile(product)
    _, (got,) = decode_wall(encode_wall(HEAD, [scaled(sent)]), {0: product.shape})
    if product is DataProduct.IMG8:
        np.testing.assert_array_equal(got.image, sent.image)
        return
    assert got.scale is not None
    low, high = got.scale
    values = low + got.image.astype(np.float64) * ((high - low) / 255)
    within = np.clip(sent.image, low, high)
    assert np.abs(values - within).max() <= (high - low) / 510 + 1e-6


def test_the_scale_keeps_a_pulse_and_leaves_out_a_hot_pixel_of_a_movie() -> None:
    movie, pulse = tile(DataProduct.IMG16), tile(DataProduct.PH256)
    for one in (movie, pulse):
        hot = one.image.copy()
        hot[0, 0] = 30_000
        object.__setattr__(one, "image", hot)
    (_, high), (_, top) = scaled(movie).scale or (0, 0), scaled(pulse).scale or (0, 0)
    assert high < 300
    assert top == 30_000


def test_a_flat_image_has_a_scale() -> None:
    flat = WallTile(0, np.full((16, 16), -3, np.int16), 1, 0, 0, 0, 0)
    assert scaled(flat).scale == (-3, -3)
    assert not scaled(flat).image.any()


@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    for garbage in (data, b"PW1\0" + data):
        try:
            decode_wall(garbage, {0: (2, 2)})
        except SourceError as error:
            assert str(error)


@pytest.mark.parametrize("size", [0, 23, 24, 40, 567])
def test_a_wall_cut_short_is_refused(size: int) -> None:
    data = encode_wall(HEAD, [tile(DataProduct.PH256)])
    with pytest.raises(SourceError, match="wall"):
        decode_wall(data[:size], {0: (16, 16)})


def test_a_key_without_a_shape_is_refused() -> None:
    with pytest.raises(SourceError, match="invalid wall"):
        decode_wall(encode_wall(HEAD, [tile(DataProduct.PH256, 9)]), {0: (16, 16)})
