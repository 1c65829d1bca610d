from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.frames import block_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import ReceivedFrame, RpcError, image_dict, received_frame, to_json
from panoseti_daq.client.images import Delivery, frame_of_dict
from panoseti_daq.errors import PffError
from panoseti_daq.pff import DataProduct, Frame, Header, Quality

QUABO = {"pkt_num": 37993, "pkt_tai": 529, "pkt_nsec": 779007488, "tv_sec": 1721882092, "tv_usec": 779336}


def movie(**changes: int) -> Frame:
    quabo = QUABO | changes
    header = Header.from_dict({f"quabo_{i}": dict(quabo) for i in range(4)})
    return Frame(DataProduct.IMG16, 224, "f.pff", 88, bytes(range(256)) * 8, header)


def test_the_documented_example_holds() -> None:
    image = image_dict(movie())
    assert list(image) == [
        "type", "header", "shape", "bytes_per_pixel", "image_array", "file", "frame_number", "module_id",
        "quality", "host",
    ]  # fmt: skip
    assert image["host"] == ""
    assert image["header"]["wr_unix_timestamp"] == Decimal("1721882092.779007488")
    assert image["header"]["pkt_unix_timestamp"] == Decimal("1721882092.779336")
    assert image["header"]["pandas_unix_timestamp"] == pd.Timestamp("2024-07-25 04:34:52.779007488")
    assert image["header"]["quabo_3"] == {name: float(value) for name, value in QUABO.items()}
    assert image["header"]["time_status"] == "WHITE_RABBIT"
    assert (image["type"], image["shape"], image["bytes_per_pixel"]) == ("MOVIE", [32, 32], 2)
    assert (image["file"], image["frame_number"], image["module_id"]) == ("f.pff", 88, 224)
    assert image["image_array"].dtype == np.uint16


# odd night 31
def test_the_array_of_the_documented_dict_may_be_changed_without_an_effect_on_the_frame() -> None:
    frame = movie()
    image_dict(frame)["image_array"] -= 1
    assert image_dict(frame)["image_array"].tobytes() == frame.pixels


def test_clocks_that_disagree_give_the_host_clock_and_say_so() -> None:
    header = image_dict(movie(pkt_tai=100))["header"]
    assert header["time_status"] == "HOST_CLOCK"
    assert header["wr_unix_timestamp"] == header["pkt_unix_timestamp"] == Decimal("1721882092.779336")
    assert header["pandas_unix_timestamp"] == pd.Timestamp("2024-07-25 04:34:52.779336")


def test_a_frame_without_any_time_has_none_rather_than_1970() -> None:
    header = image_dict(movie(**dict.fromkeys(QUABO, 0)))["header"]
    assert header["time_status"] == "NO_TIME"
    assert header["wr_unix_timestamp"].is_nan()
    assert header["pkt_unix_timestamp"].is_nan()
    assert header["pandas_unix_timestamp"] is pd.NaT


def test_frame_number_0_and_module_0_are_in_the_dict() -> None:
    frame = Frame(DataProduct.IMG8, 0, "", 0, bytes(1024), movie().header)
    assert image_dict(frame)["frame_number"] == image_dict(frame)["module_id"] == 0


@pytest.mark.parametrize(
    "image",
    [
        pb.PanoImage(),
        pb.PanoImage(type=pb.PanoImage.MOVIE, shape=[32, 32], bytes_per_pixel=4),
        pb.PanoImage(type=pb.PanoImage.MOVIE, shape=[32, 32], bytes_per_pixel=2, pixels=b"short"),
        pb.PanoImage(type=pb.PanoImage.PULSE_HEIGHT, shape=[16, 16], bytes_per_pixel=2, image_array=[1, 2]),
    ],
)
def test_a_message_that_is_no_frame_is_a_pff_error(image: pb.PanoImage) -> None:
    with pytest.raises(PffError):
        received_frame(pb.StreamImagesResponse(pano_image=image), "host")


def test_an_rpc_error_is_one_of_grpc_and_survives_pickling() -> None:
    import grpc

    error = RpcError(
        "daq1", grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone")
    )
    assert isinstance(error, grpc.RpcError)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.host, copy.code(), copy.details()) == ("daq1", grpc.StatusCode.UNAVAILABLE, "gone")
    assert str(copy) == "daq1: gone (UNAVAILABLE)"


@pytest.mark.parametrize("product", DataProduct)
def test_a_dict_becomes_the_frame_it_came_from(product: DataProduct) -> None:
    (frame,) = block_of(product, first=3, quabos=[2] if product.one_quabo else None)
    again = frame_of_dict(image_dict(frame))
    assert (again.key, again.time, again.header) == (frame.key, frame.time, frame.header)
    assert (again.pixels, again.file, again.frame_number) == (frame.pixels, frame.file, frame.frame_number)


def test_pulse_heights_that_a_dict_has_without_sign_are_negative_in_the_frame() -> None:
    image = {
        "type": "PULSE_HEIGHT",
        "header": QUABO | {"quabo_num": 1},
        "image_array": np.full((16, 16), 65535, "u2"),
    }
    frame = frame_of_dict(image)
    assert frame.key == (0, DataProduct.PH256, 1)
    assert np.all(frame.image == -1)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "UNDEFINED"},
        {"image_array": np.zeros((16, 32), np.uint16)},
        {"bytes_per_pixel": 4},
        {"header": {"quabo_0": 3}},
        {"header": None},
        {"image_array": [["x"]]},
    ],
)
def test_a_dict_that_is_no_frame_is_a_pff_error(changes: dict[str, object]) -> None:
    with pytest.raises(PffError):
        frame_of_dict(image_dict(movie()) | changes)


def test_a_dict_without_its_header_is_a_pff_error_that_names_it() -> None:
    image: dict[str, Any] = dict(image_dict(movie()))
    del image["header"]
    with pytest.raises(PffError, match="header"):
        frame_of_dict(image)


def test_what_was_found_wrong_with_a_frame_survives_the_dict() -> None:
    frame = movie(tv_sec=0)
    frame = replace(frame, judged=frame.quality | Quality.PACKET_GAP)
    assert frame_of_dict(image_dict(frame)).quality == frame.quality


def test_an_image_dict_becomes_json() -> None:
    image = image_dict(movie())
    plain = json.loads(to_json(image))
    assert list(plain) == list(image)
    assert plain["image_array"] == image["image_array"].tolist()
    assert plain["header"]["wr_unix_timestamp"] == "1721882092.779007488"
    assert plain["header"]["pandas_unix_timestamp"] == "2024-07-25T04:34:52.779007488"


def test_json_has_null_for_times_that_are_not_known() -> None:
    header = json.loads(to_json(image_dict(movie(tv_sec=0))))["header"]
    assert header["time_status"] == "NO_TIME"
    assert (header["wr_unix_timestamp"], header["pandas_unix_timestamp"]) == (None, None)


def received(*, detected_s: float, arrived_s: float, **changes: int) -> ReceivedFrame:
    """A frame that was read 2 s after it was taken, waited for 1 s in the server, and is here for 0.5 s."""
    frame, taken_ns = movie(**changes), 1721882092_779007488
    return ReceivedFrame(
        *(frame.product, 1, "f.pff", 0, frame.pixels, frame.header),
        detected_unix_ns=round(detected_s and taken_ns + detected_s * 1e9),
        delivery=Delivery("daq1", queued_ns=10**9, arrived_ns=round(arrived_s * 1e9)),
    )


def test_the_age_of_a_frame_is_by_the_clock_of_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.monotonic_ns", lambda: 100_500_000_000)
    monkeypatch.setattr("time.time_ns", lambda: 1721882092_779007488 + 7 * 10**9)
    assert received(detected_s=2, arrived_s=100).age_s == pytest.approx(3.5)
    assert received(detected_s=0, arrived_s=100).age_s == pytest.approx(7)  # the predecessor does not tell
    assert math.isnan(received(detected_s=2, arrived_s=100, tv_sec=0).age_s)
    assert "f.pff#0 from daq1>" in repr(received(detected_s=2, arrived_s=100))
