"""Servers of a command: the options that name them, and the credentials for them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from panoseti_daq.cli.options import Also, OptionGroup, finite_option
from panoseti_daq.client import AioDaqDataClient, Credentials, HostChange
from panoseti_daq.config.nodes import address_of, target_at
from panoseti_daq.errors import ConfigError, HostError


@dataclass(frozen=True, slots=True)
class Servers:
    """Options about servers; there is none for a token itself, because a list of processes would show it."""

    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host",
            help="Server: HOST, HOST:PORT, unix:///PATH or nats://HOST/SITE; repeatable. [default: localhost]",
        ),
    ] = None
    daq_config: Annotated[
        Path | None, typer.Option("--daq-config", help="daq_config.json with the DAQ nodes.", show_default=False)
    ] = None
    network_config: Annotated[
        Path | None,
        typer.Option(help="network_config.json, for nodes behind a gateway.", show_default=False),
        Also("--net-config"),
    ] = None
    timeout: Annotated[
        float | None,
        finite_option(
            min=0.001,
            help="Seconds that a server may take to answer. [default: 0.5; init: 10]",
            show_default=False,
        ),
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
        if self.network_config is not None and self.daq_config is None:
            raise typer.BadParameter("--network-config has no effect without --daq-config")
        for host in self.host or ():
            try:
                address_of(host)
            except ConfigError as error:
                raise typer.BadParameter(str(error)) from None

    @property
    def hosts(self) -> list[str]:
        """Names of the hosts to use, which hold no password; empty for all of the configuration."""
        return [target_at(host).host for host in self.host or ([] if self.daq_config else ["localhost"])]

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
            return AioDaqDataClient(
                self.daq_config, self.network_config, credentials=credentials, timeout=self.timeout
            )
        hosts = self.host or ["localhost"]
        return AioDaqDataClient.connect(*hosts, credentials=credentials, timeout=self.timeout)

    def names(self, client: AioDaqDataClient) -> list[str]:
        """Return the servers that are named, or all of the configuration.

        Raises
        ------
        HostError
            The configuration does not have one.
        """
        for host in self.hosts:
            if host not in client.hosts:
                raise HostError(f"{host} is not configured; configured: {', '.join(client.hosts)}")
        return self.hosts or client.hosts

    async def first_answer(self, client: AioDaqDataClient, wait_s: float) -> None:
        """Wait until one of the servers answers; HostError when none does within `wait_s`."""
        async with asyncio.TaskGroup() as tasks:
            pings = [
                tasks.create_task(client.ping(host, wait_s), name=f"ping {host}") for host in self.names(client)
            ]
            for ping in asyncio.as_completed(pings):
                if await ping:
                    for other in pings:
                        other.cancel()
                    return
        await client.validate_daq_hosts(self.hosts)  # raises the reason


class Missing:
    """Hosts of a command that have not answered yet; at its end, those that never came are an error."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = dict.fromkeys(hosts)

    def note(self, change: HostChange) -> None:
        """Take note of a host that came."""
        if change.connected:
            self._hosts.pop(change.host, None)

    def check(self) -> None:
        """Raise HostError if a host never came."""
        if self._hosts:
            raise HostError(f"never answered: {', '.join(self._hosts)}")


SERVERS: Final = OptionGroup.of("servers", Servers)
