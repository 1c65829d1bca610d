"""Control calls of the async client: ping, status, reflection, InitHpIo."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from panoseti_daq._proto import daq_data_pb2 as pb
from panoseti_daq.client.base import ClientBase, while_open
from panoseti_daq.client.errors import RpcError
from panoseti_daq.client.nodes import Hosts, HostSet, node_of
from panoseti_daq.config.files import ConfigSource
from panoseti_daq.errors import ConfigError, DaqError, SourceError

if TYPE_CHECKING:
    from panoseti_daq.beside import Surroundings
    from panoseti_daq.config.hp_io import HpIoConfig

_log = logging.getLogger(__name__)


class ControlClient(ClientBase):
    """Calls that bring no frames."""

    def get_valid_daq_hosts(self) -> HostSet:
        """Return the hosts that answered when they were last asked; may be awaited."""
        self._life.check()
        return HostSet(self._nodes.valid)

    @while_open
    async def get_daq_host_status(self) -> dict[str, bool]:
        """Ping every node; return whether it answers, by address (``host:port``)."""
        targets = self._nodes.targets
        answers = await asyncio.gather(*map(self._nodes.answers, targets))
        return {target.address: answer for target, answer in zip(targets.values(), answers, strict=True)}

    @while_open
    async def ping(self, host: str, timeout: float | None = None) -> bool:
        """Return whether the server of `host` answers within `timeout` s, None for that of the client.

        False for a host that is not configured.
        """
        return await self._nodes.ping(host, self._nodes.timeout_s if timeout is None else timeout)

    @while_open
    async def is_daq_host_valid(self, host: str) -> bool:
        """Return whether `host` is configured and answers now."""
        return await self._nodes.answers(host)

    @while_open
    async def validate_daq_hosts(self, hosts: Hosts = None) -> list[str]:
        """Return the hosts that an argument stands for.

        Parameters
        ----------
        hosts
            One host, or a list, tuple or set of hosts; None or empty for all that answer.

        Raises
        ------
        HostError
            A host is not configured or does not answer, or none does; a ValueError and a ConnectionError.
        ConfigError
            The argument is of another type.
        """
        return await self._nodes.choose(hosts)

    @while_open
    async def reflect_services(self, hosts: Hosts = None) -> str:
        """Describe the services of the servers of `hosts`, as text.

        Raises
        ------
        HostError
            A host is unknown or does not answer.
        RpcError
            A server has no reflection.
        """
        from panoseti_daq.client.reflection import describe  # takes a while to import, and is rarely asked for

        chosen = await self._nodes.choose(hosts)
        return "".join(
            await asyncio.gather(
                *(describe(node_of(self._nodes[host], "reflection"), self._nodes.timeout_s) for host in chosen)
            )
        )

    @while_open
    async def get_status(self, host: str, timeout: float = 5.0) -> pb.StatusResponse:
        """Return the status of the server of `host`.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            The server has no Status, as those of panoseti-grpc (UNIMPLEMENTED).
        """
        [host] = await self._nodes.choose(host)
        return await self._nodes[host].status(timeout)

    @while_open
    async def context(self, host: str, timeout: float = 5.0) -> Surroundings:
        """Return what stands beside the images of `host`: housekeeping, clocks, mount, weather, with their ages.

        Empty, with a `trouble`, when the server reads none.

        Raises
        ------
        HostError
            The host is unknown or does not answer.
        RpcError
            The server has no Status, as those of panoseti-grpc (UNIMPLEMENTED).
        """
        from panoseti_daq.beside import Surroundings  # needed for this call alone
        from panoseti_daq.wire.context import read_context

        status = await self.get_status(host, timeout)
        if not status.HasField("context"):
            return Surroundings(host, "the server reads no context: serve --context redis://HOST:PORT")
        return read_context(status.context)

    @while_open
    async def init_hp_io(
        self,
        hosts: Hosts = None,
        hp_io_cfg: ConfigSource | None = None,
        timeout: float = 10.0,
        node: str = "",
    ) -> bool:
        """Choose what the servers of `hosts` follow.

        Parameters
        ----------
        hosts
            Which; None or empty for all that answer.
        hp_io_cfg
            Path or content of ``hp_io_config.json``. An empty ``data_dir`` means that of the node in daq_config.
        timeout
            Seconds until a server must have done it.
        node
            Of a gateway, the name of the one node that it is for; empty for all.

        Returns
        -------
        bool
            True: every server did it.

        Raises
        ------
        ConfigError, FileNotFoundError
            `hp_io_cfg` cannot be used.
        HostError
            A host is unknown or does not answer.
        RpcError
            A server refused; of several it is the first, and the log names every one. One of panoseti-grpc that
            gives its reason in the answer raises SourceError.
        """
        from panoseti_daq.config.hp_io import hp_io_of  # as in `context`

        return await self._init(hosts, hp_io_of(hp_io_cfg, "hp_io_cfg"), timeout, node)

    async def _init(self, hosts: Hosts, config: HpIoConfig, timeout_s: float, node: str) -> bool:
        chosen = await self._nodes.choose(hosts)
        calls = (self._init_one(host, config, timeout_s, node) for host in chosen)
        errors = [error for error in await asyncio.gather(*calls) if error is not None]
        for error in errors:
            _log.error("InitHpIo: %s", error)
        if errors:
            raise errors[0]
        return True

    async def _init_one(self, host: str, config: HpIoConfig, timeout_s: float, node: str) -> DaqError | None:
        from panoseti_daq.wire.init import NODE_KEY, init_request

        request = init_request(config, self._nodes[host].target.data_dir)
        calls = self._nodes[host].with_metadata((NODE_KEY, node)) if node else self._nodes[host]
        try:
            response = await calls.init_hp_io(request, timeout_s)
        except RpcError as error:
            return error
        if not response.success:  # as servers of panoseti-grpc refuse
            return SourceError(
                f"{host}: {response.error_message or 'it was not initialized, and gives no reason'}"
            )
        if response.error_message:
            _log.warning("InitHpIo: %s: %s", host, response.error_message)
        return None

    @while_open
    async def init_sim(
        self,
        hosts: Hosts = None,
        hp_io_sim_cfg_path: ConfigSource | None = None,
        timeout: float = 5.0,
        node: str = "",
    ) -> bool:
        """Let the servers of `hosts` follow their own simulation, None for the packaged one; see `init_hp_io`.

        Raises
        ------
        ConfigError
            The configuration does not say ``simulate_daq``.
        """
        from panoseti_daq.config.hp_io import hp_io_of
        from panoseti_daq.config.packaged import packaged_config

        if hp_io_sim_cfg_path is None:
            hp_io_sim_cfg_path = packaged_config("hp_io_config_simulate.json")
        config = hp_io_of(hp_io_sim_cfg_path, "hp_io_sim_cfg_path")
        if not config.simulate:
            raise ConfigError(f"{hp_io_sim_cfg_path} for init_sim must have simulate_daq=True")
        return await self._init(hosts, config, timeout, node)
