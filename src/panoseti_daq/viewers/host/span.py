"""Film of a span of a replay, without a display. Imports no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from panoseti_daq.errors import ViewerError
from panoseti_daq.viewers.host.snapshot import require_place

if TYPE_CHECKING:
    from panoseti_daq.viewers.host.window import HostWindow


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
        require_place(self.file, ".mp4", ".gif")
        if self.end_s is not None and self.end_s <= self.begin_s:
            raise ViewerError(f"invalid end of a film: {self.end_s:g} s; allowed: after {self.begin_s:g} s")


def film_later(window: HostWindow, span: FilmSpan) -> None:
    """Make the film as soon as the event loop runs, and close the window."""
    from PySide6.QtCore import QTimer

    from panoseti_daq.viewers.host.film import RATE_HZ, Film
    from panoseti_daq.viewers.host.picture import image_of

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
