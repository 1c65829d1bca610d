"""Command ``systemd-unit``: the unit with which systemd runs the server of this installation."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from panoseti_daq.cli.late import CommandGroup
from panoseti_daq.cli.options import as_command
from panoseti_daq.cli.serve import SETTING_OF, nested, serve
from panoseti_daq.config.environment import server_variables, variable_of
from panoseti_daq.config.keys import SETTINGS
from panoseti_daq.config.load import is_packaged, load_settings
from panoseti_daq.config.settings import RunProbe, ServerSettings
from panoseti_daq.open_types import OpenDict

NAME: Final = "panoseti-daq"
_RUNTIME: Final = Path("/run", NAME)  # RuntimeDirectory
WATCHDOG_S: Final = 30  # the event loop answers within milliseconds; a machine that swaps deserves patience
STOP_MARGIN_S: Final = 10  # beyond shutdown_grace_period, until systemd kills
BACK_OFF_SINCE: Final = 254  # version of systemd that knows RestartSteps
_HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))  # what ProtectHome hides
_PRIVATE: Final = (Path("/tmp"), Path("/var/tmp"))  # what PrivateTmp hides

app = typer.Typer(cls=CommandGroup, rich_markup_mode=None, add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def systemd_unit(
    context: typer.Context,
    user: Annotated[
        str | None, typer.Option(help="User of the server. [default: you]", show_default=False)
    ] = None,
) -> None:
    """Print a systemd unit that serves with this installation; takes every option of serve besides its own.

    For example: panoseti-daq systemd-unit --user panoseti --config /etc/panoseti-daq/server.toml --data-dir /data
    | sudo tee /etc/systemd/system/panoseti-daq.service
    """
    arguments, paths, settings = _of_serve(context.args)
    command = [sys.executable, "-m", "panoseti_daq", "serve", *arguments]
    groups = {settings.socket.group, _value_of("--unix-group", arguments)} - {""}
    unit = _unit(user or _current_user(), command, paths, settings, sorted(groups))
    _warn_of_what_it_will_not_see(paths)
    typer.echo(unit, nl=False)


def _current_user() -> str:
    if os.getuid() == 0:
        raise typer.BadParameter("give --user: the server needs no root, only a user who can read the data")
    return pwd.getpwuid(os.getuid()).pw_name


def _warn_of_what_it_will_not_see(paths: Iterable[Path]) -> None:
    for name in server_variables():
        variable = variable_of((name,))
        typer.echo(f"panoseti-daq: the server will not see {variable}; write it into --config", err=True)
    for path in paths:
        if _is_private(path):
            typer.echo(f"panoseti-daq: the server will not see {path}: its /tmp is its own (PrivateTmp)", err=True)


def _is_private(path: Path) -> bool:
    return any(path.is_relative_to(directory) for directory in _PRIVATE)


def _of_serve(given: list[str]) -> tuple[list[str], list[Path], ServerSettings]:
    """Options of ``serve`` that were given, what the server must be able to read, the settings they make."""
    command = as_command("serve", serve)
    parsed = command.make_context(f"{NAME} systemd-unit", list(given))
    arguments: list[str] = []
    values: OpenDict = {}
    for parameter in command.params:
        name = parameter.name or ""
        source = parsed.get_parameter_source(name)
        if source is None or source.name not in ("COMMANDLINE", "ENVIRONMENT"):
            continue
        value = values[name] = _absolute(parsed.params[name])
        if isinstance(value, bool):
            arguments.append((parameter.opts if value else parameter.secondary_opts)[0])
        else:
            for one in value if isinstance(value, list) else [value]:
                arguments += [parameter.opts[0], str(one)]
    settings = load_settings(
        parsed.params["config"], nested(**{name: values[name] for name in values.keys() & SETTING_OF.keys()})
    )
    return arguments, [*_installation(), *_paths_in(values.values()), *_paths_of(settings)], settings


def _absolute(value: object) -> object:
    """`value` with absolute paths; the name of a packaged file stays."""
    if isinstance(value, list | tuple):
        return [_absolute(one) for one in value]
    return value if not isinstance(value, Path) or is_packaged(value, Path.cwd()) else value.absolute()


def _paths_of(settings: ServerSettings) -> Iterator[Path]:
    """Files and directories that settings name."""
    return (path for path in _paths_in(setting.of(settings) for setting in SETTINGS) if path.is_absolute())


def _paths_in(values: Iterable[object]) -> Iterator[Path]:
    for value in values:
        yield from (
            one for one in (value if isinstance(value, list | tuple) else [value]) if isinstance(one, Path)
        )


def _installation() -> list[Path]:
    return [Path(sys.executable), Path(sys.base_prefix), Path(__file__)]


def _value_of(option: str, arguments: list[str]) -> str:
    return arguments[arguments.index(option) + 1] if option in arguments else ""


def _unit(
    user: str, command: list[str], paths: Iterable[Path], settings: ServerSettings, groups: list[str]
) -> str:
    """The unit.

    Parameters
    ----------
    user
        Whom the server runs as.
    command
        What to run.
    paths
        What it must be able to read.
    settings
        Of the server.
    groups
        Who may connect to its sockets.
    """
    sockets = Path(settings.socket.template).parent if settings.socket.is_used else None
    sees_processes = settings.run_probe in (RunProbe.PROCESS, RunProbe.PID_FILE)
    return _TEMPLATE.format(
        name=NAME,
        user=_escaped(user),
        command=" ".join(map(_quoted, command)),
        back_off=_BACK_OFF if _systemd_version() >= BACK_OFF_SINCE else "",
        watchdog_s=WATCHDOG_S,
        stop_s=round(settings.limits.shutdown_grace_period) + STOP_MARGIN_S,
        protect_home="read-only" if any(map(_is_below_home, paths)) else "true",
        sockets=""
        if sockets is None or sockets.is_relative_to(_RUNTIME)
        else _SOCKETS.format(_quoted(str(sockets))),
        group=_GROUP.format(" ".join(map(_escaped, groups))) if groups else "",
        private_tmp="false" if sockets is not None and _is_private(sockets) else "true",
        private_users="false" if groups else "true",
        protect_proc=_SEES_PROCESSES.format(probe=settings.run_probe) if sees_processes else _HIDES_PROCESSES,
    )


def _is_below_home(path: Path) -> bool:
    return any(form.is_relative_to(home) for home in _HOMES for form in (path, path.resolve()))


def _systemd_version() -> int:
    """Version of systemd on this computer; 0 where there is none."""
    try:
        answer = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return 0
    match = re.match(r"systemd (\d+)", answer)
    return int(match[1]) if match else 0


def _escaped(text: str) -> str:
    """Text in which systemd finds no specifier (systemd.unit(5))."""
    if not text.isprintable():
        raise typer.BadParameter(f"{text!r} cannot stand in a unit")
    return text.replace("%", "%%")


def _quoted(argument: str) -> str:
    """Return one word of a command line (systemd.service(5), "COMMAND LINES")."""
    escaped = _escaped(argument).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    is_plain = escaped and not set(escaped) & set(" \"'\\;")
    return escaped if is_plain else f'"{escaped}"'


_SOCKETS: Final = "# Hashpipe connects to sockets in this directory, which must be there.\nReadWritePaths={}\n"
_GROUP: Final = "# May connect to the sockets; they are known only without PrivateUsers.\nSupplementaryGroups={}\n"
_BACK_OFF: Final = "RestartSteps=5\nRestartMaxDelaySec=60\n"
_SEES_PROCESSES: Final = "# The run probe {probe} has to see the processes of others.\nProtectProc=default"
_HIDES_PROCESSES: Final = "ProtectProc=invisible"

_TEMPLATE: Final = """\
# Written by panoseti-daq systemd-unit; change it with: systemctl edit {name}
#
# inotify takes one watch for each directory of a run. Where the kernel allows fewer the server says so and looks
# at the files instead, which costs more. To allow more, in /etc/sysctl.d/90-{name}.conf:
#   fs.inotify.max_user_watches = 524288
#   fs.inotify.max_user_instances = 256

[Unit]
Description=Live images of the PANOSETI telescopes
# Disks that come late are no reason not to start: what is not there yet is tried again.
Wants=network-online.target
After=network-online.target local-fs.target remote-fs.target time-sync.target
StartLimitIntervalSec=0

[Service]
Type=notify
User={user}
SyslogIdentifier={name}
ExecStart={command}
# The server pings from its event loop; when that hangs, systemd ends it, its stacks go to the journal, and it is
# started again.
WatchdogSec={watchdog_s}
Environment=PYTHONFAULTHANDLER=1
Restart=always
RestartSec=2
{back_off}# An unknown option does not get better by itself.
RestartPreventExitStatus=2
TimeoutStopSec={stop_s}
# Files of 64 modules and some hundred connections.
LimitNOFILE=65536
LimitCORE=0
UMask=0077
# A place for a Unix socket: --host unix:///run/{name}/daq.sock --unix-group GROUP
RuntimeDirectory={name}
{sockets}{group}
# It reads files and answers calls; it may do nothing else.
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp={private_tmp}
PrivateMounts=true
PrivateDevices=true
{protect_proc}
NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
PrivateUsers={private_users}
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=true
RestrictRealtime=true
RestrictSUIDSGID=true
LockPersonality=true
MemoryDenyWriteExecute=true
RemoveIPC=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
