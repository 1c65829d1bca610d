"""Pictures and films in place of a window: once, again and again for a web page, of a replay. Imports no Qt."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.clock import time_text

if TYPE_CHECKING:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.window import HostWindow


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture to be written instead of showing a window.

    Raises ViewerError: the file is no PNG by its name, or its directory does not exist.
    """

    file: Path  # PNG file to write
    after_s: float = 5.0  # When, s after the window is ready
    every_s: float | None = None  # Write it again every so often, s, until the end; None for once
    size: tuple[int, int] | None = None  # Width and height of the window, pixels; None for that of a new one

    def __post_init__(self) -> None:
        _require_place(self.file, ".png")


@dataclass(frozen=True, slots=True)
class FilmSpan:
    """Part of a replay that becomes a film.

    Raises ViewerError: the file is no film by its name, its directory does not exist, or the end is not after the
    beginning.
    """

    file: Path  # MP4 or GIF file to write
    # Where it begins and ends, s since the first frame; None for the last
    begin_s: float = 0.0
    end_s: float | None = None
    speed: float = 1.0  # How many times as fast as it was
    size: tuple[int, int] | None = None  # Width and height of the pictures, pixels; None for those of a new window

    def __post_init__(self) -> None:
        _require_place(self.file, ".mp4", ".gif")
        if self.end_s is not None and self.end_s <= self.begin_s:
            raise ViewerError(f"invalid end of a film: {self.end_s:g} s; allowed: after {self.begin_s:g} s")


def _require_place(file: Path, *endings: str) -> None:
    """Raise `ViewerError` unless a picture or film can be written there."""
    if file.suffix.lower() not in endings:
        raise ViewerError(f"invalid file: {file}; allowed: {', '.join(f'NAME{ending}' for ending in endings)}")
    if not file.absolute().parent.is_dir():
        raise ViewerError(f"{file} cannot be written: there is no directory {file.absolute().parent}")


def caption(feed: WindowFeed, replay: str = "") -> str:
    """When, from which hosts and of which runs a picture is; of a replay what it says of itself."""
    if replay:
        return replay
    hosts = [host for host, state in feed.states.items() if state.connected]
    runs = dict.fromkeys(s.followed.description for s in feed.statuses.values() if s.HasField("followed"))
    return "   ".join([f"{time_text(time.time_ns())[:19]} UTC", ", ".join(hosts), ", ".join(runs)]).strip()


def take_later(window: HostWindow, feed: WindowFeed, snapshot: Screenshot) -> None:
    """Take the picture when it is due, and close the window after the last."""
    from PySide6.QtCore import QTimer

    if snapshot.size is not None:
        window.resize(*snapshot.size)

    def take() -> None:
        if window.is_closed:
            return
        if window.n_frames == 0 and snapshot.every_s is None:
            reasons = "; ".join(f"{host}: {state.reason}" for host, state in feed.states.items() if state.reason)
            why = reasons or "is the run active?"
            window.fail(ViewerError(f"no frame arrived in {snapshot.after_s:g} s, so there is no picture; {why}"))
            return
        if window.n_frames:
            try:
                _write(window, snapshot, caption(feed, window.past.text))
            except OSError as error:
                window.fail(error)
        if snapshot.every_s is None:
            window.close()

    QTimer.singleShot(round(snapshot.after_s * 1000), take)
    if snapshot.every_s is not None:
        timer = QTimer(window)
        timer.timeout.connect(take)
        timer.start(round(snapshot.every_s * 1000))


def _write(window: HostWindow, snapshot: Screenshot, text: str) -> None:
    """Write the file in one step: whoever reads it never sees half a picture."""
    part = snapshot.file.with_name(f".{snapshot.file.name}.part")
    window.save(part, text, snapshot.size)
    os.replace(part, snapshot.file)


def film_later(window: HostWindow, span: FilmSpan) -> None:
    """Make the film as soon as the event loop runs, and close the window."""
    from PySide6.QtCore import QTimer

    from panoseti_daq.viewers.host.film import RATE_HZ, Film, image_of

    begin_ns, last_ns = window.past.span_ns
    at_ns = begin_ns + round(1e9 * span.begin_s)
    if at_ns > last_ns:
        raise ViewerError(f"invalid beginning: {span.begin_s:g} s; allowed: to {(last_ns - begin_ns) / 1e9:g} s")
    end_ns = last_ns if span.end_s is None else min(last_ns, begin_ns + round(1e9 * span.end_s))
    film, step_ns = Film(span.file), round(1e9 * span.speed / RATE_HZ)
    window.closed.connect(film.close)
    timer = QTimer(window)

    def shoot() -> None:  # one picture, so that Ctrl-C is heard between two
        nonlocal at_ns
        if at_ns > end_ns or window.is_closed:
            timer.stop()
            window.close()
            return
        window.past.go_to(at_ns)
        film.add(image_of(window.page.viewer.widget, window.past.text, span.size))
        at_ns += step_ns

    timer.timeout.connect(shoot)
    timer.start(0)
