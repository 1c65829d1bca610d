"""Options of the commands that open windows: pictures in their place, and what a window does beside drawing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from panoseti_daq.cli.options import OptionGroup, finite_option
from panoseti_daq.viewers.events.lines import EventLines
from panoseti_daq.viewers.host.show import Desk
from panoseti_daq.viewers.host.snapshot import FilmSpan, Screenshot
from panoseti_daq.viewers.host.theme import ThemeName

_FIRST_S: Final = 5.0  # until the picture is taken: a stream has begun


class Pictures(NamedTuple):
    """What is written in place of a window; neither for a window."""

    snapshot: Screenshot | None
    film: FilmSpan | None

    def __bool__(self) -> bool:
        return self.snapshot is not None or self.film is not None


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    try:
        width, height = (int(part) for part in text.split("x"))
    except ValueError:
        raise typer.BadParameter(f"--size {text!r} is not WIDTHxHEIGHT, such as 1920x1080") from None
    if not (100 <= width <= 10_000 and 100 <= height <= 10_000):
        raise typer.BadParameter(f"--size {text!r} is out of range; allowed: 100 to 10000 pixels")
    return width, height


def _pictures(
    snapshot: Annotated[
        Path | None, typer.Option(help="Write one picture to this PNG file, without a display, and exit.")
    ] = None,
    after: Annotated[float, finite_option(min=0, help="Seconds until --snapshot takes the picture.")] = _FIRST_S,
    every: Annotated[
        float | None, finite_option(min=0.1, help="Write the picture again every S seconds, until the end.")
    ] = None,
    film: Annotated[
        Path | None, typer.Option(help="Write a film of --replay to this MP4 or GIF file, and exit.")
    ] = None,
    film_from: Annotated[float, finite_option(min=0, help="Seconds of the run at which the film begins.")] = 0.0,
    film_to: Annotated[
        float | None, finite_option(min=0, help="Seconds of the run at which it ends. [default: all]")
    ] = None,
    film_speed: Annotated[float, finite_option(min=0.001, help="How many times as fast as the run.")] = 1.0,
    size: Annotated[str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Pixels of the pictures.")] = None,
) -> Pictures:
    if snapshot is not None and film is not None:
        raise typer.BadParameter("--snapshot and --film exclude each other")
    pixels = _size(size)
    return Pictures(
        None if snapshot is None else Screenshot(snapshot, after, every, pixels),
        None if film is None else FilmSpan(film, film_from, film_to, film_speed, pixels),
    )


def _desk(
    config: Annotated[
        Path | None, typer.Option(help="File for what windows remember. [default: the user's settings]")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            help="Show a recorded run, with a time slider, not a stream; repeatable.", show_default=False
        ),
    ] = None,
    hold_pulses: Annotated[
        float | None, finite_option(min=0.1, help="Show the largest pulse of the last N seconds, not the newest.")
    ] = None,
    sound: Annotated[bool, typer.Option("--sound", help="Beep at a new alarm.")] = False,
    note: Annotated[bool, typer.Option("--note", help="A note on the desktop at a new alarm.")] = False,
    theme: Annotated[
        ThemeName | None, typer.Option(help="Colors of the window; night is red. [default: as the last time]")
    ] = None,
    dashes: Annotated[
        bool | None,
        typer.Option(
            "--dashes/--no-dashes",
            help="Curves differ by dashes, too. [default: as the last time]",
            show_default=False,
        ),
    ] = None,
) -> Desk:
    return Desk(
        config=config,
        replay=tuple(replay or ()),
        events_ns=tuple(at_ns for run_dir in replay or () for at_ns in _events_in(run_dir)),
        hold_pulses_s=hold_pulses,
        sound=sound,
        note=note,
        theme=theme,
        dashes=dashes,
    )


def _events_in(run_dir: Path) -> list[int]:
    lines = EventLines(run_dir / "events.jsonl")
    lines.read()
    return [round(event.unix_s * 1e9) for event in lines.events]


PICTURES: Final = OptionGroup.of("pictures", _pictures)
DESK_OPTIONS: Final = OptionGroup.of("desk", _desk)
