"""Frames of another server's messages."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from support.frames import block_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.pff import DataProduct, Frame
from panoseti_daq.wire.newest import StreamEncoder, received_frame, responses_in
from panoseti_daq.wire.relay import relayed_frames

RAW = pb.StreamImagesRequest(encoding=pb.RAW, batches=True)
STRUCT = pb.StreamImagesRequest()
S = 1_000_000_000


def frames_of(product: DataProduct, n_frames: int = 3, detected_unix_ns: int = 0) -> list[Frame]:
    block = block_of(product, n_frames)
    return [replace(frame, detected_unix_ns=detected_unix_ns or frame.time.unix_ns + S) for frame in block]


@pytest.mark.parametrize("product", DataProduct)
def test_what_a_client_of_the_gateway_gets_is_what_the_node_sent(product: DataProduct) -> None:
    sent = StreamEncoder(RAW)(frames_of(product), 7)
    relayed = relayed_frames(sent, time.time_ns())
    again = StreamEncoder(RAW)(relayed, 0)
    for at_node, at_gateway in zip(
        *(responses_in(pb.StreamImagesResponse.FromString(message)) for message in (sent, again)), strict=True
    ):
        assert at_gateway.pano_image.SerializeToString() == at_node.pano_image.SerializeToString()
        assert at_gateway.delivery.detected_unix_ns == at_node.delivery.detected_unix_ns
        assert at_gateway.delivery.dropped == 0


@pytest.mark.parametrize("product", DataProduct)
def test_old_clients_and_old_nodes_are_served(product: DataProduct) -> None:
    (frame,) = frames_of(product, 1)
    (raw,) = relayed_frames(StreamEncoder(RAW)([frame], 0), time.time_ns())
    (old,) = relayed_frames(StreamEncoder(STRUCT)([frame], 0), time.time_ns())
    for relayed in (raw, old):
        assert StreamEncoder(STRUCT)([relayed], 0) == StreamEncoder(STRUCT)([frame], 0)
        assert relayed.image.tolist() == frame.image.tolist()
        assert relayed.header == frame.header


@given(st.integers(-100 * S, 100 * S), st.integers(0, 5 * S))
def test_ages_do_not_depend_on_the_clock_of_the_node(ahead_ns: int, queued_ns: int) -> None:
    """The frame was read a second after it was taken, waited at the node, and came here just now."""
    now_unix_ns = time.time_ns()
    (frame,) = frames_of(DataProduct.IMG16, 1)
    detected_unix_ns = now_unix_ns + ahead_ns - queued_ns
    delivery = pb.Delivery(detected_unix_ns=detected_unix_ns, queued_us=queued_ns // 1000)
    image = pb.StreamImagesResponse.FromString(StreamEncoder(RAW)([frame], 0)).pano_image
    sent = pb.StreamImagesResponse(pano_image=image, delivery=delivery).SerializeToString()

    (relayed,) = relayed_frames(sent, now_unix_ns)
    response = pb.StreamImagesResponse.FromString(StreamEncoder(RAW)([relayed], 0))
    received = received_frame(response, "gateway", time.monotonic_ns())
    assert received.detected_unix_ns == detected_unix_ns
    assert queued_ns // 1000 * 1000 <= received.queued_ns < queued_ns + 60 * S


def test_what_is_no_frame_is_left_out_and_what_is_no_message_is_an_error() -> None:
    (frame,) = frames_of(DataProduct.IMG8, 1)
    good = pb.StreamImagesResponse.FromString(StreamEncoder(RAW)([frame], 0))
    bad = pb.StreamImagesResponse(pano_image=pb.PanoImage(product=pb.IMG8, pixels=b"short"))
    elsewhere = pb.StreamImagesResponse.FromString(good.SerializeToString())
    elsewhere.pano_image.module_id = 256
    batch = pb.StreamImagesResponse(batch=[bad, good, elsewhere])
    assert [one.module_id for one in relayed_frames(batch.SerializeToString(), 1)] == [frame.module_id]
    with pytest.raises(DecodeError):
        relayed_frames(b"\xff\xff", 1)
