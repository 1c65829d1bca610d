"""``daq_data.client``: the clients of panoseti-daq, with the port and the paths that panoseti-grpc documents."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import replace
from typing import ClassVar

import panoseti_daq.client as ours
from daq_data.config_paths import existing
from panoseti_daq.client.base import ClientBase
from panoseti_daq.client.nodes import Hosts
from panoseti_daq.config.files import ConfigSource
from panoseti_daq.config.nodes import DEFAULT_PORT, Target, address_of
from panoseti_daq.config.packaged import packaged_config
from panoseti_daq.errors import SourceError

__all__ = ["AioDaqDataClient", "DaqDataClient", "hp_io_config_simulate_path"]

hp_io_config_simulate_path = str(packaged_config("hp_io_config_simulate.json"))


class _WithPort(ClientBase):
    """A client with panoseti-grpc's arguments; ``GRPC_PORT`` is the port of hosts that do not name one."""

    GRPC_PORT: ClassVar[int] = DEFAULT_PORT

    def __init__(
        self,
        daq_config: ConfigSource | None,
        network_config: ConfigSource | None = None,
        log_level: int | None = None,
    ) -> None:
        super().__init__(existing(daq_config), existing(network_config), log_level)

    def _set_up(
        self,
        targets: Iterable[Target],
        log_level: int | None = None,
        credentials: ours.Credentials | None = None,
        timeout_s: float | None = None,
    ) -> None:
        with_ports = (_with_port(target, self.GRPC_PORT) for target in targets)
        super()._set_up(with_ports, log_level, credentials, timeout_s)


class AioDaqDataClient(_WithPort, ours.AioDaqDataClient):
    """`panoseti_daq.AioDaqDataClient`; ``GRPC_PORT`` is the port of hosts that do not name one.

    As in panoseti-grpc, a loop over images ends when its only server is stopped, and an initialization that a
    server refuses is False.
    """

    _ENDS_WITH_SERVER = True

    async def init_hp_io(
        self, hosts: Hosts = None, hp_io_cfg: ConfigSource | None = None, timeout: float = 10.0, node: str = ""
    ) -> bool:
        """As in `panoseti_daq.AioDaqDataClient`, but False when a server refuses; the log gives the reason."""
        return await _or_false(super().init_hp_io(hosts, existing(hp_io_cfg), timeout, node))

    async def init_sim(
        self,
        hosts: Hosts = None,
        hp_io_sim_cfg_path: ConfigSource = hp_io_config_simulate_path,
        timeout: float = 5.0,
        node: str = "",
    ) -> bool:
        """As in `panoseti_daq.AioDaqDataClient`, but False when a server refuses; the log gives the reason."""
        return await _or_false(super().init_sim(hosts, existing(hp_io_sim_cfg_path), timeout, node))


async def _or_false(call: Awaitable[bool]) -> bool:
    try:
        return await call
    except (ours.RpcError, SourceError):  # logged where it comes from
        return False


class DaqDataClient(_WithPort, ours.DaqDataClient):
    """`panoseti_daq.DaqDataClient`; ``GRPC_PORT`` is the port of hosts that do not name one."""

    _ASYNC_CLIENT = AioDaqDataClient


def _with_port(target: Target, port: int) -> Target:
    is_default = target.address == address_of(target.host)
    return replace(target, address=address_of(target.host, port)) if is_default else target
