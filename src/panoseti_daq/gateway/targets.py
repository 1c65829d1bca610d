"""Nodes of a gateway by name, from its settings: given one by one, or in the observatory's own files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from panoseti_daq.client.credentials import Credentials
from panoseti_daq.client.nats_link import NatsAddress
from panoseti_daq.config.nodes import NATS, Target, address_of, targets_of
from panoseti_daq.config.settings import GatewaySettings
from panoseti_daq.errors import ConfigError


def files_of(settings: GatewaySettings) -> tuple[Path, ...]:
    """Return the files that name the nodes."""
    return tuple(file for file in (settings.daq_config, settings.network_config) if file is not None)


def nodes_of(settings: GatewaySettings) -> Mapping[str, Target]:
    """Return where the nodes are, by name.

    Raises
    ------
    ConfigError
        A file is missing or bad, a node is named twice, or there is none of the name to prefer.
    """
    targets: dict[str, Target] = {}
    if settings.network_config is not None and settings.daq_config is None:
        raise ConfigError("network_config has no effect without daq_config")
    try:
        found = targets_of(settings.daq_config, settings.network_config) if settings.daq_config else {}
    except OSError as error:
        raise ConfigError(f"{error.filename or 'daq_config'}: {error.strerror or error}") from error
    for name, target in (*found.items(), *map(_named, settings.nodes)):
        if name in targets:
            raise ConfigError(f"invalid nodes: {name} is there twice")
        if same := [other for other, at in targets.items() if at.address == target.address]:
            raise ConfigError(f"invalid nodes: {same[0]} and {name} are both at {target.shown}")
        targets[name] = target
    if settings.prefer and settings.prefer not in targets:
        raise ConfigError(f"invalid prefer: {settings.prefer}; there are: {', '.join(targets)}")
    return targets


def _named(text: str) -> tuple[str, Target]:
    """Return the name and target of ``NAME=HOST:PORT``, or of a host or a site that is its own name."""
    if text.startswith(NATS):  # in whose password may be any sign
        address = NatsAddress.parse(text)
        return address.site or address.name, Target(address.site or address.name, text)
    name, equals, host = text.partition("=")
    host = host if equals else name
    if not name or ("/" in name and equals):
        allowed = "NAME=HOST:PORT, HOST:PORT, NAME=unix:///PATH or nats://HOST/SITE"
        raise ConfigError(f"invalid nodes: {text!r}; allowed: {allowed}")
    try:
        return name, Target(name, address_of(host))
    except ConfigError as error:
        raise ConfigError(f"invalid nodes: {text!r}: {error}") from None


def credentials_of(settings: GatewaySettings) -> Credentials:
    """Return what nodes are shown; nothing of it comes from the environment, which is for clients.

    Raises
    ------
    ConfigError
        Two settings contradict each other.
    """
    return Credentials(
        token_file=settings.token_file,
        tls=settings.tls,
        tls_ca=settings.tls_ca,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
        tls_server_name=settings.tls_server_name,
    )
