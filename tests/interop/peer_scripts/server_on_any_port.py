"""The peer's server, unchanged but for its fixed port: takes a free one of 127.0.0.1 and prints it."""

from __future__ import annotations

import runpy
import sys
from typing import Any

import grpc

_make_server = grpc.aio.server


def _server_on_any_port(*args: Any, **kwargs: Any) -> grpc.aio.Server:
    server = _make_server(*args, **kwargs)
    bind = server.add_insecure_port

    def bind_any(address: str) -> int:
        port = bind("127.0.0.1:0")
        sys.stderr.write(f"listening on 127.0.0.1:{port}\n")
        sys.stderr.flush()
        return port

    server.add_insecure_port = bind_any
    return server


grpc.aio.server = _server_on_any_port
runpy.run_module("daq_data.server", run_name="__main__")
