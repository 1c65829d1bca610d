"""Walls of a site: what the bridge makes of newest frames, and what a reader makes of a wall."""

from __future__ import annotations

import numpy as np
import pytest
from support.received import frame_of, received

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.nats_walls import WallFrame, frames_of
from panoseti_daq.errors import PffError
from panoseti_daq.fanout.walls import WallMaker
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.modules import Source
from panoseti_daq.web.relay import RelayedWall
from panoseti_daq.wire.image import as_raw
from panoseti_daq.wire.newest import ReceivedFrame
from panoseti_daq.wire.wall import scaled

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
RAMP = np.arange(1024).reshape(32, 32) * 10


def response(frame: ReceivedFrame, queued_us: int = 0) -> pb.StreamImagesResponse:
    delivery = pb.Delivery(detected_unix_ns=frame.detected_unix_ns, queued_us=queued_us)
    return pb.StreamImagesResponse(pano_image=as_raw(frame), delivery=delivery)


def wall_of(*frames: ReceivedFrame) -> tuple[bytes, str]:
    maker = WallMaker()
    for frame in frames:
        maker.note(response(frame))
    made = maker.wall()
    assert made is not None
    return made


def test_a_wall_has_the_newest_frame_of_each_key() -> None:
    data, names = wall_of(
        frame_of(1, frame_number=1), received(PH256, 5, quabo=2, number=8), frame_of(RAMP, frame_number=2)
    )
    assert names == "7.img16,7.ph256.q2"
    movie, pulse = frames_of(data, names, "lick")
    assert (movie.key, movie.frame_number) == (Key(7, IMG16, None), 2)
    assert (pulse.key, pulse.frame_number) == (Key(7, PH256, 2), 8)
    assert np.abs(movie.image.astype(int) - np.clip(RAMP, 50, 10180)).max() <= (10180 - 50) / 510 + 0.5
    assert {frame.host for frame in (movie, pulse)} == {"lick"}


def test_there_is_no_wall_without_a_new_frame() -> None:
    maker = WallMaker()
    assert maker.wall() is None
    maker.note(response(frame_of(1)))
    assert maker.wall() is not None
    assert maker.wall() is None


def test_an_age_counts_the_time_at_the_node_at_the_bridge_and_on_nats() -> None:
    taken_ns = 1_767_225_600 * 10**9
    maker = WallMaker()
    maker.note(response(received(IMG16, 5, unix_ns=taken_ns, detected_ns=taken_ns + 2 * 10**9), queued_us=500_000))
    made = maker.wall()
    assert made is not None
    [frame] = frames_of(*made, "lick", kept_ns=3 * 10**9)
    now_s = frame.delivery.arrived_ns / 1e9
    assert Clock(lambda: now_s).age_s(frame) == pytest.approx(5.5, abs=0.5)
    assert frame.age_s >= 5.5


def test_flaws_and_a_missing_time_are_kept() -> None:
    data, names = wall_of(received(IMG16, 5, unix_ns=0, silent=(0, 1, 2, 3)))
    [frame] = frames_of(data, names, "lick")
    assert np.isnan(frame.age_s)
    assert frame.datetime is None
    assert frame.quality == received(IMG16, 5, unix_ns=0, silent=(0, 1, 2, 3)).quality


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"", "7.img16"),
        (b"x" * 100, "7.img16"),
        (wall_of(frame_of(1))[0], ""),
        (wall_of(frame_of(1))[0], "7.img17"),
        (wall_of(frame_of(1))[0][:-8], "7.img16"),
    ],
)
def test_what_is_no_wall_is_refused(data: bytes, names: str) -> None:
    with pytest.raises(PffError):
        frames_of(data, names, "lick")


def test_a_relay_hands_on_the_pixels_of_the_wall() -> None:
    live = RelayedWall()
    data, names = wall_of(received(PH256, 5, quabo=1), frame_of(RAMP))
    for of_wall in frames_of(data, names, "lick"):
        live.add(of_wall)
    source = Source("lick", Key(7, IMG16, None))
    tile, frame = live.tile(source), live.frames[source]
    assert isinstance(frame, WallFrame)
    assert (tile.key, tile.scale) == (1, frame.tile.scale)
    assert scaled(tile) is tile
    np.testing.assert_array_equal(tile.image, frame.tile.image)
    assert live.describe(source)["module"] == 7
