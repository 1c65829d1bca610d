"""The peer's DaqDataClient at work: sync_client.py PORT N_IMAGES [init-sim]. The last line is JSON."""

from __future__ import annotations

import itertools
import sys
from typing import Any

from daq_data.client import DaqDataClient
from report import DAQ_CONFIG, HOST, described, write_report


def main(port: str, n_images: str, *options: str) -> None:
    DaqDataClient.GRPC_PORT = int(port)
    report: dict[str, Any] = {}
    with DaqDataClient(DAQ_CONFIG, None) as client:
        report["ping"] = client.ping(HOST)
        report["valid_hosts"] = sorted(client.get_valid_daq_hosts())
        report["status"] = client.get_daq_host_status()
        report["services"] = client.reflect_services([])
        if "init-sim" in options:
            report["init_sim"] = client.init_sim(HOST)
        images = client.stream_images(HOST, True, True, 0.02)
        report["images"] = [described(image) for image in itertools.islice(images, int(n_images))]
    write_report(report)


main(*sys.argv[1:])
