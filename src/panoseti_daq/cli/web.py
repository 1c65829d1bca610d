"""Commands ``web`` and ``web-share``: the images of running servers as a page for browsers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption, ModuleIdOption, finite_option, with_options
from panoseti_daq.cli.selected import FRAMES_AND_KINDS
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.config.files import read_bytes
from panoseti_daq.config.nodes import is_local
from panoseti_daq.errors import ConfigError
from panoseti_daq.installation import needing
from panoseti_daq.pff import Selection
from panoseti_daq.service.access.reload import AnyReloaded, Reloaded, keep_up_to_date
from panoseti_daq.service.access.tokens import read_tokens
from panoseti_daq.web.doors import Doors, sign_link

if TYPE_CHECKING:
    from panoseti_daq.web.server import WebAddress

_LEAST_INTERVAL_S: Final = 0.05  # pages paint 20 walls a second at most
_KEY_BYTES: Final = 32
_KeyOption = Annotated[
    Path | None, typer.Option("--share-key-file", help="Key that links are signed with; web-share makes it.")
]

_WallsOption = Annotated[
    bool, typer.Option("--walls", help="Of nats://HOST/SITE: relay the walls that are published there, in 8 bits.")
]


@with_options(FRAMES_AND_KINDS, SERVERS)
def web(
    hosts: Annotated[list[str] | None, typer.Argument(help="Servers, as with --host.", show_default=False)] = None,
    *,
    listen: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = 8080,
    name: Annotated[
        list[str] | None, typer.Option(help="Another name of this server in browsers, such as its DNS name.")
    ] = None,
    allowed_tokens_file: Annotated[
        Path | None, typer.Option(help="Ask for one of these tokens; lines as panoseti-daq token prints them.")
    ] = None,
    share_key_file: _KeyOption = None,
    certificate: Annotated[
        Path | None, typer.Option("--web-certificate", help="Certificate of this server for https, PEM.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--web-key", help="Its private key, PEM.")] = None,
    stalled_timeout: Annotated[
        float, finite_option(min=0.1, help="Seconds after which a page that takes no bytes is dropped.")
    ] = 30.0,
    walls: _WallsOption = False,
    selection: Selection,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show the images of running servers in browsers, until Ctrl-C."""
    log_to_stderr(log_level)
    with needing("aiohttp", "web"):
        from panoseti_daq.web.server import WebAddress
    where = WebAddress(listen, port, certificate, key)
    if hosts:
        servers = replace(servers, host=[*(servers.host or ()), *hosts])
    if share_key_file is not None and allowed_tokens_file is None:
        raise typer.BadParameter("--share-key-file has no effect without --allowed-tokens-file")
    if not is_local(listen) and allowed_tokens_file is None:
        typer.echo("warning: everybody who reaches this address can look; see --allowed-tokens-file", err=True)
    names = [*(name or ()), socket.gethostname(), socket.getfqdn()]
    limited = replace(selection, update_interval_s=max(selection.update_interval_s, _LEAST_INTERVAL_S))
    doors, files = _doors(names, allowed_tokens_file, share_key_file)
    asyncio.run(_serve(where, servers, limited, doors, files, stalled_timeout, walls))


def _doors(names: list[str], tokens_file: Path | None, key_file: Path | None) -> tuple[Doors, list[AnyReloaded]]:
    """Return who may look, and the files that say so, which are to be kept up to date."""
    tokens = tokens_file and Reloaded("tokens", [tokens_file], lambda: read_tokens(tokens_file))
    key = key_file and Reloaded("share key", [key_file], lambda: _read_key(key_file))
    doors = Doors((lambda: tokens.content) if tokens else None, (lambda: key.content) if key else None, names)
    return doors, [file for file in (tokens, key) if file]


async def _serve(
    where: WebAddress,
    servers: Servers,
    selection: Selection,
    doors: Doors,
    files: list[AnyReloaded],
    stalled_s: float,
    walls: bool,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    from panoseti_daq.web.beside import follow_beside
    from panoseti_daq.web.live import LiveWall
    from panoseti_daq.web.night import Night
    from panoseti_daq.web.relay import RelayedWall
    from panoseti_daq.web.server import web_server

    live, stop = RelayedWall() if walls else LiveWall(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with servers.client() as client:
        hosts = servers.names(client)
        async with web_server(live, doors, where, stalled_s, Night(client, live)) as (_, url):
            typer.echo(f"serving {url}", err=True)
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(live.follow(client, hosts, selection), name="follow hosts"),
                    tasks.create_task(follow_beside(client, hosts, live), name="ask for what stands beside"),
                    tasks.create_task(keep_up_to_date(files), name="reload tokens and key"),
                ]
                await stop.wait()
                for task in running:
                    task.cancel()


def web_share(
    url: Annotated[str, typer.Argument(help="Address of the page, as browsers reach it.")],
    share_key_file: Annotated[
        Path, typer.Option(help="Key to sign with, the one that web was given; made when it is not there.")
    ],
    module_id: ModuleIdOption = None,
    expires: Annotated[str, typer.Option(help="How long the link is valid: 30m, 24h, 7d.")] = "24h",
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Print a link to the page of web, for some modules and some time."""
    log_to_stderr(log_level)
    with contextlib.suppress(FileExistsError):
        with open(os.open(share_key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    until = int(time.time()) + _seconds(expires)
    # Behind #, browsers keep it to themselves: it stands in no log and no Referer.
    typer.echo(f"{url.rstrip('/')}/#{sign_link(_read_key(share_key_file), module_id or [], until)}")


def _seconds(text: str) -> int:
    unit = {"m": 60, "h": 3600, "d": 86_400}.get(text[-1:])
    if unit is None or not text[:-1].isdecimal() or not 0 < int(text[:-1]) <= 10_000:
        raise typer.BadParameter(f"invalid --expires: {text}; allowed: a number and m, h or d, as 24h")
    return int(text[:-1]) * unit


def _read_key(file: Path) -> bytes:
    key = read_bytes(file, "a key as web-share makes it", "share_key_file").strip()
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"invalid share_key_file: {file} is too short; allowed: {_KEY_BYTES} characters or more")
    return key
