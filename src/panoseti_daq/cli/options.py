"""Options that several commands share, and logging."""

from __future__ import annotations

import enum
import functools
import inspect
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from panoseti_daq.client import AioDaqDataClient


_UNLIMITED: Final = 1000  # columns


class LogLevel(enum.StrEnum):
    """How much is logged to stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class LogFormat(enum.StrEnum):
    """How log lines are written."""

    TEXT = "text"
    JSON = "json"


LogLevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much to log to stderr.")]
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", help="HOST, HOST:PORT or unix:///PATH of a server; repeatable. Default: localhost."),
]
DaqConfigOption = Annotated[
    Path | None, typer.Option("--daq-config", help="daq_config.json with the DAQ nodes.", show_default=False)
]
NetConfigOption = Annotated[
    Path | None,
    typer.Option("--net-config", help="network_config.json, for nodes behind a gateway.", show_default=False),
]
ModuleIdOption = Annotated[
    list[int] | None, typer.Option("--module-id", min=0, max=255, help="Only this module; repeatable.")
]


_CREDENTIALS: Final = {
    "token_file": Annotated[
        Path | None, typer.Option(help="File with our token, for servers that want one.", show_default=False)
    ],
    "tls": Annotated[bool, typer.Option("--tls", help="Encrypt connections; implied by the other --tls options.")],
    "tls_ca": Annotated[
        Path | None, typer.Option(help="Authorities of the servers' certificates, PEM.", show_default=False)
    ],
    "tls_certificate": Annotated[
        Path | None,
        typer.Option("--tls-certificate", "--tls-cert", help="Our own certificate, PEM.", show_default=False),
    ],
    "tls_key": Annotated[Path | None, typer.Option(help="Its private key, PEM.", show_default=False)],
    "tls_server_name": Annotated[
        str | None,
        typer.Option(help="Name in the servers' certificates, if not the one we use.", show_default=False),
    ],
}
"""Options of every command that talks to servers, and fields of `Credentials`; there is none for a token itself,
for whoever lists the processes would see it."""

_given: ContextVar[Mapping[str, Any] | None] = ContextVar("given", default=None)


def takes_credentials(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options about credentials in addition; `make_client` uses them."""
    signature = inspect.signature(command, eval_str=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    added = [
        inspect.Parameter(name, kind, default=False if name == "tls" else None, annotation=annotation)
        for name, annotation in _CREDENTIALS.items()
    ]
    parameters = [*(parameter.replace(kind=kind) for parameter in signature.parameters.values()), *added]

    @functools.wraps(command)
    def with_credentials(**values: Any) -> None:
        _given.set({name: values.pop(name) for name in _CREDENTIALS})
        command(**values)

    with_credentials.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_credentials.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del with_credentials.__wrapped__  # typer would look at its annotations
    return with_credentials


def log_to_stderr(level: LogLevel, log_format: LogFormat = LogFormat.TEXT, *, limit_repeats: bool = False) -> None:
    """Log in color on a terminal, as plain lines elsewhere, or as JSON; `limit_repeats` as in `cli.logs`."""
    if log_format is LogFormat.JSON:
        from panoseti_daq.cli.logs import JsonFormatter

        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(JsonFormatter())
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    if limit_repeats:
        from panoseti_daq.cli.logs import LimitRepeats

        handler = LimitRepeats(handler)
    logging.basicConfig(level=level.upper(), handlers=[handler])


def make_client(
    hosts: Sequence[str] | None, daq_config: Path | None, net_config: Path | None
) -> tuple[AioDaqDataClient, list[str]]:
    """Client of the nodes that the options name, and the hosts to use; empty for all of them."""
    from panoseti_daq.client import AioDaqDataClient, Credentials

    credentials = Credentials.from_environment(**(_given.get() or {}))
    if daq_config is not None:
        return AioDaqDataClient(daq_config, net_config, credentials=credentials), list(hosts or ())
    client = AioDaqDataClient.connect(*(hosts or ["localhost"]), credentials=credentials)
    return client, list(hosts or ["localhost"])


def print_table(table: Table) -> None:
    """Print a table in full, however narrow or absent the terminal is."""
    from rich.console import Console

    needed = Console(width=_UNLIMITED).measure(table).maximum
    Console(width=needed).print(table)
