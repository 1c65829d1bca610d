"""The peer's DaqDataClient at work: sync_client.py PORT OPTIONS. The last line is a report in JSON."""

from __future__ import annotations

import itertools
from typing import Any

from peer import CONFIG, HOST, DaqDataClient, arguments, described, write_report


def main() -> None:
    do = arguments()
    report: dict[str, Any] = {}
    with DaqDataClient(CONFIG, None) as client:
        report["ping"] = client.ping(HOST)
        report["valid_hosts"] = sorted(client.get_valid_daq_hosts())
        report["status"] = client.get_daq_host_status()
        if do["reflect"]:
            report["services"] = client.reflect_services([])
        if do["init_sim"]:
            report["init_sim"] = client.init_sim(HOST)
        report["images"] = []
        if do["n_images"]:
            images = client.stream_images(
                HOST, do["movie"], do["pulse_height"], do["interval_s"], tuple(do["module_ids"])
            )
            report["images"] = [described(image) for image in itertools.islice(images, do["n_images"])]
    write_report(report)


main()
