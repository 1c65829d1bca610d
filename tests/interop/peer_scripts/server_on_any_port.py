"""The peer's server, unchanged but for its fixed addresses: server_on_any_port.py SOCKET_DIRECTORY.

It takes a free port of 127.0.0.1 and prints it; its Unix sockets are in the directory instead of /tmp.
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
from typing import Any

import grpc
from peer import IS_0_1

_make_server = grpc.aio.server


def _server_on_any_port(*args: Any, **kwargs: Any) -> grpc.aio.Server:
    server = _make_server(*args, **kwargs)
    bind = server.add_insecure_port

    def bind_any(address: str) -> int:
        if address.startswith("unix:"):
            return bind(address)
        port = bind("127.0.0.1:0")
        sys.stderr.write(f"listening on 127.0.0.1:{port}\n")
        sys.stderr.flush()
        return port

    server.add_insecure_port = bind_any
    return server


grpc.aio.server = _server_on_any_port
if not IS_0_1:
    resources = importlib.import_module("panoseti_grpc.daq_data.resources")
    load = resources.load_package_json
    resources.load_package_json = lambda package, name: json.loads(
        json.dumps(load(package, name)).replace("/tmp/", f"{sys.argv[1]}/")
    )
runpy.run_module("daq_data.server" if IS_0_1 else "panoseti_grpc.daq_data.server", run_name="__main__")
