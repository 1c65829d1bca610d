"""Records of Hashpipe's sockets, from any pieces of bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.frames import each_product, frame_bytes

from panoseti_daq.pff import DataProduct
from panoseti_daq.simulator.sockets import format_record
from panoseti_daq.sources.records import BadRecordError, Record, RecordReader

IMG8, IMG16, PH256, PH1024 = DataProduct
SIZES = {PH256: 638, IMG8: 1507, IMG16: 2531, PH1024: 2531}  # FIELD 2.2
MODULES = (7, 255, 0)


def records(product: DataProduct, n: int = len(MODULES)) -> list[bytes]:
    return [format_record(MODULES[i % 3], frame_bytes(product, i, i % 4), product) for i in range(n)]


def read(reader: RecordReader, pieces: list[bytes]) -> list[Record]:
    return [record for piece in pieces for record in reader.feed(piece)]


@each_product
def test_records_have_the_sizes_of_the_real_ones(product: DataProduct) -> None:
    assert {len(record) for record in records(product)} == {SIZES[product]}


@each_product
@given(data=st.data())
def test_any_pieces_give_the_same_frames(product: DataProduct, data: st.DataObject) -> None:
    stream = b"".join(records(product))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=9)))
    pieces = [stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])]
    reader = RecordReader(product)
    found = read(reader, pieces)
    assert [record.frame for record in found] == [record[2:] for record in records(product)]
    assert [record.module_id for record in found] == list(MODULES)
    assert [record.quabo for record in found] == ([0, 1, 2] if product is PH256 else [None] * 3)
    assert reader.n_held_bytes == 0


def test_records_with_the_longer_headers_of_files_are_read_too() -> None:
    frame = frame_bytes(IMG16)
    assert read(RecordReader(IMG16), [b"\0\x05" + frame]) == [Record(5, None, frame)]


def test_pixels_that_look_like_an_end_of_header_do_no_harm() -> None:
    good = records(IMG8, 1)[0]
    odd = good[:-1024] + (b"\n\n*{" * 256)
    found = read(RecordReader(IMG8), [odd + good])
    assert [record.frame for record in found] == [odd[2:], good[2:]]


GOOD = records(IMG16, 2)
BROKEN = {
    "module above 255": b"\1" + GOOD[1][1:],
    "no brace": b"\0\7 " + GOOD[1][2:],
    "garbage": b"\xff" * 64 + GOOD[1],
    "no star": GOOD[1].replace(b"\n\n*", b"\n\n#", 1),
    "a longer header": GOOD[1].replace(b"}", b" }", 1),
    "a letter in a number": GOOD[1].replace(b'"pkt_tai":  529', b'"pkt_tai":  5x9', 1),
    "another field": GOOD[1].replace(b"pkt_tai", b"pkt_utc", 1),
    "a missing comma": GOOD[1].replace(b",", b" ", 1),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("is_first", [True, False], ids=["first", "second"])
def test_a_record_that_breaks_a_rule_is_refused_after_the_good_ones(broken: bytes, is_first: bool) -> None:
    reader = RecordReader(IMG16)
    found: list[bytes] = []
    # Without an end of the header the first record shows its fault only by its length.
    data = (b"" if is_first else GOOD[0]) + broken + GOOD[0] + GOOD[1]
    with pytest.raises(BadRecordError):
        found += (record.frame for record in reader.feed(data))
        list(reader.feed(GOOD[0]))
    assert GOOD[1][2:] not in found
    assert found[:1] == ([] if is_first else [GOOD[0][2:]]) or is_first
    assert reader.n_held_bytes > 0


def test_a_quabo_above_3_and_another_product_are_refused() -> None:
    good = records(PH256, 1)[0]
    with pytest.raises(BadRecordError, match="quabo 7; there are 0 to 3"):
        list(RecordReader(PH256).feed(good.replace(b'"quabo_num": 0', b'"quabo_num": 7')))
    with pytest.raises(BadRecordError, match="not a header of img16"):
        list(RecordReader(IMG16).feed(good))


def test_a_stream_without_a_header_holds_little_and_is_refused() -> None:
    reader = RecordReader(IMG16)
    with pytest.raises(BadRecordError, match="no end of header"):
        for _ in range(10):
            assert not list(reader.feed(b"\0\7{" if not reader.n_held_bytes else b"x" * 1000))
    assert reader.n_held_bytes < 6000
