"""Options that several commands share, and logging."""

from __future__ import annotations

import enum
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

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


def log_to_stderr(level: LogLevel) -> None:
    """Log in colour on a terminal, as plain lines elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.logging import RichHandler

        handler: logging.Handler = RichHandler(console=Console(stderr=True), show_path=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def make_client(
    hosts: Sequence[str] | None, daq_config: Path | None, net_config: Path | None
) -> tuple[AioDaqDataClient, list[str]]:
    """Client of the nodes that the options name, and the hosts to use; empty for all of them."""
    from panoseti_daq.client import AioDaqDataClient

    if daq_config is not None:
        return AioDaqDataClient(daq_config, net_config), list(hosts or ())
    return AioDaqDataClient.connect(*(hosts or ["localhost"])), list(hosts or ["localhost"])


def print_table(table: Table) -> None:
    """Print a table in full, however narrow or absent the terminal is."""
    from rich.console import Console

    needed = Console(width=_UNLIMITED).measure(table).maximum
    Console(width=needed).print(table)
