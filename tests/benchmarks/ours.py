"""Our server and our client, as users run them.

``python -m benchmarks.ours ADDRESS OUT`` is the client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.processes import Arrivals, Command, note_arrival, run_client, writer_to
from benchmarks.stage import Scene
from benchmarks.workload import Workload
from benchmarks.writer import Feed
from panoseti_daq._proto import daq_data_pb2 as pb

AS_INSTALLED: Final = "from panoseti_daq.__main__ import main; main()"  # as the command that is installed


class Ours:
    """``panoseti-daq serve`` and `AioDaqDataClient.stream_images`."""

    name = "ours"
    feed = Feed.FILE
    settle_s = 0.3

    def server(self, scene: Scene) -> Command:
        return serve_command(scene.data_dir)

    def prepare(self, address: str, scene: Scene) -> None:
        pass

    def client(self, address: str, scene: Scene, out: Path) -> Command:
        return Command("-m", "benchmarks.ours", address, str(out))

    def call(self, work: Workload) -> tuple[str, bytes]:
        return stream_images_call(encoding=pb.RAW)


def serve_command(data_dir: Path, port: int = 0) -> Command:
    serve = ("serve", "--data-dir", str(data_dir), "--run-probe", "none", "--port", str(port))
    return Command("-c", AS_INSTALLED, *serve)


def stream_images_call(encoding: pb.Encoding = pb.STRUCT, interval_s: float = 0.0) -> tuple[str, bytes]:
    """Method and request of StreamImages, ours and the peer's."""
    request = pb.StreamImagesRequest(
        stream_movie_data=True,
        stream_pulse_height_data=True,
        update_interval_seconds=interval_s,
        encoding=encoding,
        batches=encoding == pb.RAW,
    )
    return "/daqdata.DaqData/StreamImages", request.SerializeToString()


async def stream_images(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
    from panoseti_daq.client import AioDaqDataClient

    async with AioDaqDataClient.connect(address) as client:
        stream = await client.stream_images(update_interval_seconds=0.0)
        ready()
        async for image in stream:
            note_arrival(arrivals, image)


if __name__ == "__main__":
    run_client(stream_images, sys.argv[1], writer_to(sys.argv[2]))
