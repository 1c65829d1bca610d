"""``daq_data.client_0_3``: the clients that panoseti-grpc 0.2 to 0.3.5 has as ``panoseti_grpc.daq_data.client``.

They differ from those of `daq_data.client` where these versions differ from 0.1.1.1.
"""

from __future__ import annotations

from daq_data import client
from daq_data.client import hp_io_config_simulate_path
from panoseti_daq.client.blocking import blocking

__all__ = ["AioDaqDataClient", "DaqDataClient", "hp_io_config_simulate_path"]


class AioDaqDataClient(client.AioDaqDataClient):
    """`daq_data.client.AioDaqDataClient`, of which an initialization that a server refuses raises RpcError."""

    _REFUSED_IS_FALSE = False

    async def get_valid_daq_hosts(self) -> list[str]:  # type: ignore[override]
        """Ask every host; return those that answer."""
        await self.get_daq_host_status()
        return sorted(self.valid_daq_hosts)


class _OfBlocking(AioDaqDataClient):
    _REFUSED_IS_FALSE = True  # only the async client of these versions raises


class DaqDataClient(client.DaqDataClient):
    """`daq_data.client.DaqDataClient`, whose ``get_valid_daq_hosts`` asks and returns a list."""

    _ASYNC_CLIENT = _OfBlocking
    get_valid_daq_hosts = blocking(AioDaqDataClient.get_valid_daq_hosts)  # type: ignore[arg-type]
