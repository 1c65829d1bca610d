"""Flaws of the frames of a recorded night: few, and always the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support.rig import serving_process, started

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.pff import DataProduct, FrameBlock, Quality
from panoseti_daq.pff.flags import names_of
from panoseti_daq.simulator.writer import Buffering

pytestmark = pytest.mark.timeout(120)


def _flags_by_json(block: FrameBlock) -> list[int]:
    """Flags of each frame, by json and numpy alone and one frame at a time."""
    size, found = block.layout.frame_size_bytes, []
    before: dict[int, int] = {}
    for i in range(len(block)):
        text, pixels = bytes(block.data[i * size : (i + 1) * size]).split(b"\n\n*", 1)
        header = json.loads(text)
        flags = 0 if np.frombuffer(pixels, "u1").any() else int(Quality.ZERO_IMAGE)
        quabos = {header["quabo_num"]: header} if "quabo_num" in header else dict(enumerate(header.values()))
        for key, quabo in quabos.items():
            if key in before and (before[key] + 1) % 65536 != quabo["pkt_num"]:
                flags |= int(Quality.PACKET_GAP)
            before[key] = quabo["pkt_num"]
            assert quabo["tv_sec"]
            assert (quabo["tv_sec"] - quabo["pkt_tai"] + 37) % 1024 in (0, 1, 1023)
        found.append(flags)
    return found


def test_the_only_fault_of_the_night_is_quabo_3_whose_pulse_heights_are_all_zero(
    lick_files: dict[str, FrameBlock],
) -> None:
    for block in lick_files.values():
        is_zero = np.zeros(len(block), bool)
        if block.product is DataProduct.PH256:
            is_zero = block.columns["quabo_num"] == 3
            assert is_zero.sum() in (408, 553)
        assert block.quality.tolist() == np.where(is_zero, int(Quality.ZERO_IMAGE), 0).tolist()


def test_a_reading_by_other_means_finds_the_same(lick_files: dict[str, FrameBlock]) -> None:
    for block in lick_files.values():
        assert block.quality.tolist() == _flags_by_json(block)


@pytest.mark.anyio
async def test_a_client_is_told_and_the_server_counts_it(
    tmp_path: Path, lick_run: Path, lick_files: dict[str, FrameBlock]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    n_frames = sum(map(len, lick_files.values()))
    replay = (
        "simulate",
        data_dir,
        "--replay",
        lick_run,
        "--buffering",
        Buffering.HASHPIPE,
        "--block-packets",
        0,
        "--speed",
        1000,
    )
    with serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address):
        async with AioDaqDataClient.connect(address) as client:
            stream = await client.stream_images()
            with started(*replay):
                async for image in stream:
                    block = lick_files[image["file"]]
                    assert image["quality"] == names_of(int(block.quality[image["frame_number"]]))
                    keys = (await client.get_status(address)).keys
                    if sum(key.frames for key in keys) == n_frames:
                        break
    for key in keys:
        is_dark = key.product == "ph256" and key.quabo == 3
        assert dict(key.quality) == ({"zero_image": key.frames} if is_dark else {})
        assert key.flawed_frames == (key.frames if is_dark else 0)
