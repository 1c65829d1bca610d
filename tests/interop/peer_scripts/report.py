"""What the peer's clients saw, as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

DAQ_CONFIG = {"daq_nodes": [{"ip_addr": "127.0.0.1", "data_dir": ""}]}
HOST = "127.0.0.1"


def described(image: dict[str, Any]) -> dict[str, Any]:
    """An image dict of the peer; its pixels become hexadecimal text and its times text."""
    array = image["image_array"]
    times = ("wr_unix_timestamp", "pandas_unix_timestamp")
    header = {name: str(value) if name in times else value for name, value in image["header"].items()}
    return {
        **image,
        "header": header,
        "image_array": None,
        "array_shape": array.shape,
        "dtype": str(array.dtype),
        "pixels": array.tobytes().hex(),
    }


def write_report(report: dict[str, Any]) -> None:
    sys.stdout.write(f"\n{json.dumps(report)}\n")  # the peer's logger writes to stdout as well
