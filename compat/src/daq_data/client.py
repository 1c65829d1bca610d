"""``daq_data.client``: the clients of panoseti-daq, with the port and the paths that panoseti-grpc documents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from types import TracebackType
from typing import Any, ClassVar, Self

import panoseti_daq.client as ours
from daq_data.config_paths import existing
from panoseti_daq.client.base import ClientBase
from panoseti_daq.client.blocking import blocking
from panoseti_daq.client.merge import MergedStream
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

    @property
    def daq_nodes(self) -> dict[str, dict[str, Any]]:
        """The configured hosts: of each ``config`` and ``connection_target``, but no channel and no stub."""
        return {
            host: {
                "config": {"ip_addr": host, "data_dir": target.data_dir},
                "connection_target": target.address,
            }
            for host, target in self._nodes.targets.items()
        }

    @property
    def valid_daq_hosts(self) -> set[str]:
        """The hosts that answered when they were last asked."""
        return set(self._nodes.valid)


class AioDaqDataClient(_WithPort, ours.AioDaqDataClient):
    """`panoseti_daq.AioDaqDataClient`; ``GRPC_PORT`` is the port of hosts that do not name one.

    As in panoseti-grpc, a loop over images ends when its only server is stopped, and an initialization that a
    server refuses is False.

    Parameters
    ----------
    daq_config, network_config, log_level
        As there.
    stop_event
        Every stream ends when it is set, as in panoseti-grpc 0.2 to 0.3.5.
    """

    _ENDS_WITH_SERVER = True
    _REFUSED_IS_FALSE: ClassVar[bool] = True
    _stop_event: asyncio.Event | None = None
    _ending: asyncio.Task[None] | None = None

    def __init__(
        self,
        daq_config: ConfigSource | None,
        network_config: ConfigSource | None = None,
        log_level: int | None = None,
        stop_event: asyncio.Event | None = None,
    ) -> None:
        super().__init__(daq_config, network_config, log_level)
        self._stop_event = stop_event

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._stop_event is not None:
            self._ending = self._tasks.create_task(self._end_with(self._stop_event), name="wait for stop_event")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ending is not None:
            self._ending.cancel()
        await super().__aexit__(kind, error, trace)

    async def _end_with(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._end_streams()

    async def _begin(self, *args: Any, **kwargs: Any) -> MergedStream[Any]:
        merged = await super()._begin(*args, **kwargs)
        if self._stop_event is not None and self._stop_event.is_set():
            merged.close()
        return merged

    async def init_hp_io(
        self, hosts: Hosts = None, hp_io_cfg: ConfigSource | None = None, timeout: float = 10.0, node: str = ""
    ) -> bool:
        """As in `panoseti_daq.AioDaqDataClient`, but False when a server refuses; the log gives the reason."""
        return await self._answer(super().init_hp_io(hosts, existing(hp_io_cfg), timeout, node))

    async def init_sim(
        self,
        hosts: Hosts = None,
        hp_io_sim_cfg_path: ConfigSource | None = hp_io_config_simulate_path,
        timeout: float = 5.0,
        node: str = "",
        *,
        hp_io_cfg: ConfigSource | None = None,
    ) -> bool:
        """As in `panoseti_daq.AioDaqDataClient`, but False when a server refuses; the log gives the reason.

        ``hp_io_cfg`` is the name that panoseti-grpc 0.2 to 0.3.5 has for the configuration.
        """
        config = hp_io_sim_cfg_path if hp_io_cfg is None else hp_io_cfg
        return await self._answer(super().init_sim(hosts, existing(config), timeout, node))

    async def _answer(self, call: Awaitable[bool]) -> bool:
        try:
            return await call
        except (ours.RpcError, SourceError):  # logged where it comes from
            if self._REFUSED_IS_FALSE:
                return False
            raise


class DaqDataClient(_WithPort, ours.DaqDataClient):
    """`panoseti_daq.DaqDataClient`; ``GRPC_PORT`` is the port of hosts that do not name one."""

    _ASYNC_CLIENT = AioDaqDataClient
    init_sim = blocking(AioDaqDataClient.init_sim)  # type: ignore[arg-type]


def _with_port(target: Target, port: int) -> Target:
    is_default = target.address == address_of(target.host)
    return target._replace(address=address_of(target.host, port)) if is_default else target
