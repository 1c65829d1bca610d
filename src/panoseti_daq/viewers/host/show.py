"""Display of viewers: one window each, until closed or a signal arrives; or one picture without a display.

Importing this imports no Qt.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Selection
from panoseti_daq.pff.selection import EVERYTHING
from panoseti_daq.plugins import describe
from panoseti_daq.viewers.host import qt
from panoseti_daq.viewers.host.desk import DESK, Desk
from panoseti_daq.viewers.host.snapshot import Screenshot, take_later
from panoseti_daq.viewers.host.span import FilmSpan, film_later
from panoseti_daq.viewers.host.wanted import Wanted
from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec, make_viewer

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.client import AioDaqDataClient
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.memory import Memory
    from panoseti_daq.viewers.host.page import Page
    from panoseti_daq.viewers.host.window import HostWindow

_log = logging.getLogger(__name__)

_STATUS_PERIOD_S: Final = 2.0


def show(
    viewers: Sequence[tuple[ViewerSpec, Mapping[str, Any]]],  # What to show, and the values of its options
    make_client: Callable[[], AioDaqDataClient],  # Makes a client that is not yet entered; called once per viewer
    *,
    hosts: Sequence[str] = (),  # Which; empty for all
    # Which frames; of them each viewer gets the kinds that its spec names, as often as its spec says
    selection: Selection = EVERYTHING,
    refresh_period_s: float = 1.0,  # Time between two redraws, s
    duration_s: float | None = None,  # Close the windows after this time, s; None for never
    snapshot: Screenshot | None = None,  # Take a picture of the first viewer without a display, instead
    film: FilmSpan | None = None,  # Make a film of a replay with the first viewer without a display, instead
    tabs: Sequence[ViewerSpec] = (),  # Viewers in further tabs of each window, on its stream
    desk: Desk = DESK,  # What windows remember, and how they call somebody
) -> None:
    """Show viewers, each in a window with a stream of its own, until the last one is closed or SIGTERM comes.

    For the main thread.

    Raises ViewerError: Qt is missing, there is no display, a viewer failed, or no frame came in time for the
    picture; OSError: the picture cannot be written; HostError: no host answers; KeyboardInterrupt: Ctrl-C.
    """
    off_screen = snapshot is not None or film is not None
    app = qt.application(off_screen=off_screen)
    from PySide6.QtCore import QTimer

    from panoseti_daq.viewers.host.page import Page

    with _Stop(app) as stop, ExitStack() as feeds:
        memory = desk.dress(app, None if off_screen else desk.memory())
        windows = []
        for spec, options in viewers:
            pages = [(spec, options), *((tab, {}) for tab in tabs if tab.name != spec.name)]
            context = ViewerContext(refresh_period_s, selection)
            wanted = _wanted([one for one, _ in pages], context, tuple(hosts), desk, snapshot)
            made = [Page.of(one, make_viewer(one, context, given)) for one, given in pages]
            feed = _feed(desk, wanted, make_client, feeds)
            window = _window(made, context, feed, desk, memory, desk.alert(app), lately=not off_screen)
            windows.append(window)
        if snapshot is not None:
            take_later(windows[0], feed, snapshot)
        if film is not None:
            film_later(windows[0], film)
        if duration_s is not None:
            QTimer.singleShot(round(duration_s * 1000), app.quit)
        _run(windows, stop, on_screen=not off_screen)
    for window in windows:
        if window.error is not None:
            raise window.error


def _wanted(
    specs: Sequence[ViewerSpec],
    context: ViewerContext,
    hosts: tuple[str, ...],
    desk: Desk,
    snapshot: Screenshot | None,
) -> Wanted:
    wanted = Wanted.by_all(specs, context, hosts, every_pulse=desk.hold_pulses_s is not None)
    if snapshot is not None and wanted.status_period_s is None:
        return replace(wanted, status_period_s=_STATUS_PERIOD_S)  # which run it is of
    return wanted


def _feed(desk: Desk, wanted: Wanted, make_client: Callable[[], AioDaqDataClient], feeds: ExitStack) -> WindowFeed:
    from panoseti_daq.viewers.host.feed import Feed, QuietFeed

    if desk.replay:
        return QuietFeed(", ".join(map(str, desk.replay)))
    return feeds.enter_context(Feed(make_client(), wanted))


def _window(
    pages: Sequence[Page],
    context: ViewerContext,
    feed: WindowFeed,
    desk: Desk,
    memory: Memory | None,
    alert: Callable[[list[str]], None] | None,
    *,
    lately: bool,
) -> HostWindow:
    from panoseti_daq.viewers.host.window import HostWindow

    first, *others = pages
    return HostWindow(
        first.name,
        first.viewer,
        feed,
        context.refresh_period_s,
        on_arrival=first.on_arrival,
        others=others,
        clock=context.clock,
        memory=memory,
        alert=alert,
        timeline=desk.timeline(lately=first.on_arrival and lately),
        pulses=desk.pulses(),
    )


def _run(windows: Sequence[HostWindow], stop: _Stop, *, on_screen: bool) -> None:
    from PySide6.QtCore import Qt

    def quit_after_the_last() -> None:
        if all(window.is_closed for window in windows):
            stop.app.quit()

    for window in windows:
        window.closed.connect(quit_after_the_last)
        window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, not on_screen)
        if not window.is_closed:
            window.show()
            _log.info("window %s is open", window.windowTitle())
    with _failing_in_events(windows):
        if not all(window.is_closed for window in windows):
            stop.run()
    for window in windows:
        window.close()


class _Stop:
    """Ends the event loop of Qt on SIGINT and SIGTERM, whatever it waits for; and all before it, as they do.

    Python sees a signal only when Qt gives it a turn: the signal's byte in a socket makes it.
    """

    def __init__(self, app: QApplication) -> None:
        self.app = app
        self._received: list[int] = []
        self._in_loop = False
        self._undo = ExitStack()

    def __enter__(self) -> _Stop:
        from PySide6.QtCore import QSocketNotifier

        readable, writable = socket.socketpair()
        for end in (readable, writable):
            self._undo.enter_context(end)
        writable.setblocking(False)
        notifier = QSocketNotifier(readable.fileno(), QSocketNotifier.Type.Read)
        self._undo.callback(notifier.setEnabled, False)

        def wake() -> None:
            readable.recv(64)
            if self._received:
                self.app.quit()  # again: the first time may have been before the loop ran

        notifier.activated.connect(wake)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._undo.callback(signal.signal, number, signal.signal(number, self._stop))
        self._undo.callback(
            signal.set_wakeup_fd, signal.set_wakeup_fd(writable.fileno(), warn_on_full_buffer=False)
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def run(self) -> None:
        """Run the event loop.

        Raises KeyboardInterrupt: SIGINT came.
        """
        self._in_loop = True
        try:
            self.app.exec()
        finally:
            self._in_loop = False
        if signal.SIGINT in self._received:
            raise KeyboardInterrupt

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if self._in_loop:
            self.app.quit()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(0)


@contextmanager
def _failing_in_events(windows: Sequence[HostWindow]) -> Iterator[None]:
    """Close the windows when a viewer raises outside of its calls, as in a mouse event: which one is unknown."""

    def fail(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _log.error("a viewer failed in an event", exc_info=(kind, error, trace))
        for window in windows:
            window.fail(ViewerError(f"a viewer failed: {describe(error)}"))

    before, sys.excepthook = sys.excepthook, fail
    try:
        yield
    finally:
        sys.excepthook = before
