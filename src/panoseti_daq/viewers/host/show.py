"""Display of viewers: one window each, until closed or a signal arrives; or a picture. No Qt."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from panoseti_daq.errors import ViewerError
from panoseti_daq.pff import Selection
from panoseti_daq.pff.selection import EVERYTHING
from panoseti_daq.plugins import describe
from panoseti_daq.viewers.host import qt
from panoseti_daq.viewers.host.feed import Wanted
from panoseti_daq.viewers.host.intake import LargestPulses
from panoseti_daq.viewers.host.keys import noted_signals
from panoseti_daq.viewers.host.qt import dress
from panoseti_daq.viewers.host.snapshot import FilmSpan, Screenshot, film_later, take_later
from panoseti_daq.viewers.host.theme import LOOKS, ThemeName
from panoseti_daq.viewers.host.timeline import Lately, Recorded, Timeline
from panoseti_daq.viewers.plugin import ViewerContext, ViewerSpec, make_viewer

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from panoseti_daq.client import AioDaqDataClient
    from panoseti_daq.viewers.host.memory import Memory
    from panoseti_daq.viewers.host.window import HostWindow


@dataclass(frozen=True, slots=True)
class Desk:
    """What a window may do beyond itself."""

    remember: bool = False  # Whether geometry and choices are kept from session to session
    config: Path | None = None  # File for them; None for the user's settings
    sound: bool = False  # Whether a new alarm is heard
    note: bool = False  # Whether a new alarm makes a note on the desktop, where the desktop shows such
    replay: tuple[Path, ...] = ()  # Run directories to replay instead of a stream; none for the stream
    events_ns: tuple[int, ...] = ()  # Marks of the replay, UTC ns since 1970
    hold_pulses_s: float | None = None  # For how long the largest pulse of a key stays, s; None for the newest
    # How it looks; None for as remembered
    theme: ThemeName | None = None
    dashes: bool | None = None

    def dress(self, app: QApplication, memory: Memory | None) -> Memory | None:
        """Choose how windows look, as was asked, or as is remembered; return what was given."""
        looks = memory.state(LOOKS) if memory is not None else {}
        remembered = looks.get("theme")
        name = ThemeName(remembered) if remembered in list(ThemeName) else ThemeName.DARK
        dashes = bool(looks.get("dashes")) if self.dashes is None else self.dashes
        dress(app, self.theme or name, dashes=dashes)
        return memory

    def past(self, *, lately: bool) -> tuple[Timeline | None, LargestPulses | None]:
        """Return the run that is replayed, or where the last minutes are kept; and what holds the largest pulses.

        Raises PffError, ConfigError, OSError: there is no run to replay.
        """
        timeline = Recorded(*self.replay, events_ns=self.events_ns) if self.replay else None
        pulses = None if self.hold_pulses_s is None else LargestPulses(self.hold_pulses_s)
        return timeline or (Lately() if lately else None), pulses

    def memory(self) -> Memory | None:
        """Return where windows remember; None when they do not."""
        if not (self.remember or self.config):
            return None
        from panoseti_daq.viewers.host.memory import Memory

        return Memory(self.config)

    def alert(self, app: QApplication) -> Callable[[list[str]], None] | None:
        """Return what calls somebody with the texts of new alarms; None when nothing was asked for."""
        if not (self.sound or self.note):
            return None
        from PySide6.QtWidgets import QStyle, QSystemTrayIcon

        tray = None
        if self.note and QSystemTrayIcon.isSystemTrayAvailable():
            icon = app.style().standardIcon(QStyle.StandardPixmap.SP_MessageBoxWarning)
            tray = QSystemTrayIcon(icon, app)
            tray.show()

        def call(texts: list[str]) -> None:
            if self.sound:
                app.beep()
            if tray is not None:
                tray.showMessage("panoseti-daq", "\n".join(texts))

        return call


DESK: Final = Desk()
"""Remembers nothing and calls nobody."""


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

    from panoseti_daq.viewers.host.feed import Feed, WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    with _loop(app) as run, ExitStack() as feeds:
        memory = desk.dress(app, None if off_screen else desk.memory())
        windows = []
        for spec, options in viewers:
            given = {spec.name: (spec, options), **{tab.name: (tab, {}) for tab in tabs if tab.name != spec.name}}
            context = ViewerContext(refresh_period_s, selection)
            every_pulse = desk.hold_pulses_s is not None
            wanted = Wanted.by([one for one, _ in given.values()], context, tuple(hosts), every_pulse=every_pulse)
            if snapshot is not None and wanted.status_period_s is None:
                wanted = replace(wanted, status_period_s=_STATUS_PERIOD_S)  # which run it is of
            pages = [Page.of(one, make_viewer(one, context, chosen)) for one, chosen in given.values()]
            feed = WindowFeed(", ".join(map(str, desk.replay)))
            if not desk.replay:
                feed = feeds.enter_context(Feed(make_client(), wanted))
            timeline, pulses = desk.past(lately=pages[0].on_arrival and not off_screen)
            window = HostWindow(
                pages,
                feed,
                refresh_period_s,
                clock=context.clock,
                memory=memory,
                alert=desk.alert(app),
                timeline=timeline,
                pulses=pulses,
            )
            windows.append(window)
        if snapshot is not None:
            take_later(windows[0], feed, snapshot)
        if film is not None:
            film_later(windows[0], film)
        if duration_s is not None:
            QTimer.singleShot(round(duration_s * 1000), app.quit)
        _run(windows, app, run, on_screen=not off_screen)
    for window in windows:
        if window.error is not None:
            raise window.error


def _run(windows: Sequence[HostWindow], app: QApplication, run: Callable[[], None], *, on_screen: bool) -> None:
    from PySide6.QtCore import Qt

    def quit_after_the_last() -> None:
        if all(window.is_closed for window in windows):
            app.quit()

    for window in windows:
        window.closed.connect(quit_after_the_last)
        window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, not on_screen)
        if not window.is_closed:
            window.show()
            _log.info("window %s is open", window.windowTitle())
    with _failing_in_events(windows):
        if not all(window.is_closed for window in windows):
            run()
    for window in windows:
        window.close()


@contextmanager
def _loop(app: QApplication) -> Iterator[Callable[[], None]]:
    """Give what runs the loop of Qt until SIGINT or SIGTERM, whatever it waits for; before, they end the block.

    Python sees a signal only when Qt gives it a turn: the signal's byte in a socket makes it.
    """
    from PySide6.QtCore import QSocketNotifier

    in_loop = False

    def stop(number: int) -> None:
        if in_loop:  # `wake` ends it: to quit closes windows, one of which may be in the middle of a step
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(0)

    def wake() -> None:
        signals.clear_wakeup()
        if signals.received:
            app.quit()

    def run() -> None:
        nonlocal in_loop
        in_loop = True
        try:
            app.exec()
        finally:
            in_loop = False
        if signal.SIGINT in signals.received:
            raise KeyboardInterrupt

    with noted_signals(signal.SIGINT, signal.SIGTERM, then=stop) as signals:
        notifier = QSocketNotifier(signals.wakeup.fileno(), QSocketNotifier.Type.Read)
        notifier.activated.connect(wake)
        try:
            yield run
        finally:
            notifier.setEnabled(False)


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
