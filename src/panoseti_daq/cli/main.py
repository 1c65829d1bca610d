"""``panoseti-daq``: the commands, and the one place where an error becomes a line and an exit code."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import typer

from panoseti_daq.cli.late import CommandGroup
from panoseti_daq.cli.options import as_command
from panoseti_daq.errors import DaqError, HostError
from panoseti_daq.printable import printable

EXIT_FAILURE: Final = 1
EXIT_NOTHING_REACHABLE: Final = 3
EXIT_INTERRUPTED: Final = 130

# Name, then module and function (or application of commands) below panoseti_daq.cli, then help.
COMMANDS: Final = {
    "serve": ("serve:serve", "Serve live images of the modules of a data directory."),
    "simulate": ("simulate:simulate", "Write simulated or recorded frames the way Hashpipe does, until Ctrl-C."),
    "demo": ("demo:demo", "Show simulated images live, without hardware or network."),
    "stream": ("stream:stream", "Show the newest images of servers, as a live table or as JSON lines."),
    "snapshot": ("snapshot:snapshot", "Save the newest image of every key: as PNG, as NumPy array, or as JSON."),
    "gnss": (
        "gnss:gnss",
        "Show messages of the GNSS receivers of a server, live or as JSON lines.",
    ),
    "record": ("record:record", "Write every frame that servers see to PFF files, byte for byte, until Ctrl-C."),
    "bridge": ("bridge:bridge", "Publish what servers have on NATS, for other sites and for many readers."),
    "convert": ("convert:convert", "Convert a recorded run to Zarr, or its headers to Parquet."),
    "hosts": ("hosts:list_hosts", "Show every DAQ node: whether it answers, and what it follows."),
    "ping": ("hosts:ping", "Check whether servers answer."),
    "reflect": ("hosts:reflect", "List the services and calls of servers."),
    "init": ("control:init", "Choose what servers follow: a data directory, or simulated data."),
    "status": ("status:status", "Show what servers are doing: what they follow, rates and ages, streams, disks."),
    "token": ("token:token", "Make a token for a client."),
    "systemd-unit": ("systemd:app", "Print a systemd unit that serves with this installation."),
    "viewers": ("plot:viewers", "List the installed viewers, and those that fail to load."),
    "plot": ("plot:plot_app", "Look at the images: one command per installed viewer."),
    "web": ("web:web", "Show the images of running servers in browsers."),
    "web-share": ("web:web_share", "Print a link to the page of web, for some modules and some time."),
    "events": ("events:app", "Find events in frames, live or in a recorded run."),
    "pff": ("pff:app", "Show the content of PFF files."),
}


class LazyGroup(CommandGroup):
    """Commands; the module of one is imported when the command is run, and not for the list of all."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one command; None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        return as_command(cmd_name, getattr(_imported(f"panoseti_daq.cli.{module}"), name))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of the help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was asked for; an unknown one is refused with those of similar names."""
        names: Any = dict.fromkeys(COMMANDS)
        self.commands = names  # of which nothing else is looked at
        return super().resolve_command(ctx, args)


def _imported(module: str) -> Any:
    """Import a module; what comes with it stays, and is not searched for garbage now or later."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


app = typer.Typer(
    cls=LazyGroup,
    name="panoseti-daq",
    help="Live images of the PANOSETI telescopes.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _options(version: bool = typer.Option(False, "--version", help="Show the version and exit.")) -> None:
    if version:
        from panoseti_daq import __version__

        typer.echo(f"panoseti-daq {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit code."""
    _open_standard_streams()
    sys.exit(run(sys.argv[1:]))


def _open_standard_streams() -> None:
    """Open what a shell closed (``2>&-``): else the next socket or file would get what is written there."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    return exit_code_of(lambda: app(arguments or ["--help"], standalone_mode=False) or 0)


def exit_code_of(command: Callable[[], int]) -> int:
    """Return the exit code of what `command` does; its error becomes one line."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # else gRPC itself writes each failed handshake to stderr
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # it would look through all that is installed
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's threads wait busily at first, and are never used
    try:
        return command()
    except typer.TyperException as error:
        where = getattr(error, "ctx", None)
        message = error.format_message()
        if where and message == where.get_help():  # of commands none was given: here they are
            typer.echo(message, err=True)
            return error.exit_code
        return _fail(message, error.exit_code, f" (see {where.command_path} --help)" if where else "")
    except (KeyboardInterrupt, typer.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of our output left, as `head` does
        sys.stderr.close()
        return EXIT_FAILURE
    except (DaqError, OSError, ExceptionGroup) as error:
        return _fail_expected(error)


def _fail_expected(error: Exception) -> int:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, HostError):
        return _fail(str(error), EXIT_NOTHING_REACHABLE)
    if isinstance(error, DaqError):
        return _fail(str(error), EXIT_FAILURE)
    if isinstance(error, OSError):
        path = f"{error.filename}: " if error.filename else _working_directory_if_gone()
        return _fail(f"{path}{error.strerror or error}", EXIT_FAILURE)
    raise error  # a bug of ours: its traceback is what helps


def _working_directory_if_gone() -> str:
    try:
        os.getcwd()
    except OSError:
        return "the working directory: "
    return ""


def _fail(text: str, code: int, hint: str = "") -> int:
    one_line = printable(" ".join(text.split()))
    typer.echo(f"panoseti-daq: {one_line}{hint}", err=True)
    return code
