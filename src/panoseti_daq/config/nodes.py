"""DAQ nodes and the addresses of their servers: daq_config and network_config (SPEC 5.2)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from panoseti_daq.config.files import ConfigSource, content_of
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict, OpenMapping

_log = logging.getLogger(__name__)

DEFAULT_PORT: Final = 50051
NATS: Final = "nats://"  # begins the address of a site that publishes on a NATS server
_USER: Final = f"^{NATS}[^/]*@"
_NAME: Final = r"[^][\s:/@,;?#\\'\"]+"  # no URL, no user, no list


class Target(NamedTuple):
    """One DAQ node.

    Attributes
    ----------
    host
        Name that users pass: ``ip_addr``, or the gateway where ports are forwarded.
    address
        gRPC target: ``HOST:PORT``, ``unix:///PATH`` or ``nats://HOST/SITE``.
    data_dir
        Where the node's writer puts its data; empty when the configuration does not say.
    """

    host: str
    address: str
    data_dir: str = ""

    @property
    def shown(self) -> str:
        """The address to show: without user and password."""
        return without_user(self.address)


def without_user(text: str) -> str:
    """Return the text of an address without user and password, which are shown nowhere."""
    return re.sub(_USER, NATS, text)


def address_of(host: str, default_port: int = DEFAULT_PORT) -> str:
    """Address of ``host``, ``host:port``, an IPv6 address, ``[v6]:port``, ``unix:///path`` or ``nats://host/site``.

    Raises
    ------
    ConfigError
        The host is none of these, or its port is not a number within 1-65535.
    """
    if host.startswith(("unix:", NATS)):
        return host
    if _is_ipv6(host):
        return f"[{host}]:{default_port}"
    name, colon, port = host.rpartition(":") if not host.endswith("]") else (host, "", "")
    if not colon:
        name, port = host, str(default_port)
    is_name = re.fullmatch(_NAME, name) or (name[:1] + name[-1:] == "[]" and _is_ipv6(name[1:-1]))
    if not is_name or not re.fullmatch("[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ConfigError(f"host {host!r} is not HOST, HOST:PORT, [IPV6]:PORT, unix:///PATH or nats://HOST/SITE")
    return f"{name}:{port}"


def target_at(host: str, port: int = DEFAULT_PORT) -> Target:
    """Return the target of a host in any form of `address_of`, which is also its name."""
    address = address_of(host, port)
    return Target(without_user(host), address)


def _is_ipv6(text: str) -> bool:
    import ipaddress  # here and below, as a client has no address yet while it is imported

    try:
        return bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def targets_at(hosts: Iterable[str | int | Iterable[str]]) -> list[Target]:
    """Return the targets of hosts, of lists of hosts, and of hosts with a port behind them.

    Raises
    ------
    ConfigError
        There is no host, or one is not a name.
    """
    targets: list[Target] = []
    for host in hosts:
        match host:
            case str():
                targets.append(target_at(host))
            case int() if targets:
                targets[-1] = target_at(targets[-1].host, host)
            case Iterable():
                targets += targets_at(host)
            case _:
                raise ConfigError(f"invalid host: {host!r}; allowed: a name, a list of names, a name and a port")
    if not targets:
        raise ConfigError("connect needs at least one host")
    return targets


def is_local(host: str) -> bool:
    """Return whether what is sent to a host name, an IP address or a ``unix:`` path stays on this machine."""
    if host.startswith("unix:") or host == "localhost":
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def targets_of(daq_config: ConfigSource | None, network_config: ConfigSource | None = None) -> dict[str, Target]:
    """DAQ nodes by the name that users pass.

    Two nodes that end up with the same address are one; a warning says so. Of those behind one gateway the first
    has the name of the gateway, the others are ``gateway:port``.

    Raises
    ------
    ConfigError
        A configuration is missing, of another type, not JSON, or lacks what is needed.
    FileNotFoundError
        A path does not exist.
    """
    if daq_config is None:
        raise ConfigError("daq_config cannot be None; it is a path of daq_config.json or its content")
    routes = _routes(network_config) if network_config else {}
    targets: dict[str, Target] = {}
    for node in _nodes(daq_config, "daq_config"):
        ip_addr = node["ip_addr"]
        host, address = routes.get(ip_addr) or (ip_addr, _address(ip_addr, node, "daq_config"))
        if address in {target.address for target in targets.values()}:
            _log.warning("daq_config: node %s ends up on %s like another node before it", ip_addr, address)
            continue
        if host in targets:  # behind the same gateway, but at another port
            host = address
        targets[host] = Target(host, address, str(node.get("data_dir") or ""))
    return targets


def head_node_of(daq_config: ConfigSource, network_config: ConfigSource | None = None) -> Target:
    """Head node: ``head_node_ip_addr``, at ``headnode.grpc_port`` when there is one.

    Raises
    ------
    ConfigError
        A configuration is of another type or not JSON, or says nothing of a head node.
    FileNotFoundError
        A path does not exist.
    """
    host = content_of(daq_config, "daq_config").get("head_node_ip_addr")
    if not isinstance(host, str) or not host:
        raise ConfigError(f"invalid daq_config: head_node_ip_addr: {host!r}; allowed: a host name")
    head_node = content_of(network_config, "network_config").get("headnode") if network_config else None
    return Target(host, _address(host, _object(head_node, "network_config: headnode"), "network_config: headnode"))


def _routes(network_config: ConfigSource) -> dict[str, tuple[str, str]]:
    """Host name and gRPC target by ``ip_addr``, of nodes with a gateway or a port of their own."""
    routes = {}
    for node in _nodes(network_config, "network_config"):
        ip_addr = node["ip_addr"]
        forwarding = _object(node.get("port_forwarding"), f"network_config: port_forwarding of {ip_addr!r}")
        if forwarding.get("status"):
            if not forwarding.get("gw_ip"):
                raise ConfigError(f"network_config: port_forwarding of {ip_addr!r} has no 'gw_ip'")
            gateway = str(forwarding["gw_ip"])
            routes[ip_addr] = gateway, _address(gateway, forwarding, "network_config")
        elif node.get("grpc_port"):
            routes[ip_addr] = ip_addr, _address(ip_addr, node, "network_config")
    return routes


def _object(value: object, name: str) -> OpenMapping:
    content = value or {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"{name} is not an object")
    return content


def _address(host: str, entry: OpenMapping, name: str) -> str:
    """GRPC target of `host`, with the ``grpc_port`` of `entry` unless `host` has a port."""
    port = entry.get("grpc_port")
    if not port:
        return address_of(host)
    try:
        return address_of(host, int(port))
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name}: grpc_port {port!r} of {host!r} is invalid: {error}") from error


def _nodes(source: ConfigSource, name: str) -> list[OpenDict]:
    config = content_of(source, name)
    nodes = config.get("daq_nodes")
    if not isinstance(nodes, list) or not nodes:
        raise ConfigError(f"{name}: daq_nodes is empty; it is a list of nodes with an 'ip_addr' each")
    for node in nodes:
        if not isinstance(node, Mapping) or not isinstance(node.get("ip_addr"), str) or not node["ip_addr"]:
            raise ConfigError(f"{name}: daq_node {node!r} does not have an 'ip_addr' key with a host name")
    return nodes
