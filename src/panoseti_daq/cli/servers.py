"""Servers of a command: the options that name them, and the credentials for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from panoseti_daq.cli.options import OptionGroup
from panoseti_daq.client import AioDaqDataClient, Credentials
from panoseti_daq.config.nodes import address_of
from panoseti_daq.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Servers:
    """Options about servers; there is none for a token itself, because a list of processes would show it."""

    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Server: HOST, HOST:PORT or unix:///PATH; repeatable. [default: localhost]"),
    ] = None
    daq_config: Annotated[
        Path | None, typer.Option("--daq-config", help="daq_config.json with the DAQ nodes.", show_default=False)
    ] = None
    net_config: Annotated[
        Path | None,
        typer.Option("--net-config", help="network_config.json, for nodes behind a gateway.", show_default=False),
    ] = None
    token_file: Annotated[
        Path | None, typer.Option(help="File with our token, for servers that require one.", show_default=False)
    ] = None
    tls: Annotated[
        bool, typer.Option("--tls", help="Encrypt connections; implied by the other --tls options.")
    ] = False
    tls_ca: Annotated[
        Path | None, typer.Option(help="Authorities of the servers' certificates, PEM.", show_default=False)
    ] = None
    tls_certificate: Annotated[
        Path | None,
        typer.Option("--tls-certificate", "--tls-cert", help="Our own certificate, PEM.", show_default=False),
    ] = None
    tls_key: Annotated[Path | None, typer.Option(help="Its private key, PEM.", show_default=False)] = None
    tls_server_name: Annotated[
        str | None,
        typer.Option(help="Name in the servers' certificates, if not the one we use.", show_default=False),
    ] = None
    use_proxy: Annotated[
        bool, typer.Option("--use-proxy", help="Reach servers through the proxy of http_proxy, not directly.")
    ] = False

    def __post_init__(self) -> None:
        for host in self.host or ():
            try:
                address_of(host)
            except ConfigError as error:
                raise typer.BadParameter(str(error)) from None

    @property
    def hosts(self) -> list[str]:
        """Hosts to use; empty for all of the configuration."""
        return list(self.host or ([] if self.daq_config else ["localhost"]))

    def client(self) -> AioDaqDataClient:
        """Return a new client of the servers."""
        credentials = Credentials.from_environment(
            token_file=self.token_file,
            tls=self.tls,
            tls_ca=self.tls_ca,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
            tls_server_name=self.tls_server_name,
            use_proxy=self.use_proxy,
        )
        if self.daq_config is not None:
            return AioDaqDataClient(self.daq_config, self.net_config, credentials=credentials)
        return AioDaqDataClient.connect(*self.hosts, credentials=credentials)


SERVERS: Final = OptionGroup.of("servers", Servers)
