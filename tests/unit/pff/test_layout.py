from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, Header, Layout, encode_frame
from panoseti_daq.pff.columns import parse_rows
from panoseti_daq.pff.layout import END_OF_HEADER, MAX_HEADER_BYTES, format_header

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)
WIDTHS = (10, 4, 9, 10, 6)  # of pkt_num, pkt_tai, pkt_nsec, tv_sec, tv_usec


@st.composite
def headers(draw: st.DrawFn, product: DataProduct) -> Header:
    """Any numbers that fit the widths Hashpipe prints."""
    quabos = range(1 if product.one_quabo else 4)
    columns = [tuple(draw(st.integers(0, 10**width - 1)) for _ in quabos) for width in WIDTHS]
    quabo_num = draw(st.integers(0, 3)) if product.one_quabo else None
    return Header(columns[0], columns[1], columns[2], columns[3], columns[4], quabo_num)


def example(product: DataProduct, first_pkt_num: int = 12345) -> Header:
    n = 1 if product.one_quabo else 4
    pkt_num = tuple(first_pkt_num + i for i in range(n))
    clocks = ((529,) * n, (779007488,) * n, (1721882092,) * n, (778654,) * n)
    return Header(pkt_num, *clocks, quabo_num=2 if product.one_quabo else None)


def layout_of(text: bytes, product: DataProduct) -> Layout:
    layout = Layout.discover(text + END_OF_HEADER, product)
    assert layout is not None
    return layout


def rows_of(texts: list[bytes], product: DataProduct) -> npt.NDArray[np.uint8]:
    frames = b"".join(text + END_OF_HEADER + bytes(product.image_size_bytes) for text in texts)
    return np.frombuffer(bytearray(frames), np.uint8).reshape(len(texts), -1)


def test_header_of_one_quabo_is_printed_as_hashpipe_prints_it() -> None:
    assert format_header(Header((7,), (9,), (1234,), (1721882092,), (42,), quabo_num=3)) == (
        b'{ "quabo_num": 3, "pkt_num":          7, "pkt_tai":    9, "pkt_nsec":      1234,'
        b' "tv_sec": 1721882092, "tv_usec":     42}'
    )


def test_header_of_four_quabos_is_printed_as_hashpipe_prints_it() -> None:
    header = Header((0, 1, 22, 333), (5,) * 4, (6,) * 4, (7, 8, 9, 1721882092), (0,) * 4)
    clocks = b'"pkt_tai":    5, "pkt_nsec":         6, "tv_sec": '
    assert format_header(header) == (
        b'{\n   "quabo_0": { "pkt_num":          0, ' + clocks + b'         7, "tv_usec":      0}, \n'
        b'   "quabo_1": { "pkt_num":          1, ' + clocks + b'         8, "tv_usec":      0}, \n'
        b'   "quabo_2": { "pkt_num":         22, ' + clocks + b'         9, "tv_usec":      0}, \n'
        b'   "quabo_3": { "pkt_num":        333, ' + clocks + b'1721882092, "tv_usec":      0}\n}'
    )


@pytest.mark.parametrize(("token", "size"), [("img8", 1516), ("img16", 2540), ("ph256", 636), ("ph1024", 2540)])
@given(data=st.data())
def test_frame_has_the_size_hashpipe_writes(token: str, size: int, data: st.DataObject) -> None:
    product = DataProduct.from_token(token)
    frame = encode_frame(data.draw(headers(product)), np.zeros(product.shape), product)
    layout = Layout.discover(frame, product)
    assert layout is not None
    assert len(frame) == layout.frame_size_bytes == size


@each_product
@given(data=st.data())
def test_header_survives_format_and_parse(product: DataProduct, data: st.DataObject) -> None:
    first, later = data.draw(headers(product)), data.draw(headers(product))
    layout = layout_of(format_header(first), product)
    assert layout.is_standard
    assert (layout.parse(format_header(first)), layout.parse(format_header(later))) == (first, later)


@each_product
@given(data=st.data())
def test_header_reads_as_json_does(product: DataProduct, data: st.DataObject) -> None:
    text = format_header(data.draw(headers(product)))
    assert layout_of(text, product).parse(text).as_dict() == json.loads(text)


@each_product
def test_files_of_one_layout_share_one_object(product: DataProduct) -> None:
    first, other = (layout_of(format_header(example(product, n)), product) for n in (0, 65535))
    assert first is other


@each_product
def test_prefix_of_a_frame_gives_the_layout_as_soon_as_the_header_is_whole(product: DataProduct) -> None:
    frame = encode_frame(example(product), np.zeros(product.shape), product)
    offset = layout_of(format_header(example(product)), product).image_offset_bytes
    found = [Layout.discover(frame[:n], product) for n in range(offset + 2)]
    assert found[:offset] == [None] * offset
    assert found[offset] is not None and found[offset] is found[offset + 1]


@each_product
@given(body=st.binary(max_size=200), opened=st.booleans(), closed=st.booleans())
def test_bytes_that_are_no_header_give_none_or_header_error(
    product: DataProduct, body: bytes, opened: bool, closed: bool
) -> None:
    head = b"{" * opened + body + END_OF_HEADER * closed
    try:
        layout = Layout.discover(head, product)
    except HeaderError:
        assert not head.startswith(b"{") or END_OF_HEADER in head
    else:
        assert layout is None or END_OF_HEADER in head


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"\x89PNG....", "begins with"),
        (b"{" + b" " * MAX_HEADER_BYTES, "no end of header"),
        (b"{not json}\n\n*", "not JSON"),
        (b'{"a":\xff}\n\n*', "not JSON"),
        (b'{"a":' + b"[" * 4000 + b"\n\n*", "not JSON"),  # deeper than the JSON reader goes
    ],
)
def test_header_error_says_what_is_there_instead(head: bytes, reason: str) -> None:
    with pytest.raises(HeaderError, match=reason):
        Layout.discover(head, DataProduct.IMG16)


@each_product
@pytest.mark.parametrize("change", ["extra field", "another order", "a field less", "a fraction"])
def test_header_with_other_fields_is_read_as_json(product: DataProduct, change: str) -> None:
    fields = example(product).as_dict()
    quabo = fields if product.one_quabo else fields["quabo_0"]
    if change == "another order":
        quabo["pkt_num"] = quabo.pop("pkt_num")
    elif change == "a field less":
        del quabo["pkt_tai"]
    else:
        quabo["temperature"] = "20 C" if change == "extra field" else 20.5
    layout = layout_of(json.dumps(fields).encode(), product)
    header = layout.parse(json.dumps(fields).encode())
    assert not layout.is_standard
    assert (header.as_dict(), header.tv_sec) == (fields, example(product).tv_sec)
    assert (header.other is None) is (change == "another order")
    valid, columns = parse_rows(
        layout, rows_of([json.dumps(fields).encode(), b"{" * layout.header_size_bytes], product)
    )
    assert valid.tolist() == [True, False]
    assert columns["tv_sec"].tolist() == [list(header.tv_sec), [0] * len(header.tv_sec)]


@each_product
@given(data=st.data())
def test_header_in_json_widths_parses(product: DataProduct, data: st.DataObject) -> None:
    header = data.draw(headers(product))
    for separators in [(", ", ": "), (",", ":")]:
        text = json.dumps(header.as_dict(), separators=separators).encode()
        assert layout_of(text, product).parse(text) == header


@each_product
def test_number_too_wide_for_a_float_stays_exact(product: DataProduct) -> None:
    text = format_header(example(product)).replace(b"1721882092", b"9007199254740993", 1)
    valid, columns = parse_rows(layout_of(text, product), rows_of([text], product))
    assert (valid[0], columns["tv_sec"][0, 0]) == (True, 2**53 + 1)


def test_unknown_header_is_written_back_as_it_was_read() -> None:
    fields = {**example(DataProduct.PH256).as_dict(), "gain": [1, 2]}
    assert json.loads(format_header(Header.from_dict(fields))) == fields
