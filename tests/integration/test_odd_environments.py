"""Commands in environments that others made: proxies, closed descriptors, signals, sockets in use."""

from __future__ import annotations

import pytest
from support.rig import run_command, serving_process


# odd night 22
def test_servers_are_reached_directly_whatever_proxy_there_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving_process("--simulate") as (_, address):
        assert run_command("ping", "--host", address).returncode == 0
        assert run_command("ping", "--host", address, "--use-proxy").returncode == 3
