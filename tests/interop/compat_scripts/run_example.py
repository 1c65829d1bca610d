"""Run an example of the peer's documentation as it stands: run_example.py FILE PORT.

What stands outside it: the port of the server, and the names that the documentation has defined further up.
"""

from __future__ import annotations

import json
import runpy
import sys

from daq_data.client import AioDaqDataClient, DaqDataClient

AioDaqDataClient.GRPC_PORT = DaqDataClient.GRPC_PORT = int(sys.argv[2])
defined_before = {
    "DaqDataClient": DaqDataClient,
    "json": json,
    "daq_config_path": "daq_data/config/daq_config_grpc_simulate.json",
    "network_config_path": "daq_data/config/network_config_grpc_simulate.json",
}
runpy.run_path(sys.argv[1], init_globals=defined_before, run_name="__main__")
