from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.images import received_frame
from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Frame, FrameBlock, Layout, Quality
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.wire import newest
from panoseti_daq.wire.image import as_raw
from panoseti_daq.wire.image import frame_of as read_frame
from panoseti_daq.wire.newest import MAX_BATCH, MAX_SLOW_BATCH, StreamEncoder, delivery, encoded_struct

START_NS = 1_767_225_600_123_456_789
ALL_PRODUCTS = pytest.mark.parametrize("product", DataProduct, ids=lambda p: p.token)


def frame_of(product: DataProduct) -> Frame:
    data = ModuleSky(3).frame(product, START_NS)
    layout = Layout.discover(data, product)
    assert layout is not None
    name = f"start_2026-01-01T00:00:00Z.dp_{product.token}.bpp_2.module_3.seqno_0.pff"
    return FrameBlock(data, layout, 3, name, 41, detected_unix_ns=START_NS + 5)[0]


ENCODINGS = (pb.STRUCT, pb.RAW)


def message_of(*frames: Frame, encoding: pb.Encoding, n_dropped: int = 0) -> pb.StreamImagesResponse:
    encode = StreamEncoder(pb.StreamImagesRequest(encoding=encoding))
    return pb.StreamImagesResponse.FromString(encode(frames, n_dropped))


@ALL_PRODUCTS
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_frame_survives_the_wire_in_either_encoding(product: DataProduct, encoding: pb.Encoding) -> None:
    frame = frame_of(product)
    received = received_frame(message_of(frame, encoding=encoding), "host")
    assert received.header == frame.header
    assert received.time == frame.time
    assert received.pixels == frame.pixels
    assert (received.file, received.frame_number, received.module_id) == (frame.file, 41, 3)
    assert received.key == frame.key


def test_a_frame_is_encoded_once_per_encoding() -> None:
    frame = frame_of(DataProduct.IMG16)
    assert encoded_struct(frame) is encoded_struct(frame)
    for encoding in ENCODINGS:
        one, other = (message_of(frame, encoding=encoding) for _ in range(2))
        assert one.pano_image == other.pano_image


def test_the_bytes_of_a_frame_are_kept_as_long_as_it_lives() -> None:
    frame, other = frame_of(DataProduct.IMG16), frame_of(DataProduct.IMG16)
    for known, encoding in ((newest._KNOWN_RAW, pb.RAW), (newest._KNOWN_STRUCTS, pb.STRUCT)):
        message_of(frame, encoding=encoding)
        message_of(other, encoding=encoding)
        assert {weakref.ref(frame), weakref.ref(other)} <= known.keys()
    gone = weakref.ref(frame)
    hash(gone)
    del frame
    gc.collect()
    assert gone() is None
    for kept in (newest._KNOWN_RAW, newest._KNOWN_STRUCTS):
        assert gone not in kept
        assert weakref.ref(other) in kept


def test_a_batch_holds_what_would_come_one_by_one() -> None:
    frames = [frame_of(product) for product in DataProduct]
    batch = message_of(*frames, encoding=pb.RAW, n_dropped=3)
    assert batch.ListFields() == [(batch.DESCRIPTOR.fields_by_name["batch"], batch.batch)]
    for i, (response, frame) in enumerate(zip(batch.batch, frames, strict=True)):
        assert response.pano_image == message_of(frame, encoding=pb.RAW).pano_image
        assert (response.delivery.sequence, response.delivery.dropped) == (i, 3)


@pytest.mark.parametrize(
    ("encoding", "interval_s", "n_most"),
    [(pb.RAW, 0.0, MAX_BATCH), (pb.RAW, 0.1, MAX_SLOW_BATCH), (pb.STRUCT, 0.1, 1)],
)
def test_only_who_asks_for_it_in_our_encoding_gets_batches(
    encoding: pb.Encoding, interval_s: float, n_most: int
) -> None:
    request = pb.StreamImagesRequest(encoding=encoding, update_interval_seconds=interval_s)
    assert StreamEncoder(request).n_most == 1
    request.batches = True
    assert StreamEncoder(request).n_most == n_most


def test_a_wall_of_90_telescopes_comes_in_one_message_of_a_quarter_of_a_megabyte() -> None:
    frame = frame_of(DataProduct.IMG16)
    request = pb.StreamImagesRequest(encoding=pb.RAW, batches=True, update_interval_seconds=1.0)
    encode = StreamEncoder(request)
    assert encode.n_most >= 90
    assert len(encode([frame] * encode.n_most, 0)) <= 256 << 10


def test_delivery_after_the_frame_is_one_message_with_both() -> None:
    image = pb.StreamImagesResponse(pano_image=as_raw(frame_of(DataProduct.IMG16))).SerializeToString()
    response = pb.StreamImagesResponse.FromString(image + delivery(7, 2, START_NS, 9_000))
    assert response.pano_image.frame_number == 41
    assert (response.delivery.sequence, response.delivery.dropped, response.delivery.queued_us) == (7, 2, 9)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**63))
def test_delivery_is_what_protobuf_reads_back(
    sequence: int, dropped: int, detected_ns: int, later_ns: int
) -> None:
    read = pb.StreamImagesResponse.FromString(delivery(sequence, dropped, detected_ns, later_ns))
    queued_us = min(later_ns // 1000, 2**32 - 1)
    expected = pb.Delivery(sequence=sequence, dropped=dropped, detected_unix_ns=detected_ns, queued_us=queued_us)
    assert read == pb.StreamImagesResponse(delivery=expected)


def test_negative_pulse_heights_travel_unsigned_in_the_old_encoding() -> None:
    frame = frame_of(DataProduct.PH256)
    response = message_of(frame, encoding=pb.STRUCT)
    sent = np.array(response.pano_image.image_array).reshape(16, 16)
    assert sent.max() > 60_000
    np.testing.assert_array_equal(sent.astype(np.uint16).astype(np.int16), frame.image)


def test_a_raw_img16_frame_takes_little_more_than_its_pixels() -> None:
    assert as_raw(frame_of(DataProduct.IMG16)).ByteSize() < 2048 + 130


def test_missing_quabos_and_black_images_are_marked() -> None:
    product = DataProduct.IMG8
    good = frame_of(product)
    header = type(good.header).from_dict(
        {
            **good.header.as_dict(),
            "quabo_2": dict.fromkeys(("pkt_num", "pkt_tai", "pkt_nsec", "tv_sec", "tv_usec"), 0),
        }
    )
    bad = Frame(product, 3, "f", 0, bytes(product.image_size_bytes), header)
    assert as_raw(good).quality == pb.PanoImage.GOOD
    assert as_raw(bad).quality == pb.PanoImage.MISSING_QUABO_2 | pb.PanoImage.ZERO_IMAGE


def test_the_flags_of_quality_have_the_numbers_of_the_wire() -> None:
    assert {flag.name: flag.value for flag in Quality} | {"GOOD": 0} == dict(pb.PanoImage.Quality.items())


def test_a_header_with_other_fields_travels_as_text() -> None:
    product = DataProduct.PH256
    good = frame_of(product)
    fields = {**good.header.as_dict(), "trigger": 5}
    frame = Frame(product, 3, "f", 0, good.pixels, type(good.header).from_dict(fields))
    for encoding in ENCODINGS:
        received = received_frame(message_of(frame, encoding=encoding), "host")
        assert received.header.as_dict() == fields
        assert received.time == good.time


@pytest.mark.parametrize(
    "fields",
    [
        {"file": "../../x"},
        {"file": "x" * 900_000},
        {"packed_header": b"", "header_json": '{"quabo_num": 0, "x": NaN}'},
        {"packed_header": b"", "header_json": "[" * 100_000},
        {"packed_header": b"", "header_json": '{"x": ' + "9" * 5000 + "}"},
    ],
)
def test_an_image_from_anybody_that_not_every_client_can_be_sent_is_refused(fields: dict[str, Any]) -> None:
    # odd night 73
    image = as_raw(frame_of(DataProduct.PH256))
    for name, value in fields.items():
        setattr(image, name, value)
    with pytest.raises(PffError):
        read_frame(image)
