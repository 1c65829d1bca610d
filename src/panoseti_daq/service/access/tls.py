"""TLS of the server: certificate, key and authorities of clients, from PEM files that may be replaced."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

import grpc

from panoseti_daq.config.files import read_bytes
from panoseti_daq.errors import ConfigError
from panoseti_daq.service.access.reload import Reloaded

_ALLOWED: Final = "a PEM file"


class TlsFiles:
    """Certificates from files, checked before they are used.

    New connections use the present content of the files; open ones are not dropped.

    Parameters
    ----------
    certificate
        Chain of the server, its own certificate first.
    key
        Private key of the first certificate, without a passphrase.
    client_ca
        Certificates one of which must have signed that of a client; None to require none.

    Attributes
    ----------
    configuration
        What gRPC takes, made of the files.

    Raises
    ------
    ConfigError
        A file is missing or bad, or the key is not that of the certificate.
    """

    def __init__(self, certificate: Path | None, key: Path | None, client_ca: Path | None = None) -> None:
        if certificate is None or key is None:
            there = "tls_certificate" if certificate else "tls_key" if key else "tls_client_ca"
            missing = "tls_key" if certificate else "tls_certificate"
            raise ConfigError(f"{there} is set and {missing} is not; TLS needs tls_certificate and tls_key")
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        files = [file for file in (certificate, key, client_ca) if file is not None]
        self.configuration: Final = Reloaded("TLS files", files, self._load)
        self._taken = self.configuration.content

    @property
    def wants_client_certificates(self) -> bool:
        """Whether only clients with a certificate may connect."""
        return self._client_ca is not None

    def credentials(self) -> grpc.ServerCredentials:
        """Return what a port is opened with; it takes new files, too."""
        return grpc.dynamic_ssl_server_credentials(
            self.configuration.content, self._take_replacement, self.wants_client_certificates
        )

    def _take_replacement(self) -> Any:
        """Return new content of the files, once; gRPC calls it before each handshake, in threads of its own."""
        content = self.configuration.content
        if content is self._taken:
            return None
        self._taken = content
        return content

    def _load(self) -> grpc.ServerCertificateConfiguration:
        certificate = read_bytes(self._certificate, _ALLOWED, "tls_certificate")
        key = read_bytes(self._key, _ALLOWED, "tls_key")
        client_ca = read_bytes(self._client_ca, _ALLOWED, "tls_client_ca") if self._client_ca else None
        _check_certificates(certificate, f"tls_certificate: {self._certificate}")
        if client_ca is not None:
            _check_certificates(client_ca, f"tls_client_ca: {self._client_ca}")
        self._check_key()
        return grpc.ssl_server_certificate_configuration([(key, certificate)], client_ca)

    def _check_key(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # An empty passphrase, lest OpenSSL ask for one at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                text = f"tls_key: {self._key} is not the key of the certificate in {self._certificate}"
                raise ConfigError(text) from None
            raise ConfigError(
                f"tls_key: {self._key} holds no private key; allowed: {_ALLOWED}, without a passphrase"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"tls_key: {self._key} cannot be read: {error.strerror}; allowed: {_ALLOWED}"
            ) from None


def _check_certificates(pem: bytes, what: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigError(f"{what} holds no certificate, or one that is damaged; allowed: {_ALLOWED}") from None


def danger_of(tls: TlsFiles | None, *, has_tokens: bool) -> str:
    """Return what a stranger who reaches the server could do; empty when it has TLS and authentication."""
    if tls is None and not has_tokens:
        return "without TLS or authentication: everyone who reaches it may stream and init"
    if tls is None:
        return "without TLS: tokens can be read on the network and used; set tls_certificate and tls_key"
    if not has_tokens and not tls.wants_client_certificates:
        return "with TLS but without authentication: everyone who reaches it may stream and init"
    return ""
