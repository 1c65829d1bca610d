from __future__ import annotations

import json
import os
import re
import threading
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panoseti_daq.errors import HeaderError
from panoseti_daq.pff import DataProduct, Header, Layout
from panoseti_daq.pff.columns import parse_rows
from panoseti_daq.pff.header import QUABO_FIELDS
from panoseti_daq.pff.layout import END_OF_HEADER, format_header

_WORD_BYTES = 8  # a row is read to whole words

each_product = pytest.mark.parametrize("product", DataProduct, ids=lambda product: product.token)


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


def parses(layout: Layout, text: bytes) -> bool:
    try:
        layout.parse(text)
    except HeaderError:
        return False
    return True


def is_whole(damaged: bytes, text: bytes) -> bool:
    """Whether only numbers differ, and each is still blanks, then digits."""
    begin = 0
    for number in re.finditer(rb"(?<=:) *[0-9]+", text):
        if damaged[begin : number.start()] != text[begin : number.start()]:
            return False
        if not re.fullmatch(rb" *[0-9]+", damaged[slice(*number.span())]):
            return False
        begin = number.end()
    return damaged[begin:] == text[begin:]


@each_product
@pytest.mark.parametrize("damage", [b"x", b" ", b"\t", b"\0", b"7", b"_", b"\xff"])
def test_rows_with_any_one_byte_damaged_are_invalid_and_no_others(product: DataProduct, damage: bytes) -> None:
    text = format_header(example(product))
    damaged = [text[:i] + damage + text[i + 1 :] for i in range(len(text))]
    expected = [is_whole(header, text) for header in damaged]
    valid, columns = parse_rows(layout_of(text, product), rows_of(damaged, product))
    assert valid.tolist() == expected
    assert not any(column[~valid].any() for column in columns.values())


@each_product
@given(data=st.data())
def test_rows_and_single_headers_agree_on_any_damage(product: DataProduct, data: st.DataObject) -> None:
    text = format_header(example(product, data.draw(st.integers(0, 65535))))
    damaged = bytearray(text)
    damage = st.dictionaries(st.integers(0, len(text) - 1), st.integers(0, 255), max_size=4)
    for i, byte in data.draw(damage).items():
        damaged[i] = byte
    layout, expected = layout_of(text, product), is_whole(bytes(damaged), text)
    assert parse_rows(layout, rows_of([bytes(damaged)], product))[0].tolist() == [expected]
    assert parses(layout, bytes(damaged)) is expected


@each_product
@pytest.mark.parametrize("end", [b"\n\n#", b"\n *", b" \n*", b"\0\0\0"])
def test_row_whose_header_does_not_end_is_invalid(product: DataProduct, end: bytes) -> None:
    text = format_header(example(product))
    rows = rows_of([text, text], product)
    rows[1, len(text) : len(text) + 3] = list(end)
    assert parse_rows(layout_of(text, product), rows)[0].tolist() == [True, False]


@each_product
@pytest.mark.parametrize(
    ("field", "damaged_field"),
    [
        (b"1721882092", b"17218x2092"),
        (b"1721882092", b"172188 092"),
        (b"1721882092", b"172188209 "),
        (b"1721882092", b"          "),
        (b"1721882092", b"1_21882092"),
        (b"1721882092", b"+721882092"),
        (b"1721882092", b"-721882092"),
        (b'"tv_sec"', b'"tw_sec"'),
        (b'"tv_sec"', b'"tv sec"'),
    ],
)
def test_damaged_header_is_refused(product: DataProduct, field: bytes, damaged_field: bytes) -> None:
    text = format_header(example(product))
    with pytest.raises(HeaderError):
        layout_of(text, product).parse(text.replace(field, damaged_field, 1))


@each_product
@pytest.mark.parametrize("value", ["1.5", "Infinity", "NaN", "null", '"7"', "[]", str(2**63), "9" * 400])
def test_number_that_is_no_whole_number_of_64_bits_is_refused(product: DataProduct, value: str) -> None:
    fields = json.dumps(example(product).as_dict())
    text = fields.replace("1721882092", value, 1).encode()
    layout = layout_of(text, product)
    assert not parses(layout, text)
    assert parse_rows(layout, rows_of([text], product))[0].tolist() == [False]


@each_product
def test_header_of_the_other_kind_is_refused(product: DataProduct) -> None:
    other = DataProduct.IMG16 if product.one_quabo else DataProduct.PH256
    text = format_header(example(other))
    layout = layout_of(text, product)
    assert not parses(layout, text)
    assert parse_rows(layout, rows_of([text], product))[0].tolist() == [False]


@each_product
@given(data=st.data())
def test_damage_to_one_of_many_rows_is_found_and_the_others_keep_their_numbers(
    product: DataProduct, data: st.DataObject
) -> None:
    texts = [format_header(example(product, 7**n % 60_000)) for n in range(12)]  # of one to five digits
    layout = layout_of(texts[0], product)
    row, column = data.draw(st.integers(0, 11)), data.draw(st.integers(0, len(texts[0]) - 1))
    byte = data.draw(st.sampled_from(b" -./09:x") | st.integers(0, 255))
    damaged = [*texts]
    damaged[row] = texts[row][:column] + bytes([byte]) + texts[row][column + 1 :]
    valid, columns = parse_rows(layout, rows_of(damaged, product))
    assert valid.tolist() == [parses(layout, text) for text in damaged]
    for i in np.flatnonzero(valid):
        header = layout.parse(damaged[i])
        for name, values in columns.items():
            assert np.array_equal(values[i], getattr(header, name))


def expected_of(layout: Layout, texts: list[bytes]) -> tuple[list[bool], dict[str, list[object]]]:
    """Which headers parse, and the fields of those that do, read one by one."""
    valid = [parses(layout, text) for text in texts]
    headers = [layout.parse(text) for text, parsed in zip(texts, valid, strict=True) if parsed]
    names = [*QUABO_FIELDS, "quabo_num"] if layout.product.one_quabo else QUABO_FIELDS
    return valid, {name: np.array([getattr(header, name) for header in headers]).tolist() for name in names}


def found_of(layout: Layout, texts: list[bytes]) -> tuple[list[bool], dict[str, list[object]]]:
    valid, columns = parse_rows(layout, rows_of(texts, layout.product))
    return valid.tolist(), {name: columns[name][valid].tolist() for name in columns}


@each_product
@settings(max_examples=30)
@given(data=st.data())
def test_many_rows_of_few_headers_are_those_read_one_by_one(product: DataProduct, data: st.DataObject) -> None:
    """The rows are so many that they are compared sixteen at once; at most two of them are damaged."""
    tops = (65535, 1023, 999_999_999, 2**33, 999_999)
    n = 1 if product.one_quabo else 4
    few = []
    for _ in range(data.draw(st.integers(1, 4))):
        drawn = [tuple(data.draw(st.integers(0, top) | st.integers(0, 99)) for _ in range(n)) for top in tops]
        quabo_num = data.draw(st.integers(0, 3)) if product.one_quabo else None
        few.append(format_header(Header(drawn[0], drawn[1], drawn[2], drawn[3], drawn[4], quabo_num)))
    n_rows = data.draw(st.sampled_from([16, 271, 272, 300, 700]))
    order = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, len(few), n_rows)
    texts = [few[i] for i in order]
    for row in data.draw(st.lists(st.integers(0, n_rows - 1), max_size=2)):
        place, byte = data.draw(st.integers(0, len(few[0]) - 1)), data.draw(st.sampled_from(b" -./09:x!"))
        texts[row] = texts[row][:place] + bytes([byte]) + texts[row][place + 1 :]
    layout = layout_of(few[0], product)
    assert found_of(layout, texts) == expected_of(layout, texts)


@pytest.mark.parametrize("separators", [(", ", ": "), (",", ":")], ids=["blanks", "compact"])
def test_quabos_whose_numbers_have_several_widths_are_read(separators: tuple[str, str]) -> None:
    headers = [
        Header((i, 60_000 + i, 7, 10**16 + i), (529,) * 4, (10 + i,) * 4, (1721882092,) * 4, (778654,) * 4)
        for i in range(3)
    ]
    texts = [json.dumps(header.as_dict(), separators=separators).encode() for header in headers]
    layout = layout_of(texts[0], DataProduct.IMG16)
    assert layout.is_standard
    assert found_of(layout, texts) == expected_of(layout, texts)
    assert all(expected_of(layout, texts)[0])


@pytest.mark.parametrize("quabo", range(4))
@pytest.mark.parametrize("lefts", [b"1", b"12", b" 1", b"  1"], ids=repr)
def test_blank_to_the_right_of_a_digit_is_found_where_two_words_meet(quabo: int, lefts: bytes) -> None:
    """The last eight columns of a number are one word, and what is to their left is another; of 48 rows each."""
    header = format_header(example(DataProduct.IMG16))
    begin = [match.end() for match in re.finditer(rb'"pkt_nsec": ', header)][quabo]
    numbers = [lefts[i : i + 1] + right for i in range(len(lefts)) for right in (b"23456789", b" 3456789")]
    texts = [header[:begin] + numbers[i % len(numbers)] + header[begin + 9 :] for i in range(48)]
    layout = layout_of(texts[0], DataProduct.IMG16)
    assert found_of(layout, texts) == expected_of(layout, texts)


def test_headers_of_a_large_file_are_read_in_several_threads_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3))
    few = [format_header(example(DataProduct.PH256, i)) for i in range(0, 60_000, 500)]
    layout = layout_of(few[0], DataProduct.PH256)
    rows = np.tile(rows_of(few, DataProduct.PH256)[:, : layout.image_offset_bytes + _WORD_BYTES], (3000, 1))
    rows[::70_001, 40] = ord("x")
    threads: set[int] = set()  # which were started
    threading.setprofile(lambda *_: threads.add(threading.get_ident()))
    try:
        valid, columns = parse_rows(layout, rows)
    finally:
        threading.setprofile(None)
    assert threads
    assert np.flatnonzero(~valid).tolist() == list(range(0, len(rows), 70_001))
    for part in np.split(np.arange(len(rows)), 60):
        one = parse_rows(layout, rows[part])
        assert np.array_equal(one[0], valid[part])
        assert all(np.array_equal(one[1][name], columns[name][part]) for name in columns)


def test_digit_to_the_left_of_blanks_that_all_rows_have_is_found() -> None:
    """The eight bytes at the end of the slot are the same in all rows."""
    header = Header((0,) * 4, (0,) * 4, (0,) * 4, (0,) * 4, (0,) * 4)
    text = format_header(header)
    damaged = text.replace(b'"tv_sec":          0', b'"tv_sec":  0       0')
    layout = layout_of(text, DataProduct.IMG16)
    assert found_of(layout, [text, damaged]) == expected_of(layout, [text, damaged])
    assert not parses(layout, damaged)


@each_product
def test_number_that_is_shorter_is_refused_though_another_is_longer(product: DataProduct) -> None:
    text = format_header(example(product)).replace(b"1721882092", b"        92")
    layout = layout_of(text, product)
    assert parses(layout, text)
    begins = [number.start() for number in re.finditer(rb"(?<=:) +[0-9]+", text)]
    for shorter, longer in permutations(begins, 2):
        changed = bytearray(text)
        changed.insert(longer, ord(" "))
        del changed[shorter + (shorter > longer)]
        assert not parses(layout, bytes(changed))
    assert not parses(layout, text[:-1])
    assert not parses(layout, text.replace(b" ", b"", 1))
    assert not parses(layout, text + b" ")


def test_digit_to_the_left_of_a_word_of_blanks_is_found() -> None:
    """Of 18 columns the first two are one word, the next eight another, which is blank in all rows."""
    header = format_header(example(DataProduct.PH256))
    texts = [header.replace(b"1721882092", number.ljust(9) + b"12345678") for number in (b"", b"1")]
    layout = layout_of(texts[0], DataProduct.PH256)
    assert found_of(layout, texts) == expected_of(layout, texts)
    assert layout.is_standard
    assert expected_of(layout, texts)[0] == [True, False]
