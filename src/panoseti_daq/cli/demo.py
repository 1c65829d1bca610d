"""Command ``demo``: simulator, server and live images in one process."""

from __future__ import annotations

import sys

from panoseti_daq.cli.live import LiveTable
from panoseti_daq.cli.logs import LogLevel, log_to_stderr
from panoseti_daq.cli.options import DurationOption, LogLevelOption
from panoseti_daq.cli.times import for_duration
from panoseti_daq.client import AioDaqDataClient, Credentials
from panoseti_daq.client.portal import PORTALS
from panoseti_daq.config.hp_io import HpIoConfig
from panoseti_daq.config.settings import ServerSettings
from panoseti_daq.errors import ViewerError
from panoseti_daq.service.server import running_server
from panoseti_daq.viewers import ViewerContext, term, view
from panoseti_daq.viewers.host import qt, terminal
from panoseti_daq.viewers.host.feed import Feed, Wanted
from panoseti_daq.viewers.host.show import show
from panoseti_daq.viewers.plugin import make_viewer

_TABLE_INTERVAL_S = 0.05
_TERMINAL_REFRESH_S = 0.2
_WINDOW_REFRESH_S = 0.1


def demo(
    duration: DurationOption = None,
    log_level: LogLevelOption = LogLevel.WARNING,
) -> None:
    """Show simulated images live, without hardware or network: in a window, else in the terminal, else a table.

    Until the window is closed, q is pressed, or Ctrl-C.
    """
    log_to_stderr(log_level)
    present = _in_window if _can_open_windows() else _in_terminal if sys.stdout.isatty() else _as_table
    with (
        PORTALS as portal,
        portal.entered(running_server(ServerSettings(), follow=HpIoConfig(simulate=True))) as server,
    ):
        present(server.address, duration)


def _can_open_windows() -> bool:
    if not qt.has_display():
        return False
    try:
        qt.require_qt()
    except ViewerError:
        return False
    return True


def _in_window(address: str, duration_s: float | None) -> None:
    show(
        [(view.SPEC, {})],
        lambda: AioDaqDataClient.connect(address, credentials=Credentials()),
        refresh_period_s=_WINDOW_REFRESH_S,
        duration_s=duration_s,
    )


def _in_terminal(address: str, duration_s: float | None) -> None:
    context = ViewerContext(_TERMINAL_REFRESH_S)
    viewer = make_viewer(term.SPEC, context, {})
    with Feed(
        AioDaqDataClient.connect(address, credentials=Credentials()), Wanted.by([term.SPEC], context)
    ) as feed:
        terminal.run(viewer, feed, _TERMINAL_REFRESH_S, duration_s)


def _as_table(address: str, duration_s: float | None) -> None:
    async def run() -> None:
        async with AioDaqDataClient.connect(address, credentials=Credentials()) as client:
            frames = client.stream_frames(update_interval_seconds=_TABLE_INTERVAL_S)
            await for_duration(LiveTable("simulated images").show(aiter(frames)), duration_s)

    with PORTALS as portal:  # the loop of the server
        portal.start(run).result()
