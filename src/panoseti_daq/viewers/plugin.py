"""Plugin interface of the viewers, and the list of the installed ones.

A viewer is an entry point of the group ``panoseti_daq.viewers`` that leads to a `ViewerSpec`. The built-in ones
are found in the same way as those of other packages.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from panoseti_daq.errors import DaqError, ViewerError
from panoseti_daq.former import with_former
from panoseti_daq.pff import Key, Selection
from panoseti_daq.pff.selection import EVERYTHING
from panoseti_daq.plugins import Installed, PluginGroup, describe
from panoseti_daq.viewers.clock import Clock
from panoseti_daq.viewers.masks import PixelMasks

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget
    from rich.console import RenderableType

    from panoseti_daq.client import ReceivedFrame

_log = logging.getLogger(__name__)

GROUP: Final = "panoseti_daq.viewers"


class Surface(enum.Enum):
    """Surface on which a viewer draws."""

    WINDOW = "window"
    TERMINAL = "terminal"


@dataclass(frozen=True, slots=True)
class ViewerContext:
    """Context in which a viewer is made.

    Attributes
    ----------
    refresh_period_s
        Time between two calls of `redraw`, s.
    selection
        Selected frames; of them the viewer gets the kinds that its spec names.
    clock
        Where ages are counted: `Clock.age_s` of a frame.
    masks
        Pixels that are left out by all viewers of a window.
    """

    refresh_period_s: float = 1.0
    selection: Selection = EVERYTHING
    clock: Clock = field(default_factory=Clock)
    masks: PixelMasks = field(default_factory=PixelMasks)

    @property
    def module_ids(self) -> tuple[int, ...]:
        """Modules that were asked for; empty for all."""
        return tuple(sorted(self.selection.module_ids))


class Viewer(Protocol):
    """Draws frames in a window; all calls come in the GUI thread.

    A viewer that raises is closed with its traceback. The window's menu lists the actions of its widget
    (``widget.addAction``) with their shortcuts; Space, S and Q are the window's own. It may have more methods:

    - ``update_blocks(blocks)`` takes the frames that came since the last call, each once (`ReceivedBlock`), when
      its spec asks for `every_frame`;
    - ``update_status(host, status)`` takes the status of a server (`StatusResponse`), when its spec asks for it;
    - ``update_hosts(states)`` takes how it stands with each host (`HostState`);
    - ``keep(frames)`` takes frames while the picture stands; the newest of each key comes again when it continues;
    - ``clear()`` forgets all frames: those of an earlier time come next;
    - ``restyle()`` takes the colors of the theme;
    - ``state()`` returns choices to be remembered, as JSON has them, and ``restore(state)`` takes them.
    """

    @property
    def widget(self) -> QWidget:
        """What the window holds."""
        ...

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the newest frame of each key that has one since the last call; not the time to draw."""
        ...

    def redraw(self) -> None:
        """Draw; called on a timer, also when no frame arrived."""
        ...


class TerminalViewer(Protocol):
    """Draws frames as text; all calls come in one thread."""

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        """Take the newest frame of each key that has one since the last call."""
        ...

    def render(self, columns: int, rows: int) -> RenderableType:
        """Return the content of a terminal of the given columns and rows."""
        ...

    def key(self, key: str) -> None:
        """Take a key that was pressed: a character, or 'up', 'down', 'left', 'right', 'tab'."""
        ...


@with_former(update_interval_s="interval_s")
@dataclass(frozen=True, slots=True)
class ViewerSpec:
    """A viewer before it draws: what the command line and the host window need to know. Imports no Qt.

    Attributes
    ----------
    name
        The command, ``panoseti-daq plot NAME``; also the name of the entry point.
    help
        One line.
    make
        Makes the viewer, given a `ViewerContext` and the values of its options. Its keyword-only parameters are
        the options of the command: ``color: Annotated[str, "What it is for."] = "red"``, or what else typer
        takes. The place to import Qt.
    movie, pulse_height
        Which frames it wants.
    update_interval_s
        Least time between two frames of one key, s; None for the refresh period: then the viewer is drawn when a
        frame came, too.
    every_frame
        Whether no frame may be missing: they come in blocks, to the method ``update_blocks(blocks)``; from servers
        of panoseti-grpc, which have no blocks, as the newest of each key.
    status
        Whether it wants what the servers say of themselves, once per refresh period.
    surface
        What it draws on.
    """

    name: str
    help: str
    make: Callable[..., Any]
    movie: bool = True
    pulse_height: bool = True
    update_interval_s: float | None = None
    every_frame: bool = False
    status: bool = False
    surface: Surface = Surface.WINDOW


InstalledViewer = Installed[ViewerSpec]
VIEWERS: Final = PluginGroup(GROUP, "viewer", ViewerSpec)
installed_viewers: Final = VIEWERS.installed
find_viewer: Final = VIEWERS.find


def make_viewer(spec: ViewerSpec, context: ViewerContext, options: Mapping[str, Any]) -> Any:
    """Make a viewer.

    Raises ViewerError: it cannot be made; the traceback is logged; DaqError: what the viewer says of its options.
    """
    try:
        return spec.make(context, **options)
    except DaqError:
        raise
    except (Exception, SystemExit) as error:  # a door, as for its load
        _log.exception("viewer %s cannot be made", spec.name)
        raise ViewerError(f"viewer {spec.name} cannot be made: {describe(error)}") from error
