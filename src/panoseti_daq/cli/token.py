"""Command ``token``: make a token for a client."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import LogLevelOption
from panoseti_daq.service.access.tokens import Role, make_token


def token(
    name: Annotated[str, typer.Argument(help="Name of its owner; servers show it in their logs and status.")],
    role: Annotated[
        Role, typer.Option(help="read: streams and status; control: also InitHpIo and uploads.")
    ] = Role.READ,
    append_to: Annotated[
        Path | None,
        typer.Option(help="Append the server's line to this file instead of printing it.", show_default=False),
    ] = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Make a token for a client.

    Prints it, this once, and below it the line for the file of serve --allowed-tokens.
    """
    log_to_stderr(log_level)
    secret, allowed = make_token(name, role)
    if append_to is not None:
        lines = append_to.read_text() if append_to.exists() else ""
        with append_to.open("a") as file:
            file.write("\n" * (lines[-1:] not in ("", "\n")) + f"{allowed}\n")
    typer.echo(secret)
    if append_to is None:
        typer.echo(allowed)
