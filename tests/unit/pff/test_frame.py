from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, Frame, FrameTime, Header, Key, Layout, TimeStatus
from panoseti_daq.pff.layout import END_OF_HEADER, format_header

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)

TV_SEC = 1721882092
WHITE_RABBIT = FrameTime(TV_SEC * 10**9 + 779007488, TimeStatus.WHITE_RABBIT)


def header_of(product: DataProduct, tv_sec: tuple[int, ...] | None = None) -> Header:
    n = 1 if product.one_quabo else 4
    tv_sec = tv_sec or (TV_SEC,) * n
    pkt_tai = tuple((second + 37) % 1024 for second in tv_sec)
    pkt_num = tuple(range(n))
    return Header(pkt_num, pkt_tai, (779007488,) * n, tv_sec, (778654,) * n, 2 if n == 1 else None)


def frame_of(product: DataProduct, pixels: bytes | None = None) -> Frame:
    pixels = bytes(product.image_size_bytes) if pixels is None else pixels
    return Frame(product, 7, "a.pff", 3, pixels, header_of(product))


@each_product
@given(data=st.data())
def test_image_is_the_pixels_row_by_row(product: DataProduct, data: st.DataObject) -> None:
    image = data.draw(hnp.arrays(product.dtype, product.shape))
    frame = frame_of(product, image.tobytes())
    assert frame.image.dtype == product.dtype
    assert np.array_equal(frame.image, image)


@pytest.mark.parametrize("product", [DataProduct.PH256, DataProduct.PH1024], ids=lambda product: product.token)
def test_pulse_height_of_65535_on_disk_is_minus_one(product: DataProduct) -> None:
    assert (frame_of(product, b"\xff\xff" * (product.image_size_bytes // 2)).image == -1).all()


def test_img16_of_65535_stays_65535() -> None:
    assert (frame_of(DataProduct.IMG16, b"\xff\xff" * 1024).image == 65535).all()


@each_product
def test_first_row_on_disk_is_the_top_row(product: DataProduct) -> None:
    row_size = product.shape[1] * product.bytes_per_pixel
    pixels = b"\x01" * row_size + bytes(product.image_size_bytes - row_size)
    assert frame_of(product, pixels).image.any(axis=1).tolist() == [True] + [False] * (product.shape[0] - 1)


@each_product
def test_image_is_read_only(product: DataProduct) -> None:
    with pytest.raises(ValueError, match="read-only"):
        frame_of(product).image[0, 0] = 1


@pytest.mark.parametrize(
    ("product", "quabo", "text"),
    [
        (DataProduct.IMG8, None, "module 7 img8"),
        (DataProduct.IMG16, None, "module 7 img16"),
        (DataProduct.PH256, 2, "module 7 ph256 Q2"),
        (DataProduct.PH1024, None, "module 7 ph1024"),
    ],
)
def test_key_holds_a_quabo_for_ph256_only(product: DataProduct, quabo: int | None, text: str) -> None:
    key = frame_of(product).key
    assert key == Key(7, product, quabo)
    assert str(key) == text


@each_product
def test_header_text_is_parsed_when_asked_for(product: DataProduct) -> None:
    text = format_header(header_of(product))
    layout = Layout.discover(text + END_OF_HEADER, product)
    assert layout is not None
    pixels = bytes(product.image_size_bytes)
    whole, damaged = (
        Frame(product, 7, "a.pff", 3, pixels, partial(layout.parse, t)) for t in (text, b"#" * len(text))
    )
    assert (whole.header, whole.time) == (header_of(product), WHITE_RABBIT)
    with pytest.raises(HeaderError):
        _ = damaged.header


@pytest.mark.parametrize(
    ("tv_sec", "quabo"),
    [
        ((TV_SEC, TV_SEC + 1, TV_SEC + 2, TV_SEC + 3), 0),
        ((0, TV_SEC, TV_SEC + 1, 0), 1),
        ((0, 0, 0, TV_SEC), 3),
    ],
)
def test_time_comes_from_the_first_quabo_with_a_host_clock(tv_sec: tuple[int, ...], quabo: int) -> None:
    header = header_of(DataProduct.IMG16, tv_sec)
    assert header.time_quabo == quabo
    assert header.time == WHITE_RABBIT


def test_header_without_any_host_clock_has_no_time() -> None:
    header = header_of(DataProduct.IMG16, (0, 0, 0, 0))
    assert header.time_quabo is None
    assert header.time == FrameTime(0, TimeStatus.NO_TIME)


@pytest.mark.parametrize(
    ("tv_sec", "missing"), [((1, 1, 1, 1), False), ((1, 1, 0, 1), True), ((0, 0, 0, 0), True)]
)
def test_quabo_without_host_clock_is_missing(tv_sec: tuple[int, ...], missing: bool) -> None:
    assert header_of(DataProduct.IMG8, tv_sec).has_missing_quabo is missing


@each_product
def test_header_survives_its_dictionary(product: DataProduct) -> None:
    header = header_of(product)
    assert Header.from_dict(header.as_dict()) == header


def test_header_from_whole_floats_is_a_header_of_integers() -> None:
    header = header_of(DataProduct.PH256)
    fields = {name: float(value) for name, value in header.as_dict().items()}
    assert Header.from_dict(fields) == header
    assert all(isinstance(second, int) for second in Header.from_dict(fields).tv_sec)


@each_product
def test_frame_shows_what_it_is_and_where_it_stands(product: DataProduct) -> None:
    frame = frame_of(product, b"\1" * product.image_size_bytes)
    key = f"module 7 {product.token}{' Q2' if product.one_quabo else ''}"
    assert repr(frame) == f"<Frame {key}, 2024-07-25T04:34:52.779007488 UTC, a.pff#3>"


def test_a_frame_with_flaws_names_them() -> None:
    header = header_of(DataProduct.IMG8, tv_sec=(TV_SEC, 0, TV_SEC, TV_SEC))
    frame = Frame(DataProduct.IMG8, 7, "a.pff", 3, b"\1" * 1024, header)
    assert "UTC, missing_quabo_1, a.pff#3>" in repr(frame)


def test_a_frame_whose_header_does_not_parse_can_be_shown() -> None:
    def damaged() -> Header:
        raise HeaderError("cut")

    frame = Frame(DataProduct.IMG8, 7, "a.pff", 3, bytes(1024), damaged)
    assert repr(frame) == "<Frame module 7 img8, bad header, a.pff#3>"


def test_datetime_is_aware_and_none_without_a_time() -> None:
    assert frame_of(DataProduct.IMG16).datetime == datetime(2024, 7, 25, 4, 34, 52, 779007, UTC)
    without = Frame(DataProduct.IMG16, 7, "a.pff", 3, bytes(2048), header_of(DataProduct.IMG16, (0, 0, 0, 0)))
    assert without.datetime is None
    assert ", no time, " in repr(without)
