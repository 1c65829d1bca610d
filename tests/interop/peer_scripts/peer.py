"""The clients of the peer that is installed here, and how scripts talk to the tests: JSON in, JSON out."""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import Any

IS_0_1 = importlib.util.find_spec("daq_data") is not None  # later versions have panoseti_grpc.daq_data

if IS_0_1:
    from daq_data.client import AioDaqDataClient, DaqDataClient
else:
    from panoseti_grpc.daq_data.client import AioDaqDataClient, DaqDataClient

__all__ = [
    "CONFIG",
    "HOST",
    "IS_0_1",
    "AioDaqDataClient",
    "DaqDataClient",
    "arguments",
    "described",
    "write_report",
]

HOST = "127.0.0.1"
CONFIG = {"daq_nodes": [{"ip_addr": HOST, "data_dir": ""}]}


def arguments() -> dict[str, Any]:
    """What to do, from the command line: PORT OPTIONS."""
    AioDaqDataClient.GRPC_PORT = DaqDataClient.GRPC_PORT = int(sys.argv[1])
    return {
        "n_images": 0,
        "init_sim": False,
        "reflect": False,
        "movie": True,
        "pulse_height": True,
        "module_ids": [],
        "interval_s": 0.02,
        **json.loads(sys.argv[2]),
    }


def described(image: dict[str, Any]) -> dict[str, Any]:
    """An image dict of the peer; its pixels become hexadecimal text."""
    array = image["image_array"]
    return {
        **image,
        "image_array": None,
        "array_shape": array.shape,
        "dtype": str(array.dtype),
        "pixels": array.tobytes().hex(),
    }


def write_report(report: dict[str, Any]) -> None:
    """The last line; the peer's logger writes to stdout as well."""
    sys.stdout.write(f"\n{json.dumps(report, default=str)}\n")
