"""A gateway in this process, and what its nodes are asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.config.settings import GatewaySettings
from panoseti_daq.gateway.gateway import Gateway
from panoseti_daq.service.server import Server
from support.rig import serving


@asynccontextmanager
async def gateway_of(
    *nodes: str, linger_s: float = 0.2, settings: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Server]:
    """A gateway of nodes, as ``NAME=ADDRESS``."""
    gateway = Gateway(GatewaySettings(nodes=nodes, **more), linger_s, look_interval_s=0.5)
    async with serving(elsewhere=gateway, **settings or {}) as server:
        yield server


@asynccontextmanager
async def client_of(server: Server | str) -> AsyncIterator[AioDaqDataClient]:
    address = server if isinstance(server, str) else server.address
    async with AioDaqDataClient.connect(address, timeout=10.0) as client:
        yield client
