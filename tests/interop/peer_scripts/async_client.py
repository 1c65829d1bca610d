"""The peer's AioDaqDataClient at work: async_client.py PORT N_IMAGES [init-sim]. The last line is JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from daq_data.client import AioDaqDataClient
from report import DAQ_CONFIG, HOST, described, write_report


async def main(port: str, n_images: str, *options: str) -> None:
    AioDaqDataClient.GRPC_PORT = int(port)
    report: dict[str, Any] = {"images": []}
    async with AioDaqDataClient(DAQ_CONFIG, None) as client:
        report["ping"] = await client.ping(HOST)
        report["valid_hosts"] = sorted(client.get_valid_daq_hosts())
        report["status"] = await client.get_daq_host_status()
        # Not reflect_services: it gives an async channel to a blocking class and fails, with its own server too.
        if "init-sim" in options:
            report["init_sim"] = await client.init_sim(HOST)
        async for image in await client.stream_images(HOST, True, True, 0.02):
            report["images"].append(described(image))
            if len(report["images"]) == int(n_images):
                break
    write_report(report)


asyncio.run(main(*sys.argv[1:]))
