"""Command ``serve``: the server; every setting is an option (SPEC 5.3)."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from panoseti_daq.allocator import share_arenas
from panoseti_daq.cli.logs import LogFormat, LogLevel, log_to_stderr
from panoseti_daq.cli.loops import run_async
from panoseti_daq.cli.options import (
    Also,
    Former,
    LogFormatOption,
    LogLevelOption,
    ModuleIdOption,
    OptionGroup,
    option_parameter,
    with_options,
)
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.keys import BY_PATH, SETTINGS, Setting
from panoseti_daq.config.load import KeyPath, check_values, load_settings
from panoseti_daq.config.settings import GatewaySettings, ServerSettings
from panoseti_daq.errors import ConfigError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.service.listening import ListenAt
from panoseti_daq.service.server import serve as serve_until_signal

SWITCH_INTERVAL_S: Final = 0.001  # wait of the reading thread while the event loop computes; by default 5 ms

SETTING_OF: Final = {"_".join(setting.path): setting for setting in SETTINGS}
"""Setting of each parameter of the command that is one."""


@dataclass(frozen=True, slots=True)
class Follow:
    """Options that choose what to follow at once, without waiting for InitHpIo."""

    data_dir: Annotated[Path | None, typer.Option(help="Follow this directory at once.")] = None
    simulate: Annotated[bool, typer.Option("--simulate", help="Follow simulated data at once.")] = False
    replay: Annotated[
        Path | None, typer.Option(help="Follow this recorded run as if it were written now.", show_default=False)
    ] = None
    speed: Annotated[
        float | None, typer.Option(help="Speed of --replay, 1 as recorded; 0: as fast as possible. [default: 1]")
    ] = None
    module_id: ModuleIdOption = None
    update_interval: Annotated[
        float | None,
        Also("--update-interval-seconds"),
        typer.Option(
            help="Least time between two frames of one module and product, for any client. [default: as allowed]"
        ),
    ] = None

    def __post_init__(self) -> None:
        if sum((self.data_dir is not None, self.simulate, self.replay is not None)) > 1:
            raise typer.BadParameter("--data-dir, --simulate and --replay exclude each other")
        if self.speed is not None and self.replay is None:
            raise typer.BadParameter("--speed has no effect without --replay")

    def config(self, settings: ServerSettings) -> HpIoConfig | None:
        """Return what to follow; None for nothing."""
        is_sockets_only = False
        if self.data_dir is None and not self.simulate and self.replay is None:
            if not settings.socket.is_used or settings.init_from_default:
                return None
            is_sockets_only = True
        elif settings.socket.is_used and self.data_dir is None:
            raise typer.BadParameter("--socket-template has no effect with --simulate and --replay")
        interval_s = self.update_interval
        return HpIoConfig(
            str(self.data_dir.absolute()) if self.data_dir else "",
            settings.limits.min_hp_io_update_interval_seconds if interval_s is None else interval_s,
            tuple(self.module_id or ()),
            self.simulate,
            sockets_only=is_sockets_only,
            replay=str(self.replay.absolute()) if self.replay else "",
            speed=1.0 if self.speed is None else self.speed or math.inf,
        )


def _parameter(name: str, setting: Setting) -> Any:
    """Option of a setting, from its declaration."""
    option = setting.option
    kind = setting.value_type
    help_text = f"{setting.help.removesuffix('.')}{'; repeatable' if setting.is_list else ''}."
    names = f"{option}/--no-{option.removeprefix('--')}" if kind is bool else option
    declared = typer.Option(names, help=f"{help_text} [default: {setting.default}]")
    others = [Also("--" + setting.key.replace("_", "-"))] if "." not in setting.key else []
    others += [Also(setting.also_option)] if setting.also_option else []
    former = [Former(setting.former_option)] if setting.former_option else []
    return option_parameter(name, kind, declared, *others, *former)


def nested(**values: Any) -> OpenDict:
    """Return the options that were given, by table and key."""
    given: OpenDict = {}
    for name, value in values.items():
        *tables, key = SETTING_OF[name].path
        if value is not None and value != []:
            (given.setdefault(tables[0], {}) if tables else given)[key] = value
    return given


OPTIONS: Final = OptionGroup("options", tuple(_parameter(*item) for item in SETTING_OF.items()), nested)


@with_options(OptionGroup.of("follow", Follow), OPTIONS)
def serve(
    host: Annotated[
        list[str] | None,
        typer.Option(help="Address to listen at, or unix:///PATH; repeatable. [default: 127.0.0.1]"),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any that is free.")] = 50051,
    unix_group: Annotated[
        str, typer.Option(help="Group whose members may connect to unix:///PATH. [default: nobody else]")
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="PANOSETI_DAQ_CONFIG",
            help="Settings, TOML or JSON. PANOSETI_DAQ_KEY variables override it, options override both.",
            show_default=False,
        ),
    ] = None,
    *,
    follow: Follow,
    options: OpenDict,
    log_level: LogLevelOption = LogLevel.INFO,
    log_format: LogFormatOption = LogFormat.TEXT,
) -> None:
    """Serve live images of the modules of a data directory."""
    log_to_stderr(log_level, log_format, limit_repeats=True)
    settings = _settings(config, options)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    share_arenas()
    where = ListenAt(tuple(host or ("127.0.0.1",)), port, unix_group)
    if unix_group and not any(one.startswith("unix:") for one in where.hosts):
        raise typer.BadParameter("--unix-group has no effect without --host unix:///PATH")
    followed = follow.config(settings)
    _check(settings, followed)
    if settings.workers == 1:
        run_async(_run(settings, where, followed))
    elif len(where.hosts) > 1 or where.group:
        raise typer.BadParameter("--workers shares one port: one --host, and no --unix-group")
    else:
        run_async(_run_workers(settings, where, followed, (log_level, log_format)))


def _check(settings: ServerSettings, follow: HpIoConfig | None) -> None:
    if settings.gateway.is_used:
        if follow is not None or settings.init_from_default or settings.accept_uploads or settings.socket.is_used:
            raise ConfigError(
                "a gateway follows nothing itself: --data-dir, --simulate, --replay, --socket-template and so on"
                " exclude its nodes"
            )
    elif settings.gateway != GatewaySettings():
        raise ConfigError("the settings of a gateway have no effect without nodes: --node or --daq-config")


def _ready(address: str) -> None:
    typer.echo(f"listening on {address}", err=True)


async def _run(settings: ServerSettings, where: ListenAt, follow: HpIoConfig | None) -> None:
    gateway = None
    if settings.gateway.is_used:
        from panoseti_daq.gateway.gateway import Gateway

        gateway = Gateway(settings.gateway)
    await serve_until_signal(settings, where, follow=follow, ready=_ready, elsewhere=gateway)


async def _run_workers(
    settings: ServerSettings, where: ListenAt, follow: HpIoConfig | None, log: tuple[LogLevel, LogFormat]
) -> None:
    from panoseti_daq.workers.supervisor import ProcessEnded
    from panoseti_daq.workers.supervisor import serve as supervise

    command = [sys.executable, "-m", "panoseti_daq.cli.serve_process"]
    [host] = where.hosts
    try:
        await supervise(
            settings, host=host, port=where.port, follow=follow, ready=_ready, command=command, log=log
        )
    except ExceptionGroup as group:
        ended = group.subgroup(ProcessEnded)  # which has said why
        if ended is None:
            raise
        raise typer.Exit(1) from None


def _settings(file: Path | None, options: OpenDict) -> ServerSettings:
    """Settings of all sources; a bad option is a usage error, any other a ConfigError."""
    try:
        check_values(options, "", spell=_option)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None
    return load_settings(file, options)


def _option(key: KeyPath) -> str:
    path = tuple(part for part in key if isinstance(part, str))
    return BY_PATH[path].option if path in BY_PATH else f"the --sim options ({path[0]})"
