"""``plot`` and ``viewers``: the installed viewers as commands, each with its own options."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from panoseti_daq.cli.options import (
    DaqConfigOption,
    HostOption,
    LogLevel,
    LogLevelOption,
    ModuleIdOption,
    NetConfigOption,
    log_to_stderr,
    make_client,
    takes_credentials,
)
from panoseti_daq.cli.viewer_options import options_of

if TYPE_CHECKING:
    from panoseti_daq.viewers import ViewerSpec
    from panoseti_daq.viewers.plugin import InstalledViewer

_log = logging.getLogger(__name__)

RefreshPeriodOption = Annotated[
    float, typer.Option("--refresh-period", min=0.02, help="Seconds between two redraws.")
]


class PlotGroup(TyperGroup):
    """The viewers that are installed; each is loaded when its command is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the viewers that can be loaded."""
        from panoseti_daq.viewers.plugin import installed_viewers

        loaded = (command_of(viewer) for viewer in installed_viewers())
        return [found.name for found in loaded if found.command is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Command of one viewer."""
        from panoseti_daq.errors import ViewerError
        from panoseti_daq.viewers.plugin import find_viewer

        viewer = find_viewer(cmd_name)
        if viewer is None:
            return None
        found = command_of(viewer)
        if found.command is None:
            raise ViewerError(
                f"viewer {viewer.name} of {viewer.package} {viewer.version} cannot be loaded: {found.error}"
            )
        return found.command


plot_app = typer.Typer(
    cls=PlotGroup, help="Look at the images: one command per installed viewer.", no_args_is_help=True
)


@plot_app.callback()
def _plot() -> None:
    pass


class ViewerCommand(NamedTuple):
    """Command of a viewer, or why it has none."""

    name: str
    command: Any
    error: str = ""


def command_of(viewer: InstalledViewer) -> ViewerCommand:
    """A command with the options that all viewers have, and those of this one."""
    from panoseti_daq.viewers.plugin import describe

    if viewer.spec is None:
        return ViewerCommand(viewer.name, None, viewer.error)
    try:
        return ViewerCommand(viewer.name, _command(viewer.spec))
    except Exception as error:  # part of the door of its load: typer refuses types in many ways
        _log.debug("viewer %s of %s has no command", viewer.name, viewer.package, exc_info=True)
        return ViewerCommand(viewer.name, None, describe(error))


def _command(spec: ViewerSpec) -> Any:
    from panoseti_daq.viewers import Surface

    run = _in_window if spec.surface is Surface.WINDOW else _in_terminal
    common = inspect.signature(run, eval_str=True).parameters
    shared = [parameter for name, parameter in common.items() if name not in ("spec", "options")]
    own = options_of(spec.make, {parameter.name for parameter in shared})

    def command(**values: Any) -> None:
        options = {parameter.name: values.pop(parameter.name) for parameter in own}
        run(spec=spec, options=options, **values)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*shared, *own)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(spec.name, help=spec.help)(command)
    made = typer.main.get_command(app)
    _check_names(made)
    return made


def _check_names(command: Any) -> None:
    from panoseti_daq.errors import ViewerError

    names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ViewerError(f"make: every viewer has an option {', '.join(twice)}; call this one otherwise")


@takes_credentials
def _in_window(
    spec: Any,
    options: dict[str, Any],
    host: HostOption = None,
    daq_config: DaqConfigOption = None,
    net_config: NetConfigOption = None,
    module_id: ModuleIdOption = None,
    refresh_period: RefreshPeriodOption = 1.0,
    snapshot: Annotated[
        Path | None, typer.Option(help="Write one picture to this PNG file, without a display, and exit.")
    ] = None,
    after: Annotated[float, typer.Option(min=0, help="Seconds until --snapshot takes the picture.")] = 5.0,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    log_to_stderr(log_level)
    from panoseti_daq.viewers.show import Screenshot, show

    show(
        [(spec, options)],
        lambda: make_client(host, daq_config, net_config)[0],
        hosts=host or (),
        module_ids=module_id or (),
        refresh_period_s=refresh_period,
        snapshot=None if snapshot is None else Screenshot(snapshot, after),
    )


@takes_credentials
def _in_terminal(
    spec: Any,
    options: dict[str, Any],
    host: HostOption = None,
    daq_config: DaqConfigOption = None,
    net_config: NetConfigOption = None,
    module_id: ModuleIdOption = None,
    refresh_period: RefreshPeriodOption = 0.2,
    duration: Annotated[float | None, typer.Option(min=0, help="End after so many seconds.")] = None,
    log_level: LogLevelOption = LogLevel.ERROR,
) -> None:
    log_to_stderr(log_level)
    from panoseti_daq.viewers import ViewerContext
    from panoseti_daq.viewers.feed import Feed, Wanted
    from panoseti_daq.viewers.plugin import make_viewer
    from panoseti_daq.viewers.text import terminal

    context = ViewerContext(refresh_period, tuple(module_id or ()))
    viewer = make_viewer(spec, context, options)
    client, hosts = make_client(host, daq_config, net_config)
    with Feed(client, Wanted.by(spec, context, tuple(hosts))) as feed:
        terminal.run(viewer, feed, refresh_period, duration)


def viewers(log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """List the viewers that are installed, and those that cannot be loaded (--log-level debug: traceback)."""
    log_to_stderr(log_level)
    from rich.markup import escape
    from rich.table import Table

    from panoseti_daq.cli.options import print_table
    from panoseti_daq.viewers.plugin import installed_viewers

    table = Table("name", "package", "version", "what it shows", box=None, pad_edge=False)
    for viewer in installed_viewers():
        error = command_of(viewer).error
        text = viewer.spec.help if viewer.spec and not error else f"cannot be loaded: {error}"
        table.add_row(viewer.name, viewer.package, viewer.version, escape(text))
    print_table(table)
