"""Quality of frames as the hub counts it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.frames import block_of
from support.virtual_time import VirtualTimeLoop

from panoseti_daq.hub import Hub
from panoseti_daq.pff import DataProduct, Frame, Key, Quality

IMG16, PH256 = DataProduct.IMG16, DataProduct.PH256
KEY = Key(7, IMG16, None)


@pytest.fixture
def hub() -> Iterator[Hub]:
    loop = VirtualTimeLoop()
    yield Hub(loop)
    loop.close()


def test_good_frames_are_not_counted_as_flawed(hub: Hub) -> None:
    for first in (1, 51):  # the pixels of frame 0 are 0
        hub.publish(block_of(IMG16, 50, first=first))
    assert (hub.keys[KEY].n_frames, hub.keys[KEY].n_flawed) == (100, 0)


@pytest.mark.parametrize("n_frames", [3, 60])
def test_flaws_of_all_frames_are_counted_though_only_the_newest_is_handed_out(hub: Hub, n_frames: int) -> None:
    block = block_of(IMG16, n_frames)
    size, at = block.layout.frame_size_bytes, block.layout.image_offset_bytes
    data = bytearray(block.data)
    data[at:size] = bytes(size - at)  # the first; frame 0 of `frames` has pixels 0 already
    data[size + at : 2 * size] = bytes(size - at)
    hub.publish(replace(block, data=bytes(data)))
    state = hub.keys[KEY]
    assert (state.n_flawed, dict(state.quality)) == (2, {Quality.ZERO_IMAGE: 2})
    assert state.newest.quality == 0


def test_the_newest_frame_knows_that_it_does_not_follow_the_one_before_it(hub: Hub) -> None:
    hub.publish(block_of(IMG16, first=1))
    hub.publish(replace(block_of(IMG16, first=5), first_frame_number=2))
    assert hub.keys[KEY].newest.quality == Quality.PACKET_GAP


@pytest.mark.parametrize("n_frames", [3, 60])
def test_the_newest_frame_has_all_its_flags_whatever_the_size_of_its_block(hub: Hub, n_frames: int) -> None:
    block = block_of(IMG16, n_frames, first=1)
    size, at = block.layout.frame_size_bytes, block.layout.image_offset_bytes
    data = bytes(block.data)
    hub.publish(replace(block, data=data[: -2 * size] + data[-size : at - size] + bytes(size - at)))
    assert hub.keys[KEY].newest.quality == Quality.PACKET_GAP | Quality.ZERO_IMAGE


def test_flaws_of_ph256_are_counted_by_quabo(hub: Hub) -> None:
    block = block_of(PH256, quabos=[0, 1, 1, 2], first=1)
    size, at = block.layout.frame_size_bytes, block.layout.image_offset_bytes
    data = bytearray(block.data)
    data[2 * size + at : 3 * size] = bytes(size - at)
    hub.publish(replace(block, data=bytes(data)))
    assert [hub.keys[Key(7, PH256, quabo)].quality[Quality.ZERO_IMAGE] for quabo in range(3)] == [0, 1, 0]


def test_flaws_of_a_frame_that_stands_in_no_file_are_counted(hub: Hub) -> None:
    (good,) = block_of(IMG16, first=1)
    hub.publish_frame(Frame(IMG16, 7, "", 0, bytes(2048), good.header))
    assert hub.keys[KEY].quality[Quality.ZERO_IMAGE] == 1


def test_short_blocks_are_counted_when_somebody_looks(hub: Hub) -> None:
    expected = Hub(hub._loop)
    for i in range(12):
        for module_id in (1, 2):
            block = block_of(IMG16, 5, first=5 * i + 1, module_id=module_id)
            size, at = block.layout.frame_size_bytes, block.layout.image_offset_bytes
            data = bytearray(block.data)
            if i == 4:
                data[size + at : 2 * size] = bytes(size - at)
            if i in (6, 8):
                data[20:24] = b"####"
            spoilt = replace(block, data=bytes(data))
            hub.publish(spoilt)
            expected.publish(spoilt)
            key = Key(module_id, IMG16, None)
            # Here somebody looks after each block.
            assert expected.keys[key].newest.frame_number == 5 * i + 5
    for key, state in expected.keys.items():
        found = hub.keys[key]
        assert (found.n_frames, found.n_flawed, found.quality) == (58, state.n_flawed, state.quality)
        assert found.newest.frame_number == 60
        assert hub.bad_frames[key.module_id, IMG16] == 2


def test_short_blocks_do_not_wait_for_ever(hub: Hub) -> None:
    hub.publish(block_of(IMG16, 1))
    state = hub.keys[KEY]
    for i in range(250):
        hub.publish(block_of(IMG16, 5, first=1 + 5 * i))
    assert state.n_frames >= 1000
    hub.publish(block_of(IMG16, 40, first=1251))  # is counted after them
    assert (state.n_frames, state.n_flawed) == (1291, 1 + 1290 // 128)  # dark are the frames 0, 128, ...


def test_a_run_that_is_over_keeps_what_waited_of_it(hub: Hub) -> None:
    for i in range(3):
        hub.publish(replace(block_of(IMG16, 5, first=1 + 5 * i), run="a"))
    hub.publish(replace(block_of(IMG16, 5, first=1, generation=1), run="b"))
    assert hub.keys[KEY].n_frames == 20


@pytest.mark.parametrize("sizes", [(3, 1, 2, 1, 1), (2, 3, 1, 40, 1, 2)])
def test_single_frames_among_short_blocks_know_the_frame_before_them(hub: Hub, sizes: tuple[int, ...]) -> None:
    hub.publish(block_of(IMG16, first=1))
    first = 2
    for place, n_frames in enumerate(sizes, 1):  # of each file a packet is missing before each block
        hub.publish(replace(block_of(IMG16, n_frames, first=first + place), first_frame_number=first))
        first += n_frames
        newest = hub._keys[KEY].newest
        assert (newest.frame_number, newest.quality) == (first - 1, Quality.PACKET_GAP * (n_frames == 1))
    assert (hub.keys[KEY].n_frames, hub.keys[KEY].n_flawed) == (first - 1, len(sizes))
