"""Frames of a server that sends more than was asked for, as one of the predecessor does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.frames import block_of

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.image_feed import ImageFeed, Seen
from panoseti_daq.pff import DataProduct, Frame, Selection
from panoseti_daq.wire.image import as_raw, as_struct

IMG8, IMG16, PH256, PH1024 = DataProduct


def no_call(again: bool) -> Any:
    raise AssertionError("no call is made here")


@pytest.mark.parametrize("encode", [as_struct, as_raw])
@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (
            Selection(),
            [(IMG8, None), (IMG16, None), (PH256, 0), (PH256, 1), (PH256, 2), (PH256, 3), (PH1024, None)],
        ),
        (Selection(products={IMG16, PH256}), [(IMG16, None), (PH256, 0), (PH256, 1), (PH256, 2), (PH256, 3)]),
        (Selection(products={PH256}, quabos={2}), [(PH256, 2)]),
        (Selection(quabos={1}), [(IMG8, None), (IMG16, None), (PH256, 1), (PH1024, None)]),
    ],
)
def test_only_what_is_selected_is_handed_on(
    encode: Callable[[Frame], pb.PanoImage], selection: Selection, expected: list[tuple[DataProduct, int | None]]
) -> None:
    frames = [frame for product in DataProduct for frame in block_of(product, quabos=range(4))]
    feed = ImageFeed(no_call, selection)
    found = dict.fromkeys(
        (frame.product, frame.key.quabo)
        for frame in frames
        if list(feed.new_in(pb.StreamImagesResponse(pano_image=encode(frame))))
    )
    assert list(found) == expected


def test_a_message_without_a_frame_is_handed_on_to_whoever_reads_it() -> None:
    empty = pb.StreamImagesResponse()
    assert list(ImageFeed(no_call, Selection(products={IMG8})).new_in(empty)) == [empty]


def test_numbers_that_begin_again_are_those_of_another_connection_of_hashpipe() -> None:
    seen = Seen()
    for file, is_old in (("uds_img16", False), ("a.pff", True)):
        assert not seen.came_before(file, file, 7)
        seen.break_off()
        assert seen.came_before(file, file, 3) is is_old
