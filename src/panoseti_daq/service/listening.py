"""Address of a server: a TCP port or a Unix socket, never one at which another server listens."""

from __future__ import annotations

import grp
import os
import socket
from dataclasses import dataclass
from typing import Final

import grpc

from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.tls import TlsFiles


@dataclass(frozen=True, slots=True)
class ListenAt:
    """Where a server listens.

    Attributes
    ----------
    hosts
        Addresses, and paths of Unix sockets as ``unix:///PATH``; at least one.
    port
        Of the addresses; 0 for any that is free, for each its own.
    group
        Whose members may connect to the Unix sockets; empty for the server's user only.
    """

    hosts: tuple[str, ...]
    port: int = 0
    group: str = ""


LOOPBACK: Final = ListenAt(("127.0.0.1",))


def bind_all(server: grpc.aio.Server, where: ListenAt, tls: TlsFiles | None) -> tuple[str, ...]:
    """Let a server listen; return where, with the ports that were free.

    Raises
    ------
    ConfigError
        An address or the group cannot be used; says why.
    """
    group_id = _group_id(where.group)
    bound = tuple(_bind(server, host, where.port, tls) for host in where.hosts)
    for path in (_path_of(host) for host in where.hosts if host.startswith("unix:")):
        if group_id is None:
            continue
        try:
            os.chown(path, -1, group_id)
        except OSError as error:
            raise ConfigError(f"invalid --unix-group: {where.group}: {error.strerror}") from error
        os.chmod(path, 0o660)
    return bound


def _group_id(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        raise ConfigError(f"invalid --unix-group: {name} not found") from None


def _bind(server: grpc.aio.Server, host: str, port: int, tls: TlsFiles | None) -> str:
    is_path = host.startswith("unix:")
    target = host if is_path else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if is_path:
        _check_unused(host)
    # For the user of the server only, from the moment it is created; its traffic stays on the machine,
    # so it needs no TLS.
    before = os.umask(0o177) if is_path else None
    try:
        if tls is None or is_path:
            bound = server.add_insecure_port(target)
        else:
            bound = server.add_secure_port(target, tls.credentials())
    except RuntimeError as error:  # gRPC does not say why
        raise ConfigError(f"cannot listen on {target}: {_why_not(host, port)}") from error
    finally:
        if before is not None:
            os.umask(before)
    return host if is_path else f"{target.rpartition(':')[0]}:{bound}"


def _path_of(host: str) -> str:
    path = host.removeprefix("unix:")
    return path.removeprefix("//") if path.startswith("//") else path


def _check_unused(host: str) -> None:
    """Refuse a socket at which somebody listens: gRPC would take it over, and delete it in the end."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(_path_of(host))
        except OSError:  # nobody, or no place for a socket, which binding shows
            return
    raise ConfigError(f"cannot listen on {host}: Address already in use")


def _why_not(host: str, port: int) -> str:
    """Return why an address cannot be listened at."""
    try:
        if host.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as tried:
                tried.bind(_path_of(host))
            os.unlink(_path_of(host))
        else:
            for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                with socket.socket(family, kind, protocol) as tried:
                    tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    tried.bind(address)
                    tried.listen()
    except OSError as error:
        return error.strerror or str(error)
    return "gRPC refuses it; it can be had by others"
