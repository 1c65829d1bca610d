from __future__ import annotations

from support.frames import block_of
from support.received import received as received_from

from panoseti_daq.client import ReceivedFrame
from panoseti_daq.pff import DataProduct, Frame
from panoseti_daq.viewers.host.feed import Handover
from panoseti_daq.viewers.modules import by_key


def received(i: int, product: DataProduct = DataProduct.IMG16, quabo: int = 0) -> ReceivedFrame:
    block = block_of(product, first=i, quabos=[quabo])
    frame: Frame = block[0]
    return ReceivedFrame(
        product, frame.module_id, frame.file, frame.frame_number, bytes(frame.pixels), frame.header
    )


def test_only_the_newest_frame_of_each_key_is_held() -> None:
    handover = Handover()
    for i in range(3):
        handover.put(received(i))
        handover.put(received(i, DataProduct.PH256, quabo=i % 2))
    frames = handover.take()
    assert {(key.product, key.quabo): frame.frame_number for (_, key), frame in frames.items()} == {
        (DataProduct.IMG16, None): 2,
        (DataProduct.PH256, 0): 2,
        (DataProduct.PH256, 1): 1,
    }
    assert handover.take() == {}


def test_the_drawing_side_is_woken_once_until_it_takes() -> None:
    handover = Handover()
    woken: list[bool] = []
    handover.on_arrival(lambda: woken.append(True))
    handover.put(received(0))
    handover.put(received(1))
    assert len(woken) == 1
    handover.take()
    handover.put(received(2))
    assert len(woken) == 2


def test_nobody_is_woken_after_the_window_is_gone() -> None:
    handover = Handover()
    woken: list[bool] = []
    handover.on_arrival(lambda: woken.append(True))
    handover.on_arrival(None)
    handover.put(received(0))
    assert woken == []


def test_of_two_hosts_with_one_key_neither_frame_is_lost() -> None:
    handover = Handover()
    for host in ("daq1", "daq2"):
        handover.put(received_from(DataProduct.IMG16, host=host))
    parts = list(by_key(handover.take()))
    assert [[frame.host for frame in part.values()] for part in parts] == [["daq1"], ["daq2"]]
