"""DAQ nodes of a client: channels to them, and which of them answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import grpc
from grpc.aio import AioRpcError

from panoseti_daq.client.credentials import LoadedCredentials
from panoseti_daq.client.node import Node
from panoseti_daq.config.nodes import NATS, Target
from panoseti_daq.errors import ConfigError, HostError

if TYPE_CHECKING:
    from panoseti_daq.client.nats_node import NatsNode

_log = logging.getLogger(__name__)

PING_TIMEOUT_S: Final = 0.5
_REFUSED: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)

AnyNode: TypeAlias = "Node | NatsNode"
"""What answers the calls of a client."""

Hosts = str | Collection[str] | None
"""One host, several, or None or empty for every host that answers; or what `get_daq_host_status` returns."""


class HostSet(set[str]):
    """A set of hosts that may also be awaited: published examples do both."""

    def __await__(self) -> Generator[object, None, Self]:
        return self
        yield

    def __repr__(self) -> str:
        return repr(set(self))  # scripts print it


class Nodes:
    """The DAQ nodes of a client, open from `open` to `close`.

    Parameters
    ----------
    targets
        Where they are, by the name that users pass.
    credentials
        What they are shown.
    timeout_s
        How long a node may take to answer, s; None for `PING_TIMEOUT_S`.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        credentials: LoadedCredentials | None = None,
        timeout_s: float | None = None,
    ) -> None:
        self.targets = dict(targets)
        self._timeout_s = timeout_s
        self._by_address = {target.address: host for host, target in targets.items()}
        self._credentials = credentials or LoadedCredentials()
        self._credentials.warn_of_plain({host: target.address for host, target in targets.items()})
        self.valid = HostSet()
        self._open: dict[str, AnyNode] = {}

    @property
    def timeout_s(self) -> float:
        """How long a node may take to answer, s."""
        return PING_TIMEOUT_S if self._timeout_s is None else self._timeout_s

    def __getitem__(self, host: str) -> AnyNode:
        return self._open[host]

    def open(self) -> None:
        """Make a channel to every node."""
        self._open = {host: open_node(target, self._credentials) for host, target in self.targets.items()}

    async def close(self) -> None:
        """Close the channels."""
        nodes, self._open = self._open, {}
        await asyncio.gather(*(node.close() for node in nodes.values()))

    def name_of(self, host: str) -> str:
        """Return the name of a host that may be given by its address; `host` itself if it is neither."""
        return host if host in self.targets else self._by_address.get(host, host)

    async def ping(self, host: str, timeout_s: float) -> bool:
        """Return whether `host` is known and answers within `timeout_s`, even with a refusal."""
        node = self._open.get(self.name_of(host))
        if node is None:
            return False
        try:
            await node.ping(timeout_s)
        except AioRpcError as error:
            if error.code() in _REFUSED:  # it is there, and the call that is meant says what it wants
                return True
            _log.debug("%s does not answer: %s", host, error.details())
            return False
        return True

    async def answers(self, host: str) -> bool:
        """Return whether `host` answers now; remembered in `valid`."""
        host = self.name_of(host)
        answers = await self.ping(host, self.timeout_s)
        (self.valid.add if answers else self.valid.discard)(host)
        return answers

    async def choose(
        self,
        hosts: Hosts,
        *,
        wait: bool = False,
        some: bool = True,
        on_silent: Callable[[str, str], None] = lambda host, why: None,
    ) -> list[str]:
        """Hosts that an argument stands for; the log names those that do not answer.

        Parameters
        ----------
        hosts
            Names, or none for every host that answers.
        wait
            Also those that do not answer yet, be it all of them.
        some
            Without names and `wait`: leave out those that do not answer; else they are waited for, too.
        on_silent
            Called with each host that does not answer but is waited for, and why.

        Raises
        ------
        HostError
            A host is not configured or does not answer, or none does.
        ConfigError
            The argument is not a host name or several.
        """
        chosen = self._configured(hosts)
        asked = chosen or list(self.targets)
        answers = dict(zip(asked, await asyncio.gather(*map(self.answers, asked)), strict=True))
        silent = await self._why_silent(host for host in asked if not answers[host])
        if not wait and silent:
            self._refuse_silent(silent, named=bool(chosen), all_of_them=len(silent) == len(asked))
        left_out = some and not wait
        for host, why in silent.items():
            _log.warning("%s does not answer%s; %s", host, why, "left out" if left_out else "waiting for it")
            if not left_out:
                on_silent(host, why.removeprefix(": ") or "does not answer")
        return [host for host in asked if not (left_out and host in silent)]

    def connect_bulk(self, hosts: Hosts) -> None:
        """Begin to connect what an argument stands for, for calls that must get all; raises as `choose` does."""
        for host in self._configured(hosts) or self.targets:
            self._open[host].connect_bulk()

    def _configured(self, hosts: Hosts) -> list[str]:
        chosen = list(dict.fromkeys(map(self.name_of, _names_in(hosts))))
        if hosts and not chosen:  # what get_daq_host_status returned
            raise HostError(f"No valid daq hosts found: none of {_listed(hosts)} answered")
        for host in chosen:
            if host not in self.targets:
                raise self._host_error(host, "is not configured")
        return chosen

    def _refuse_silent(self, silent: dict[str, str], named: bool, all_of_them: bool) -> None:
        """Raise HostError when a named host is silent, or all are."""
        if named:
            host, why = next(iter(silent.items()))
            dead = self._host_error(host, f"does not answer{why}")
            dead.reason = why.removeprefix(": ")
            raise dead
        if all_of_them:
            some_reason = next(filter(None, silent.values()), "")
            raise HostError(f"No valid daq hosts found: none of {_listed(self.targets)} answers{some_reason}")

    async def _why_silent(self, hosts: Iterable[str]) -> dict[str, str]:
        names = list(hosts)
        reasons = await asyncio.gather(*(self._open[host].why_not(self.timeout_s) for host in names))
        return dict(zip(names, reasons, strict=True))

    def _host_error(self, host: str, why: str) -> HostError:
        return HostError(
            f"daq_host={host!r} {why}; it does not have a valid gRPC server channel."
            f" Valid daq_hosts: {_listed(self.valid)}; configured: {_listed(self.targets)}"
        )


def open_node(target: Target, credentials: LoadedCredentials) -> AnyNode:
    """Return what calls a server, or reads what a bridge publishes on NATS."""
    if not target.address.startswith(NATS):
        return Node.open(target, credentials)
    from panoseti_daq.client.nats_node import NatsNode  # a client of gRPC starts a tenth faster without it

    return NatsNode(target)


def node_of(node: AnyNode, call: str) -> Node:
    """Return a node that gRPC reaches, for a call; RpcError for one that is reached otherwise."""
    return node if isinstance(node, Node) else node.only_reads(call)


def _names_in(hosts: Hosts) -> list[str]:
    if isinstance(hosts, str):
        return [hosts] if hosts else []
    if hosts is not None and not (isinstance(hosts, Collection) and all(isinstance(h, str) for h in hosts)):
        raise ConfigError(f"hosts={hosts!r} must be a str, a list, tuple or set of str, or None")
    if isinstance(hosts, Mapping):
        return [host for host, answers in hosts.items() if answers]
    return list(hosts or ())


def _listed(hosts: Iterable[str]) -> str:
    return ", ".join(sorted(hosts)) or "none"
