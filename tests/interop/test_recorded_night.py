"""A recorded night, replayed by our simulator and followed by our server, arrives as it was recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from support.rig import serving_process, started

from panoseti_daq.client import AioDaqDataClient, ImageDict
from panoseti_daq.pff import DataProduct, FrameBlock
from panoseti_daq.simulator.writer import Buffering

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

Check = Callable[[ImageDict, str, int], None]


async def _replay(
    data_dir: Path, run: Path, files: dict[str, FrameBlock], buffering: Buffering, speed: float
) -> dict[str, list[ImageDict]]:
    """Images by file that a client gets while the run is replayed, until it has the last frame of every key."""
    data_dir.mkdir()
    missing = {(name, frame.frame_number) for name, file in files.items() for frame in file.newest().values()}
    images: dict[str, list[ImageDict]] = {name: [] for name in files}
    replay = (
        "simulate",
        data_dir,
        "--replay",
        run,
        "--buffering",
        buffering,
        "--block-packets",
        0,
        "--speed",
        speed,
    )
    with serving_process("--data-dir", data_dir, "--run-probe", "none") as (_, address):
        async with asyncio.timeout(60), AioDaqDataClient.connect(address) as client:
            stream = await client.stream_images()
            with started(*replay):
                async for image in stream:
                    images[image["file"]].append(image)
                    missing.discard((image["file"], image["frame_number"]))
                    if not missing:
                        return images
    raise AssertionError("the stream ended before the recording")


def _assert_as_recorded(images: dict[str, list[ImageDict]], files: dict[str, FrameBlock], check: Check) -> None:
    for name, file in files.items():
        last_of_key: dict[float | None, int] = {}
        for image in images[name]:
            number, quabo = image["frame_number"], image["header"].get("quabo_num")
            assert number > last_of_key.get(quabo, -1), "repeated, or out of order"
            last_of_key[quabo] = number
            check(image, name, number)
            assert image["module_id"] == file.module_id
            assert image["type"] == file.product.kind.value
            assert image["header"]["wr_unix_timestamp"] == Decimal(int(file.times[0][number])).scaleb(-9)
        assert max(last_of_key.values()) == len(file) - 1


@pytest.mark.parametrize("buffering", Buffering)
async def test_every_delivered_frame_of_a_night_equals_the_recorded_one_of_its_number(
    tmp_path: Path,
    lick_run: Path,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: Check,
    buffering: Buffering,
) -> None:
    assert sorted((f.module_id, f.product.token, len(f)) for f in lick_files.values()) == [
        (1, "img16", 4128),
        (1, "ph256", 16487),
        (3, "ph256", 16487),
    ]
    images = await _replay(tmp_path / "data", lick_run, lick_files, buffering, speed=1000)  # 47 minutes in 3 s
    _assert_as_recorded(images, lick_files, assert_is_recorded)
    pulse_heights = [image for found in images.values() for image in found if image["type"] == "PULSE_HEIGHT"]
    assert len(pulse_heights) > 50
    assert min(image["image_array"].min() for image in pulse_heights) < 0


@pytest.mark.parametrize("buffering", Buffering)
async def test_a_movie_at_its_own_1000_frames_per_second_arrives_as_often_as_its_writer_flushes(
    tmp_path: Path,
    lick_run: Path,
    lick_files: dict[str, FrameBlock],
    assert_is_recorded: Check,
    buffering: Buffering,
) -> None:
    run = tmp_path / lick_run.name
    run.mkdir()
    ((name, movie),) = [(n, file) for n, file in lick_files.items() if file.product is DataProduct.IMG16]
    (run / name).symlink_to(lick_run / name)
    images = await _replay(tmp_path / "data", run, {name: movie}, buffering, speed=1)
    _assert_as_recorded(images, {name: movie}, assert_is_recorded)
    numbers = {image["frame_number"] for image in images[name]}
    if buffering is Buffering.FRAME:
        assert len(numbers) > 20  # far more than there are bursts
    else:  # bursts of 1 MiB, 0.4 s apart: the last whole frame of each
        size = movie.layout.frame_size_bytes
        assert numbers >= {(n_bursts << 20) // size - 1 for n_bursts in range(1, len(movie) * size // 2**20 + 1)}
