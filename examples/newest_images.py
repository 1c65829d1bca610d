"""Newest images, every frame, and a recorded run: a script that type checkers understand completely."""

from __future__ import annotations

import asyncio
import sys
from typing import assert_type

from panoseti_daq import (
    AioDaqDataClient,
    DaqDataClient,
    DataProduct,
    Gap,
    ImageDict,
    NewestFrames,
    ReceivedBlock,
    StatusResponse,
    open_run,
    to_json,
)


async def watch(host: str) -> None:
    async with AioDaqDataClient.connect(host) as client:
        status = assert_type(await client.get_status(host), StatusResponse)
        print(f"{host} has version {status.version} and follows {len(status.keys)} keys")
        newest = assert_type(await client.latest(), NewestFrames)
        for key, frame in newest.items():
            print(f"{key}: {frame.age_s:.3f} s old, taken at {frame.datetime}, pixels from {frame.image.min()}")
        async with client.stream_images(update_interval_seconds=0.1) as stream:
            async for image in stream:
                assert_type(image, ImageDict)
                print(image["module_id"], image["header"]["wr_unix_timestamp"], len(to_json(image)))
                break
        async with client.stream_blocks(since="run") as blocks:
            async for block in blocks:
                assert_type(block, ReceivedBlock | Gap)
                if not isinstance(block, Gap):
                    print(
                        f"{len(block)} frames of {block.file}, the last two: {block[-2:].frame_numbers.tolist()}"
                    )
                    break


def look(run_dir: str) -> None:
    for (module_id, product), recorded in open_run(run_dir).items():
        kind = "movie" if product in (DataProduct.IMG8, DataProduct.IMG16) else "pulse heights"
        print(f"module {module_id}, {kind}: {len(recorded)} frames, {recorded.images.shape}")


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1]))
    with DaqDataClient.connect(sys.argv[1]) as blocking:
        for frame in assert_type(blocking.latest(), NewestFrames).values():
            print(frame)
    for run_dir in sys.argv[2:]:
        look(run_dir)
