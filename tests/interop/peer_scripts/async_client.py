"""The peer's AioDaqDataClient at work: async_client.py PORT OPTIONS. The last line is a report in JSON."""

from __future__ import annotations

import asyncio
from typing import Any

from peer import CONFIG, HOST, IS_0_1, AioDaqDataClient, arguments, described, write_report


async def main() -> None:
    do = arguments()
    report: dict[str, Any] = {"images": []}
    async with AioDaqDataClient(CONFIG, None) as client:
        report["ping"] = await client.ping(HOST)
        hosts = client.get_valid_daq_hosts()
        report["valid_hosts"] = sorted(hosts if IS_0_1 else await hosts)
        report["status"] = await client.get_daq_host_status()
        if do["reflect"]:
            try:
                report["services"] = await client.reflect_services([HOST])
            except Exception as error:
                report["services"] = f"{type(error).__name__}: {error}"
        if do["init_sim"]:
            report["init_sim"] = await client.init_sim(HOST)
        if do["n_images"]:
            async for image in await client.stream_images(
                HOST, do["movie"], do["pulse_height"], do["interval_s"], tuple(do["module_ids"])
            ):
                report["images"].append(described(image))
                if len(report["images"]) == do["n_images"]:
                    break
    write_report(report)


asyncio.run(main())
