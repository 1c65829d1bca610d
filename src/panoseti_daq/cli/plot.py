"""Commands ``plot`` and ``viewers``: the installed viewers as commands, each with its own options."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.table import Table

from panoseti_daq.cli.late import CommandGroup
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import (
    DurationOption,
    LogLevelOption,
    OptionGroup,
    RefreshPeriodOption,
    as_command,
    with_options,
)
from panoseti_daq.cli.selected import FRAMES
from panoseti_daq.cli.servers import SERVERS, Servers
from panoseti_daq.cli.tables import print_table
from panoseti_daq.cli.viewer_options import options_of
from panoseti_daq.cli.window_options import DESK_OPTIONS, PICTURES, Pictures
from panoseti_daq.errors import ViewerError
from panoseti_daq.open_types import OpenDict
from panoseti_daq.pff import Selection
from panoseti_daq.plugins import describe
from panoseti_daq.viewers import Surface, ViewerContext, ViewerSpec
from panoseti_daq.viewers.host import terminal
from panoseti_daq.viewers.host.feed import Feed, Wanted
from panoseti_daq.viewers.host.show import Desk, show
from panoseti_daq.viewers.plugin import InstalledViewer, find_viewer, installed_viewers, make_viewer

_log = logging.getLogger(__name__)

TABS: Final = ("phdist", "rates", "lightcurve")
TABS_OF_RUNS: Final = ("phdist", "lightcurve")  # rates are those of servers


class PlotGroup(CommandGroup):
    """The viewers that are installed; each is loaded when its command is asked for."""

    def list_commands(self, ctx: object) -> list[str]:
        """Return the names of the viewers that can be loaded."""
        loaded = (command_of(viewer) for viewer in installed_viewers())
        return [found.name for found in loaded if found.command is not None]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Command of one viewer."""
        viewer = find_viewer(cmd_name)
        if viewer is None:
            return None
        found = command_of(viewer)
        if found.command is None:
            raise ViewerError(
                f"viewer {viewer.name} of {viewer.package} {viewer.version} cannot be loaded: {found.error}"
            )
        return found.command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the viewer that was asked for; an unknown one is refused with those of similar names."""
        names: Any = dict.fromkeys(viewer.name for viewer in installed_viewers())
        self.commands = names  # of which nothing else is looked at
        return super().resolve_command(ctx, args)


plot_app = typer.Typer(
    cls=PlotGroup,
    rich_markup_mode=None,
    add_completion=False,
    help="Look at the images: one command per installed viewer.",
    no_args_is_help=True,
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
    """Return a command with the options that all viewers have, and those of this one."""
    if viewer.spec is None:
        return ViewerCommand(viewer.name, None, viewer.error)
    try:
        return ViewerCommand(viewer.name, _command(viewer.spec))
    except Exception as error:  # part of the door of its load: typer refuses types in many ways
        _log.debug("viewer %s of %s has no command", viewer.name, viewer.package, exc_info=True)
        return ViewerCommand(viewer.name, None, describe(error))


def _command(spec: ViewerSpec) -> Any:
    run, groups = (_in_window, (PICTURES, DESK_OPTIONS)) if spec.surface is Surface.WINDOW else (_in_terminal, ())
    shared = with_options(FRAMES, SERVERS, *groups)(functools.partial(run, spec))
    taken = inspect.signature(shared).parameters.keys() - {"options"}
    own = OptionGroup("options", tuple(options_of(spec.make, taken)), dict)
    made = as_command(spec.name, with_options(own)(shared), help=spec.help)
    _check_names(made)
    return made


def _check_names(command: Any) -> None:
    names = [name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ViewerError(f"make: every viewer has an option {', '.join(twice)}; call this one otherwise")


def _in_window(
    spec: ViewerSpec,
    selection: Selection,
    refresh_period: RefreshPeriodOption = 1.0,
    duration: DurationOption = None,
    tabs: Annotated[
        bool, typer.Option(help="The other viewers as tabs. [default: of view only]", show_default=False)
    ] = True,
    *,
    pictures: Pictures,
    desk: Desk,
    options: OpenDict,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    log_to_stderr(log_level)
    if pictures.film is not None and not desk.replay:
        raise typer.BadParameter("--film needs --replay RUN_DIR")
    others = TABS_OF_RUNS if desk.replay else TABS
    show(
        [(spec, options)],
        servers.client,
        hosts=servers.host or (),
        selection=selection,
        refresh_period_s=refresh_period,
        duration_s=duration,
        snapshot=pictures.snapshot,
        film=pictures.film,
        tabs=_tabs_of(spec, others) if tabs and not pictures else (),
        desk=replace(desk, remember=not pictures),
    )


def _tabs_of(spec: ViewerSpec, names: Sequence[str]) -> list[ViewerSpec]:
    """Viewers beside `view`, in its window: those of this package that draw the same frames."""
    if spec.name != "view":
        return []
    found = [viewer.spec for name in names if (viewer := find_viewer(name)) is not None]
    return [spec for spec in found if spec is not None]


def _in_terminal(
    spec: ViewerSpec,
    selection: Selection,
    refresh_period: RefreshPeriodOption = 0.2,
    duration: DurationOption = None,
    *,
    options: OpenDict,
    servers: Servers,
    log_level: LogLevelOption = LogLevel.ERROR,
) -> None:
    log_to_stderr(log_level)
    context = ViewerContext(refresh_period, selection)
    viewer = make_viewer(spec, context, options)
    with Feed(servers.client(), Wanted.by([spec], context, tuple(servers.hosts))) as feed:
        terminal.run(viewer, feed, refresh_period, duration)


def viewers(log_level: LogLevelOption = LogLevel.WARNING) -> None:
    """List the installed viewers, and those that fail to load (--log-level debug: traceback)."""
    log_to_stderr(log_level)
    table = Table("name", "package", "version", "what it shows", box=None, pad_edge=False)
    for viewer in installed_viewers():
        error = command_of(viewer).error
        text = viewer.spec.help if viewer.spec and not error else f"cannot be loaded: {error}"
        table.add_row(viewer.name, viewer.package, viewer.version, text)
    print_table(table, ("version", "package"))
