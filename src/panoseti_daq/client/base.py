"""Base of both clients: hosts, credentials, and the life of a client."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import wraps
from typing import ClassVar, Concatenate, Never, ParamSpec, Self, TypeVar

from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.lifetime import Lifetime
from panoseti_daq.client.nodes import Nodes
from panoseti_daq.config.files import ConfigSource
from panoseti_daq.config.nodes import DEFAULT_PORT, Target, head_node_of, target_at, targets_at, targets_of
from panoseti_daq.errors import ConfigError

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ClientBase:
    """Client of the DaqData servers of one or more DAQ nodes.

    Made and connected as `AioDaqDataClient` documents.
    """

    _STATEMENT: ClassVar[str]  # what enters it

    def __init__(
        self,
        daq_config: ConfigSource | None = None,
        network_config: ConfigSource | int | None = None,
        log_level: int | None = None,
        credentials: Credentials | None = None,
        *,
        host: str | None = None,
        port: int = DEFAULT_PORT,
        timeout: float | None = None,
    ) -> None:
        targets: Iterable[Target]
        if isinstance(network_config, int):  # ("daq1", 50051)
            targets = [target_at(str(daq_config), network_config)]
        elif host is not None:
            targets = [target_at(host, port)]
        else:
            try:
                targets = targets_of(daq_config, network_config).values()
            except FileNotFoundError as error:
                if isinstance(daq_config, str) and not daq_config.endswith((".json", ".toml")):
                    write = f"{type(self).__name__}.connect({daq_config!r})"
                    raise FileNotFoundError(f"{error}; if it is a host, write {write}") from None
                raise
        self._set_up(targets, log_level, credentials, timeout)

    @classmethod
    def connect(
        cls,
        *hosts: str | int | Iterable[str],
        credentials: Credentials | None = None,
        timeout: float | None = None,
    ) -> Self:
        """Client of these hosts, without configuration files.

        Parameters
        ----------
        *hosts
            ``host``, ``host:port``, ``[v6]:port`` or ``unix:///path``; lists of them; a number is the port of the
            host before it.
        credentials
            Token and certificates; None for those of the environment.
        timeout
            How long a server may take to answer before it counts as one that does not, s; None for 0.5. Over a
            satellite or a tunnel it takes three round trips.

        Examples
        --------
        >>> async with (                                        # doctest: +SKIP
        ...     AioDaqDataClient.connect("daq1", "daq2:50052") as client,
        ...     client.stream_images() as stream,
        ... ):
        ...     async for image in stream:
        ...         print(image["module_id"], image["image_array"].mean())
        """
        client = cls.__new__(cls)
        client._set_up(targets_at(hosts), credentials=credentials, timeout_s=timeout)
        return client

    @classmethod
    def connect_head_node(
        cls,
        daq_config: ConfigSource,
        network_config: ConfigSource | None = None,
        credentials: Credentials | None = None,
        timeout: float | None = None,
    ) -> Self:
        """Client of the server on the head node, a gateway to all nodes.

        Parameters
        ----------
        daq_config
            Its ``head_node_ip_addr`` is the host.
        network_config
            Its ``headnode.grpc_port`` is the port, 50051 if it has none.
        credentials
            Token and certificates; None for those of the environment.
        timeout
            As for `connect`.
        """
        client = cls.__new__(cls)
        client._set_up([head_node_of(daq_config, network_config)], credentials=credentials, timeout_s=timeout)
        return client

    def _set_up(
        self,
        targets: Iterable[Target],
        log_level: int | None = None,
        credentials: Credentials | None = None,
        timeout_s: float | None = None,
    ) -> None:
        if timeout_s is not None and not timeout_s > 0:
            raise ConfigError(f"invalid timeout: {timeout_s}; allowed: a positive number of seconds")
        if log_level is not None:
            logging.getLogger("panoseti_daq.client").setLevel(log_level)
        if credentials is None:
            credentials = Credentials.from_environment()
        self._share(
            Nodes({target.host: target for target in targets}, credentials.load(), timeout_s),
            Lifetime(type(self).__name__, self._STATEMENT),
        )

    def _share(self, nodes: Nodes, life: Lifetime) -> None:
        self._nodes = nodes
        self._life = life

    @property
    def hosts(self) -> list[str]:
        """Every configured host, whether it answers or not."""
        return list(self._nodes.targets)


_Client = TypeVar("_Client", bound=ClientBase)


def while_open(
    method: Callable[Concatenate[_Client, _P], Awaitable[_T]],
) -> Callable[Concatenate[_Client, _P], Coroutine[object, Never, _T]]:
    """Make a method raise ClientStateError when its client is not open, or is left before it has ended."""

    @wraps(method)
    async def call(client: _Client, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        async with client._life.call():
            return await method(client, *args, **kwargs)

    return call
