"""Quality of frames at a client, in either encoding and with every frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.rig import Recorder, recording, serving

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client import AioDaqDataClient, ReceivedBlock, image_dict, received_frame
from panoseti_daq.pff import DataProduct, Quality
from panoseti_daq.simulator.faults import Faults

pytestmark = pytest.mark.anyio

IMG16 = DataProduct.IMG16
MISSING = Faults(missing_quabos=(2,))


def write_spoilt(recorder: Recorder) -> None:
    """A good frame, one that is lost, and one without quabo 2."""
    recorder.write(IMG16)
    lost = recorder._sky.frame(IMG16, 0)
    assert lost
    frame = recorder._sky.frame(IMG16, 1_767_225_601_000_000_000)
    recorder.writer.write(IMG16, MISSING.written(frame, IMG16, 1))


async def test_our_encoding_carries_what_the_server_saw_and_the_dict_names_it(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(IMG16)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async for image in client.stream_images():
                if image["frame_number"] == 0:
                    assert image["quality"] == ()
                    write_spoilt(recorder)
                if image["frame_number"] == 2:
                    break
    assert image["quality"] == ("missing_quabo_2", "packet_gap")


async def test_the_old_encoding_gets_the_old_message_and_the_client_sees_what_one_frame_tells(
    tmp_path: Path,
) -> None:
    with recording(tmp_path) as recorder:
        recorder.write(IMG16)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async for response in client.stream_images(parse_pano_images=False):
                if response.pano_image.frame_number == 0:
                    write_spoilt(recorder)
                if response.pano_image.frame_number == 2:
                    break
    image = response.pano_image
    assert all(field.number < 100 for field, _ in image.ListFields())
    assert not response.HasField("delivery")
    received = image_dict(received_frame(response, "daq1"))
    assert (received["quality"], received["host"]) == (("missing_quabo_2",), "daq1")
    assert isinstance(image, pb.PanoImage)


async def test_a_block_of_all_frames_tells_the_quality_of_each(tmp_path: Path) -> None:
    with recording(tmp_path) as recorder:
        write_spoilt(recorder)
        async with serving(tmp_path) as server, AioDaqDataClient.connect(server.address) as client:
            async for block in client.stream_blocks(since="run"):
                assert isinstance(block, ReceivedBlock)
                if len(block) == 2:
                    break
    assert isinstance(block, ReceivedBlock)
    assert block.quality.tolist() == [0, Quality.MISSING_QUABO_2 | Quality.PACKET_GAP]
