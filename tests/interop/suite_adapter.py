"""Plugin of pytest with which the predecessor's own tests run against our compatibility package and our server.

``pytest -p interop.suite_adapter``: their imports of `daq_data` find ours. What they test of the predecessor's
inside, which we have not, is skipped.
"""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

import daq_data.client_0_3
import daq_data.resources
import pytest

from panoseti_daq.config.load import check_values
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import running_server

_INTERNAL = ("_parse_dp_name", "_parse_seqno", "get_dp_name_from_props")


async def serve(config: dict[str, Any], shutdown_event: asyncio.Event, in_main_thread: bool) -> None:
    """Serve as the predecessor's function of this name does, until the event is set."""
    assert not in_main_thread
    settings = check_values(
        {
            "run_probe": "none",
            "max_concurrent_rpcs": config["max_concurrent_rpcs"],
            "shutdown_grace_period": 0.1,  # its tests look for the end half a second later
            "simulate_daq_cfg": {"sim_module_ids": config["simulate_daq_cfg"]["sim_module_ids"]},
        }
    )
    async with running_server(settings, ListenAt((config["unix_domain_socket"],))):
        await shutdown_event.wait()


def _of_its_inside(*_: object) -> None:
    pytest.skip("tests the inside of the predecessor")


_server: Any = types.ModuleType("daq_data.server")
_server.serve, _server.DaqDataServicer = serve, None
sys.modules |= {"daq_data.server": _server, "daq_data.client": daq_data.client_0_3}
for _name in _INTERNAL:
    setattr(daq_data.resources, _name, _of_its_inside)
