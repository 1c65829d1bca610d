"""``panoseti-daq``: the commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Final

import typer

from panoseti_daq.cli import (
    control,
    demo,
    hosts,
    pff,
    plot,
    record,
    serve,
    simulate,
    status,
    stream,
    systemd,
    token,
)
from panoseti_daq.cli.options import takes_credentials

EXIT_FAILURE: Final = 1
EXIT_NOTHING_REACHABLE: Final = 3
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="panoseti-daq",
    help="Live images of the PANOSETI telescopes.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(simulate.simulate)
app.command()(demo.demo)
app.command()(takes_credentials(stream.stream))
app.command()(takes_credentials(record.record))
app.command("hosts")(takes_credentials(hosts.list_hosts))
app.command()(takes_credentials(hosts.ping))
app.command()(takes_credentials(hosts.reflect))
app.command()(takes_credentials(control.init))
app.command()(takes_credentials(status.status))
app.command()(token.token)
app.command(context_settings=systemd.PASSES_OPTIONS_ON)(systemd.systemd_unit)
app.command()(plot.viewers)
app.add_typer(plot.plot_app, name="plot")
app.add_typer(pff.app, name="pff")


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        from panoseti_daq import __version__

        typer.echo(f"panoseti-daq {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # else gRPC itself writes each failed handshake to stderr
    try:
        return app(arguments or ["--help"], standalone_mode=False) or 0
    except typer.TyperException as error:
        where = getattr(error, "ctx", None)
        hint = f" (see {where.command_path} --help)" if where else ""
        return _fail(error.format_message(), error.exit_code, hint)
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return EXIT_FAILURE
    except Exception as error:
        return _fail_expected(error)


def _fail_expected(error: Exception) -> int:
    from panoseti_daq.errors import DaqError, HostError

    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, HostError):
        return _fail(str(error), EXIT_NOTHING_REACHABLE)
    if isinstance(error, DaqError):
        return _fail(str(error), EXIT_FAILURE)
    if isinstance(error, OSError):
        path = f"{error.filename}: " if error.filename else ""
        return _fail(f"{path}{error.strerror or error}", EXIT_FAILURE)
    raise error  # a bug of ours: its traceback is what helps


def _fail(text: str, code: int, hint: str = "") -> int:
    one_line = " ".join(text.split())
    typer.echo(f"panoseti-daq: {one_line}{hint}", err=True)
    return code
