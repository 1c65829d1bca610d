"""Makes the pictures of the README from simulated images, without a display: make_pictures.py DIRECTORY.

The windows are those of the commands, `panoseti-daq plot NAME --snapshot FILE.png`, while `panoseti-daq simulate`
writes what the servers follow.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image
from pyubx2 import GET, UBX_PAYLOADS_GET, UBXMessage
from rich.console import Console
from rich.segment import Segment
from rich.style import Style

from panoseti_daq.cli.gnss import table_of
from panoseti_daq.client import AioDaqDataClient, DaqDataClient
from panoseti_daq.pff import Kind, Selection
from panoseti_daq.viewers import ViewerContext, term, view
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.feed import Feed, Wanted, WindowFeed
from panoseti_daq.viewers.host.qt import application
from panoseti_daq.viewers.host.timeline import Recorded
from panoseti_daq.viewers.images.colors import ColorMap, color_table
from panoseti_daq.viewers.modules import Module, by_key
from panoseti_daq.viewers.plugin import find_viewer, make_viewer
from panoseti_daq.viewers.term.panels import UPPER_HALF

if TYPE_CHECKING:
    from panoseti_daq.viewers.host.window import HostWindow

COMMAND: Final = Path(sys.executable).with_name("panoseti-daq")
FEW: Final = (1, 2, 3, 224)
SIXTEEN: Final = tuple(range(1, 17))
MANY: Final = tuple(range(64))
AFTER_S: Final = 75  # what is drawn over time has a minute to show
TERM_SIZE: Final = (136, 21)  # columns, rows: two modules side by side, large
CELL_PX: Final = (8, 16)  # width and height of a character
VIEW_SIZE: Final = (1100, 800)
TEXT_RGB: Final = (216, 220, 227)
NIGHT: Final = ("--theme", "night")
LIGHT: Final = ("--theme", "light", "--dashes")
END_WITHIN_S: Final = 20


@contextmanager
def running(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command that gets SIGTERM at the end of the block."""
    with subprocess.Popen([COMMAND, *map(str, arguments)], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=END_WITHIN_S)


@contextmanager
def telescopes(module_ids: Sequence[int], rate_hz: float, pulse_height_rate_hz: float) -> Iterator[str]:
    """Address of a server that follows simulated modules."""
    with ExitStack() as stack:
        data_dir = stack.enter_context(tempfile.TemporaryDirectory())
        modules = [f"--module-id={module_id}" for module_id in module_ids]
        rates = ("--rate-hz", rate_hz, "--pulse-height-rate-hz", pulse_height_rate_hz)
        stack.enter_context(running("simulate", data_dir, *modules, *rates, "--log-level", "error"))
        serve = ("serve", "--data-dir", data_dir, "--run-probe", "none", "--port", 0)
        server = stack.enter_context(running(*serve))
        assert server.stderr is not None
        yield next(found[1] for line in server.stderr if (found := re.match(r"listening on (\S+)", line)))


def snapshot(
    address: str, file: Path, viewer: str, *options: str, after_s: float = AFTER_S
) -> subprocess.Popen[str]:
    """Begin to take a picture of a viewer's window."""
    command = [
        str(COMMAND),
        "plot",
        viewer,
        "--host",
        address,
        "--snapshot",
        str(file),
        "--after",
        str(after_s),
        *options,
    ]
    return subprocess.Popen(command, text=True)


def terminal_picture(address: str, file: Path) -> None:
    """Take a picture of what the terminal viewer shows."""
    context = ViewerContext(selection=Selection.of(module_ids=FEW[:2]))
    viewer = make_viewer(term.SPEC, context, {})
    with Feed(AioDaqDataClient.connect(address), Wanted.by([term.SPEC], context)) as feed:
        for _ in range(5):
            time.sleep(1)
            for part in by_key(feed.frames.take()):
                viewer.update(part)
    columns, rows = TERM_SIZE
    console = Console(width=columns, height=rows, force_terminal=True, color_system="truecolor")
    paint_cells(console.render_lines(viewer.render(columns, rows)), columns, file)


def dead_picture(address: str, file: Path) -> None:
    """Take a picture of four modules: one is silent, of another one quabo; a region and two light curves."""
    application(off_screen=True)
    from panoseti_daq.viewers.host.film import image_of

    context = ViewerContext(selection=Selection.of(module_ids=FEW))
    viewer = make_viewer(view.SPEC, context, {})
    widget = viewer.widget
    widget.resize(*VIEW_SIZE)
    widget.show()
    with Feed(AioDaqDataClient.connect(address), Wanted.by([view.SPEC], context)) as feed:
        for second in range(15):
            time.sleep(1)
            frames = {key: frame for part in by_key(feed.frames.take()) for key, frame in part.items()}
            if second > 5:
                frames = {key: one for key, one in frames.items() if key.module_id != FEW[1]}
                frames = {key: one for key, one in frames.items() if (key.module_id, key.quabo) != (FEW[0], 2)}
            viewer.update(frames)
            viewer.redraw()
            application(off_screen=True).processEvents()
            if second == 1:
                viewer.click(((Module(address, FEW[2]), Kind.MOVIE), 16, 16))
                viewer.click(((Module(address, FEW[3]), Kind.MOVIE), 8, 20), more=True)
                viewer.next_region()
    image_of(widget, "").save(str(file))


def lost_picture(file: Path) -> int:
    """Take a picture of four modules, two of which are of a server that ended; return the code of the command."""
    with telescopes((1, 2), 20, 15) as address:
        with telescopes((3, 4), 20, 15) as other:
            picture = snapshot(address, file, "view", "--host", other, after_s=22)
            time.sleep(10)
        return picture.wait()


def gnss_picture(file: Path) -> None:
    """Take a picture of what `panoseti-daq gnss` shows of a receiver that a recording plays."""
    with tempfile.TemporaryDirectory() as directory:
        recording = Path(directory) / "roof.ubx"
        recording.write_bytes(b"".join(map(of_receiver, range(60))))
        with running("serve", "--data-dir", directory, "--gnss", f"roof={recording}", "--port", 0) as server:
            assert server.stderr is not None
            found = (re.match(r"listening on (\S+)", line) for line in server.stderr)
            address = next(filter(None, found))[1]
            with DaqDataClient.connect(address) as client:
                messages = list(itertools.islice(client.capture_gnss(address), 20))
    columns = TERM_SIZE[0]
    console = Console(width=columns, force_terminal=True, color_system="truecolor")
    table = table_of({message["name"]: message for message in messages}.values())
    paint_cells(console.render_lines(table), columns, file)


def of_receiver(second: int) -> bytes:
    """Return what a receiver at a known place sends in a second of the week."""
    at = {"iTOW": 345_600_000 + 1000 * second}
    date = {"year": 2026, "month": 11, "day": 26, "hour": 0, "min": 0, "second": second}
    leap = {"currLs": 18, "validCurrLs": 1, "validTimeToLsEvent": 1, "timeToLsEvent": -10}
    messages = {
        "NAV-PVT": at | date | {"validDate": 1, "validTime": 1, "fixType": 5, "gnssFixOk": 1, "numSV": 21},
        "NAV-TIMEUTC": at | {"tAcc": 5, "nano": 3} | date | {"sec": second, "validUTC": 1},
        "NAV-TIMELS": at | leap,
        "TIM-TP": {"towMS": at["iTOW"] + 1000, "qErr": 37 * second % 400 - 200, "week": 2446, "utc": 1},
    }
    made = []
    for name, fields in messages.items():
        known = UBX_PAYLOADS_GET[name]
        fields = {key: value for key, value in fields.items() if key in str(known)}
        made.append(UBXMessage(name.partition("-")[0], name, GET, **fields).serialize())
    return b"".join(made)


@contextmanager
def window_of(feed: WindowFeed, *names: str, **options: Any) -> Iterator[HostWindow]:
    """A window with these viewers as tabs, without a display."""
    application(off_screen=True)
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    context = ViewerContext(refresh_period_s=0.5)
    specs = [found.spec for name in names if (found := find_viewer(name)) is not None]
    pages = [Page.of(spec, make_viewer(spec, context, {})) for spec in specs if spec is not None]
    window = HostWindow(pages, feed, 0.5, clock=context.clock, **options)
    window.resize(*VIEW_SIZE)
    window.show()
    try:
        yield window
    finally:
        window.close()


def let_pass(seconds: float) -> None:
    """Let windows draw for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        application(off_screen=True).processEvents()
        time.sleep(0.01)


def help_picture(address: str, file: Path) -> None:
    """Take a picture of a window with tabs, and the keys over it."""
    wanted = Wanted(selection=Selection.of(module_ids=FEW[:2]))
    with Feed(AioDaqDataClient.connect(address), wanted) as feed, window_of(feed, "view", "rates") as window:
        let_pass(4)
        next(action for action in window.actions() if action.shortcut().toString() == "?").trigger()
        let_pass(0.5)
        window.grab().save(str(file))


def replay_picture(file: Path) -> None:
    """Take a picture of a run that is replayed: in its middle."""
    with tempfile.TemporaryDirectory() as directory:
        modules = [f"--module-id={module_id}" for module_id in FEW[:2]]
        with running("simulate", directory, *modules, "--duration", 20, "--log-level", "error") as simulator:
            simulator.wait()
        [run_dir, *_] = sorted(Path(directory).glob("module_1/*"))
        timeline = Recorded(*sorted(Path(directory).glob(f"module_*/{run_dir.name}")))
        with window_of(WindowFeed("a run"), "view", "phdist", timeline=timeline) as window:
            let_pass(1)
            begin_ns, end_ns = window.past.span_ns
            window.past.go_to((begin_ns + end_ns) // 2)
            let_pass(1)
            window.grab().save(str(file))


def paint_cells(lines: list[list[Segment]], n_columns: int, file: Path) -> None:
    """Paint lines of a terminal: with Qt, as a picture shall not depend on the fonts of who looks at it."""
    application(off_screen=True)
    from PySide6.QtGui import QColor, QFont, QImage, QPainter

    width_px, height_px = CELL_PX
    image = QImage(n_columns * width_px, len(lines) * height_px, QImage.Format.Format_RGB32)
    image.fill(QColor(theme.now().background))
    painter = QPainter(image)
    font = QFont("monospace")
    font.setPixelSize(height_px - 4)
    for row, segments in enumerate(lines):
        x, y = 0, row * height_px
        for character, style in ((character, style) for text, style, _ in segments for character in text):
            font.setBold(bool(style and style.bold))
            painter.setFont(font)
            over, under = colors_of(style)
            if under is not None:
                painter.fillRect(x, y, width_px, height_px, QColor(*under))
            if character == UPPER_HALF:
                painter.fillRect(x, y, width_px, height_px // 2, QColor(*over))
            else:
                painter.setPen(QColor(*over))
                painter.drawText(x, y + height_px - 5, character)
            x += width_px
    painter.end()
    image.save(str(file))


def colors_of(style: Style | None) -> tuple[tuple[int, int, int], tuple[int, int, int] | None]:
    """Color of a character, and of what is behind it; None for nothing."""
    if style is None:
        return TEXT_RGB, None
    over = TEXT_RGB if style.color is None else tuple(style.color.get_truecolor())
    under = None if style.bgcolor is None else tuple(style.bgcolor.get_truecolor())
    if style.dim:
        over = tuple(value * 2 // 3 for value in over)
    return over, under  # type: ignore[return-value]


def make_pictures(directory: Path) -> None:
    """Make all of them."""
    with telescopes(MANY, 2, 2) as address:
        wall = snapshot(address, directory / "view_64.png", "view", "--refresh-period", "0.5", after_s=15)
        codes = [wall.wait()]
    with telescopes(SIXTEEN, 10, 8) as address:
        codes.append(snapshot(address, directory / "view_16.png", "view", after_s=10).wait())
    with telescopes(FEW, 20, 15) as address:
        pictures = [
            snapshot(address, directory / "view.png", "view", "--module-id", "1", "--module-id", "2", after_s=10),
            snapshot(address, directory / "view_1.png", "view", "--module-id", "1", after_s=10),
            snapshot(address, directory / "view_4.png", "view", after_s=10),
            snapshot(address, directory / "view_night.png", "view", "--module-id", "1", *NIGHT, after_s=10),
            snapshot(address, directory / "rates_night.png", "rates", *NIGHT),
            snapshot(address, directory / "lightcurve_light.png", "lightcurve", "--minutes", "1", *LIGHT),
            snapshot(address, directory / "phdist.png", "phdist"),
            snapshot(address, directory / "rates.png", "rates"),
            snapshot(address, directory / "lightcurve.png", "lightcurve", "--pixel", "16,16", "--minutes", "1"),
        ]
        terminal_picture(address, directory / "term.png")
        dead_picture(address, directory / "view_dead.png")
        gnss_picture(directory / "gnss.png")

        help_picture(address, directory / "keys.png")
        codes += [picture.wait() for picture in pictures]
    codes.append(lost_picture(directory / "view_lost.png"))
    replay_picture(directory / "view_replay.png")
    if any(codes):
        sys.exit("a picture is missing: the lines above say why")
    for file in directory.glob("*.png"):
        make_small(file)


def make_small(file: Path) -> None:
    """Keep every other color of the color map, and the most frequent ones: the file becomes a third."""
    image = Image.open(file).convert("RGB")
    colors, counts = np.unique(np.asarray(image).reshape(-1, 3), axis=0, return_counts=True)
    palette = Image.new("P", (1, 1))
    kept = [*color_table(ColorMap.PLASMA)[::2], *colors[np.argsort(-counts)[:128]]]
    palette.putpalette(np.ravel(kept).tolist())
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    make_pictures(target)
