"""The clients of 0.4 at work: host_port_client.py PORT OPTIONS. The last line is a report in JSON."""

from __future__ import annotations

import asyncio
import itertools
import sys
from typing import Any

from peer import HOST, AioDaqDataClient, DaqDataClient, arguments, described, write_report

PORT = int(sys.argv[1])


def wanted(do: dict[str, Any]) -> dict[str, Any]:
    return {
        "stream_movie_data": do["movie"],
        "stream_pulse_height_data": do["pulse_height"],
        "update_interval_seconds": do["interval_s"],
        "module_ids": tuple(do["module_ids"]),
    }


def as_list(status: Any) -> list[Any]:
    return [status.hp_io_initialized, status.message]


async def with_async_client(do: dict[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = {"images": []}
    async with AioDaqDataClient(HOST, PORT) as client:
        report["ping"] = await client.ping()
        report["reflects"] = hasattr(client, "reflect_services")
        report["status"] = [as_list(await client.status())]
        if do["init_sim"]:
            report["init_sim"] = await client.init_sim()
            report["status"].append(as_list(await client.status()))
        if do["n_images"]:
            async for image in client.stream_images(**wanted(do)):
                report["images"].append(described(image))
                if len(report["images"]) == do["n_images"]:
                    break
    return report


def with_sync_client(do: dict[str, Any]) -> dict[str, Any]:
    report: dict[str, Any] = {"images": []}
    with DaqDataClient(HOST, PORT) as client:
        report["ping"] = client.ping()
        report["reflects"] = hasattr(client, "reflect_services")
        report["status"] = [as_list(client.status())]
        if do["init_sim"]:
            report["init_sim"] = client.init_sim()
            report["status"].append(as_list(client.status()))
        if do["n_images"]:
            images = itertools.islice(client.stream_images(**wanted(do)), do["n_images"])
            report["images"] = [described(image) for image in images]
    return report


do = arguments()
write_report(asyncio.run(with_async_client(do)) if do["kind"] == "async" else with_sync_client(do))
