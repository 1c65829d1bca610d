"""Our server and our client, as users run them.

``python -m benchmarks.ours ADDRESS OUT`` is the client.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.processes import Arrivals, Command, run_client


class Ours:
    """``panoseti-daq serve`` and `AioDaqDataClient.stream_images`."""

    name = "ours"

    def server(self, data_dir: Path, scratch: Path) -> Command:
        serve = ("serve", "--data-dir", str(data_dir), "--run-probe", "none", "--port", "0")
        return Command(str(Path(sys.executable).with_name("panoseti-daq")), *serve)

    def client(self, address: str, data_dir: Path, out: Path) -> Command:
        return Command("-m", "benchmarks.ours", address, str(out))


async def stream_images(address: str, arrivals: Arrivals[int], ready: Callable[[], None]) -> None:
    from panoseti_daq.client import AioDaqDataClient

    async with AioDaqDataClient.connect(address) as client:
        stream = await client.stream_images(update_interval_seconds=0.0)
        ready()
        async for image in stream:
            now = time.time_ns()
            arrivals.extend((image["module_id"], image["frame_number"], now))


if __name__ == "__main__":
    run_client(stream_images, *sys.argv[1:])
