"""Credentials of a client, and how it verifies servers."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import grpc

from panoseti_daq.config.environment import ENV_PREFIX
from panoseti_daq.config.files import read_bytes, read_pem
from panoseti_daq.config.nodes import is_local
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_YES: Final = ("1", "true", "yes", "on")
_NO: Final = ("0", "false", "no", "off")
_TOKEN: Final = "one line without spaces, as panoseti-daq token prints it"

ChannelOptions = tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token and certificates; files are read when a client is made. Nothing of it is ever logged.

    Without any, as by default on a trusted network: plain connections, no token.

    Attributes
    ----------
    token
        Secret that the server knows; ``panoseti-daq token`` makes it.
    token_file
        File that holds it, instead.
    tls
        Encrypt connections; implied by each of the following.
    tls_ca
        PEM file with the authorities of the servers' certificates; None for the public ones.
    tls_certificate, tls_key
        PEM files of our own certificate and its key, for servers that require one.
    tls_server_name
        Name in the servers' certificates, when it is not the one by which they are reached, as through a tunnel.
    use_proxy
        Reach servers through the proxy that ``http_proxy`` and its kin name; directly otherwise.

    Raises
    ------
    ConfigError
        Two of them contradict each other.
    """

    token: str = field(default="", repr=False)
    token_file: str | Path | None = None
    tls: bool = False
    tls_ca: str | Path | None = None
    tls_certificate: str | Path | None = None
    tls_key: str | Path | None = None
    tls_server_name: str = ""
    use_proxy: bool = False

    def __post_init__(self) -> None:
        if self.token and self.token_file:
            raise ConfigError("token and token_file exclude each other")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ConfigError("tls_certificate and tls_key belong together; one of them is missing")

    @classmethod
    def from_environment(cls, **beats: str | Path | bool | None) -> Self:
        """Credentials of the variables ``PANOSETI_DAQ_TOKEN`` and so on; clients without credentials use these.

        Parameters
        ----------
        **beats
            Fields whose values go before the environment, unless they are None or empty.

        Raises
        ------
        ConfigError
            They contradict each other.
        """
        fields: OpenDict = {name: _variable(key) for name, key in VARIABLES.items()}
        for key in ("tls", "use_proxy"):
            fields[key] = _flag(key, fields[key])
        given = {name: value for name, value in beats.items() if value}
        if "token" in given or "token_file" in given:
            fields["token"] = fields["token_file"] = ""
        return cls(**(fields | given))

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return bool(self.tls or self.tls_ca or self.tls_certificate or self.tls_server_name)

    def load(self) -> LoadedCredentials:
        """Read the files.

        Raises
        ------
        ConfigError
            One cannot be read or is not what it should be.
        """
        channel = None
        if self.uses_tls:
            channel = grpc.ssl_channel_credentials(
                _pem("tls_ca", self.tls_ca, "CERTIFICATE"),
                _pem("tls_key", self.tls_key, "PRIVATE KEY"),
                _pem("tls_certificate", self.tls_certificate, "CERTIFICATE"),
            )
        name = (("grpc.ssl_target_name_override", self.tls_server_name),) if self.tls_server_name else ()
        return LoadedCredentials(channel, name, _metadata(self._token()), self.use_proxy)

    def _token(self) -> str:
        if not self.token_file:
            return _checked(self.token, "token")
        try:
            text = read_bytes(self.token_file, _TOKEN, "token_file").decode("ascii")
        except UnicodeDecodeError:
            text = "\n"
        return _checked(text.strip(), f"token_file: {self.token_file}", allow_empty=False)


class LoadedCredentials:
    """Credentials as channels and calls take them.

    Parameters
    ----------
    channel
        Of encrypted channels; None for plain ones.
    options
        Of encrypted channels.
    metadata
        Of every call; None for none.
    use_proxy
        Reach servers through the proxy of the environment.
    """

    def __init__(
        self,
        channel: grpc.ChannelCredentials | None = None,
        options: ChannelOptions = (),
        metadata: tuple[tuple[str, str], ...] | None = None,
        use_proxy: bool = False,
    ) -> None:
        self.channel = channel
        self.metadata = metadata
        self._options = options
        self._use_proxy = use_proxy

    def open(self, address: str, options: ChannelOptions) -> grpc.aio.Channel:
        """A channel; one to a Unix socket stays plain, it leaves no machine."""
        # The proxy of an observatory is for the web: left to itself, gRPC asks it for the DAQ nodes, too.
        options = (*options, ("grpc.enable_http_proxy", int(self._use_proxy)))
        if self.channel is not None and not address.startswith("unix:"):
            return grpc.aio.secure_channel(address, self.channel, (*options, *self._options))
        return grpc.aio.insecure_channel(address, options)

    def warn_of_plain(self, addresses: Mapping[str, str]) -> None:
        """Warn of hosts to which the token would go in plain text.

        Parameters
        ----------
        addresses
            gRPC target of each host.
        """
        if self.metadata is None or self.channel is not None:
            return
        if plain := [host for host, address in addresses.items() if not _stays_here(address)]:
            _log.warning(
                "the token goes to %s without TLS: it can be read on the network and used", ", ".join(plain)
            )


# The server has PANOSETI_DAQ_TLS_CERTIFICATE and _KEY for its own.
VARIABLES: Final = {
    "token": "token",
    "token_file": "token_file",
    "tls": "tls",
    "tls_ca": "tls_ca",
    "tls_certificate": "tls_client_certificate",
    "tls_key": "tls_client_key",
    "tls_server_name": "tls_server_name",
    "use_proxy": "use_proxy",
}
"""Variable of each field of `Credentials`, without PANOSETI_DAQ_ and in lower case."""


def _stays_here(address: str) -> bool:
    return is_local(address if address.startswith("unix:") else address.rpartition(":")[0])


def _variable(key: str) -> str:
    return os.environ.get(f"{ENV_PREFIX}{key.upper()}", "")


def _flag(key: str, text: str) -> bool:
    if text and text.lower() not in (*_YES, *_NO):
        raise ConfigError(f"{ENV_PREFIX}{key.upper()}: {text!r} is neither; allowed: {', '.join((*_YES, *_NO))}")
    return text.lower() in _YES


def _checked(token: str, what: str, *, allow_empty: bool = True) -> str:
    if not token and allow_empty:
        return ""
    if not token or len(token) > 512 or not all("!" <= character <= "~" for character in token):
        raise ConfigError(f"{what} is not a token; allowed: {_TOKEN}")
    return token


def _metadata(token: str) -> tuple[tuple[str, str], ...] | None:
    return (("authorization", f"Bearer {token}"),) if token else None


def _pem(key: str, file: str | Path | None, kind: str) -> bytes | None:
    return read_pem(file, kind, key) if file else None
