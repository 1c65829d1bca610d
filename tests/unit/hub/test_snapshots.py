"""Frames of Hashpipe's sockets beside those of files, in the hub."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.frames import block_of, frame_bytes, layout_of
from support.virtual_time import VirtualTimeLoop

from panoseti_daq.hub import Hub
from panoseti_daq.pff import DataProduct, FrameBlock, Key, Selection
from panoseti_daq.pff.flags import IN_SEQUENCE

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
KEY = Key(7, IMG16, None)
AT_S = 1_721_882_092


@pytest.fixture
def hub() -> Iterator[Hub]:
    loop = VirtualTimeLoop()
    yield Hub(loop)
    loop.close()


def snapshot(
    i: int = 0, tv_sec: int = AT_S, connection: int = 1, product: DataProduct = IMG16, quabo: int = 0
) -> FrameBlock:
    data = frame_bytes(product, i, quabo, tv_sec)
    return FrameBlock(data, layout_of(product), 7, f"uds_{product.token}", i, connection, detected_unix_ns=1)


def in_file(i: int = 0, tv_sec: int = AT_S, generation: int = 0) -> FrameBlock:
    return FrameBlock(frame_bytes(IMG16, i, 0, tv_sec), layout_of(IMG16), 7, "a.pff", i, generation, 1, "run")


def newest(hub: Hub) -> tuple[str, int]:
    frame = hub.keys[KEY].newest
    return frame.file, frame.frame_number


def test_the_newer_by_its_own_time_is_shown(hub: Hub) -> None:
    hub.publish(in_file(5, AT_S))
    hub.publish(snapshot(1, AT_S + 2))
    assert newest(hub) == ("uds_img16", 1)
    hub.publish(in_file(6, AT_S + 1))
    assert newest(hub) == ("uds_img16", 1)
    hub.publish(in_file(7, AT_S + 3))
    assert newest(hub) == ("a.pff", 7)
    hub.publish(snapshot(2, AT_S + 2))
    assert newest(hub) == ("a.pff", 7)


def test_a_clock_that_is_set_back_holds_up_no_socket(hub: Hub) -> None:
    hub.publish(snapshot(1, AT_S + 50))
    hub.publish(snapshot(2, AT_S))
    assert newest(hub) == ("uds_img16", 2)


def test_the_rest_of_an_older_connection_replaces_nothing_newer(hub: Hub) -> None:
    hub.publish(snapshot(0, AT_S + 1, connection=2))
    hub.publish(snapshot(9, AT_S, connection=1))
    assert newest(hub) == ("uds_img16", 0)
    hub.publish(snapshot(10, AT_S + 2, connection=1))  # the newer one sends no more
    assert newest(hub) == ("uds_img16", 10)


def test_quality_compares_snapshots_with_nothing(hub: Hub) -> None:
    hub.publish(snapshot(1, AT_S + 9))
    hub.publish(snapshot(40, AT_S))
    assert not hub.keys[KEY].newest.quality & IN_SEQUENCE
    hub.publish(in_file(1, AT_S + 20))
    hub.publish(in_file(2, AT_S + 21))
    assert not hub.keys[KEY].newest.quality & IN_SEQUENCE  # nor is a file compared with them


def test_snapshots_count_for_themselves(hub: Hub) -> None:
    begin = hub.last_frame_at
    with hub.growth() as growth:
        for i in range(3):
            hub.publish(snapshot(i))
        assert not growth.take()  # lossless streams have nothing to read
    state = hub.keys[KEY]
    assert (state.n_frames, state.snapshots.n_frames) == (0, 3)
    assert hub.last_frame_at == begin  # a run whose files do not grow is stalled
    assert hub.burst_interval_s == 0.0


def test_a_later_run_does_not_end_snapshots(hub: Hub) -> None:
    hub.publish(in_file(1, AT_S))
    later = FrameBlock(frame_bytes(IMG16, 0, 0, AT_S + 5), layout_of(IMG16), 7, "b.pff", 0, 3, 1, "later run")
    hub.publish(later)
    hub.publish(snapshot(1, AT_S + 6))
    assert newest(hub) == ("uds_img16", 1)


def test_subscriptions_get_both(hub: Hub) -> None:
    with hub.subscribe(Selection()) as subscription:
        hub.publish(snapshot(1, AT_S))
        hub.publish(snapshot(2, AT_S, product=PH256, quabo=3))
        hub.publish(block_of(PH256, quabos=[1]))
        assert set(subscription._waiting) == {KEY, Key(7, PH256, 3), Key(7, PH256, 1)}


def test_an_upload_gives_way_to_a_socket_and_not_the_other_way_round(hub: Hub) -> None:
    upload = block_of(IMG16)[0]
    assert hub.publish_frame(upload)
    hub.publish(snapshot(1))
    assert newest(hub) == ("uds_img16", 1)
    assert not hub.publish_frame(upload)
