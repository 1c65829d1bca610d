"""Many clients in one process: ``python -m soak.clients MODE ADDRESS N [LAST]``.

``newest`` and ``all`` stream and are there to be killed; ``deaf`` ask for frames and never take one; ``fast`` take
all they get until each of them has seen frame number LAST, and then print what they saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import grpc

from panoseti_daq._proto import daq_data_pb2 as pb

_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # a connection each
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65536),
)


def request_of(mode: str) -> tuple[str, bytes]:
    if mode == "all":
        blocks = pb.StreamFramesRequest(movie=True, pulse_height=True, begin=pb.StreamFramesRequest.RUN)
        return "StreamFrames", blocks.SerializeToString()
    is_ours = mode != "deaf"
    images = pb.StreamImagesRequest(
        stream_movie_data=True,
        stream_pulse_height_data=True,
        encoding=pb.RAW if is_ours else pb.STRUCT,
        batches=is_ours,
    )
    return "StreamImages", images.SerializeToString()


def call_of(channel: grpc.aio.Channel, mode: str) -> Any:
    method, request = request_of(mode)
    stream: Any = channel.unary_stream(f"/daqdata.DaqData/{method}")
    return stream(request, wait_for_ready=True)


async def take_first(address: str, mode: str, *, is_deaf: bool) -> Any:
    channel = grpc.aio.insecure_channel(address, options=_OPTIONS)
    try:
        call = call_of(channel, mode)
        await (call.initial_metadata() if is_deaf else call.read())
    except BaseException:
        await channel.close()
        raise
    return channel, call


async def take_until(address: str, last: int) -> dict[str, Any]:
    """What one fast client saw: latencies in s, and whether a sequence number was missing."""
    latencies: list[float] = []
    dropped = 0
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        async for data in call_of(channel, "newest"):
            message = pb.StreamImagesResponse.FromString(data)
            responses = message.batch or (message,)
            for response in responses:
                if response.pano_image.frame_number:  # the first may have waited for us
                    latencies.append((time.time_ns() - response.delivery.detected_unix_ns) / 1e9)
                dropped = response.delivery.dropped
            if any(response.pano_image.frame_number >= last for response in responses):
                break
    return {"latencies": latencies, "dropped": dropped}


async def run(mode: str, address: str, n_clients: int, last: int) -> None:
    if mode == "fast":
        seen = await asyncio.gather(*(take_until(address, last) for _ in range(n_clients)))
        print(json.dumps(seen), flush=True)  # noqa: T201
        return
    clients = [take_first(address, mode, is_deaf=mode == "deaf") for _ in range(n_clients)]
    held = await asyncio.gather(*clients)
    print(f"{len(held)} there", flush=True)  # noqa: T201

    async def go_on(call: Any) -> None:
        while await call.read() is not grpc.aio.EOF:
            pass

    if mode == "deaf":
        await asyncio.get_running_loop().create_future()  # until killed
    await asyncio.gather(*(go_on(call) for _, call in held))


def main() -> None:
    mode, address, n_clients, *last = sys.argv[1:]
    asyncio.run(run(mode, address, int(n_clients), int(last[0]) if last else 0))


if __name__ == "__main__":
    main()
