"""Cost of drawing: ``python -m benchmarks.viewers [--quick] [--part ages] [--json FILE]`` from tests/, off-screen.

Redraws per second of `view` with 1, 16 and 64 modules; processor time of ``plot view`` at 1 Hz with 16 modules
of 1000 frames/s; time from a frame's write to its pixels with a redraw every 20 ms. Medians and ranges; it never
asserts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Final

from support.rig import RUN, serving_process, started

from benchmarks.processes import cpu_s
from panoseti_daq.client import AioDaqDataClient, ReceivedFrame
from panoseti_daq.client.images import Delivery
from panoseti_daq.pff import DataProduct, FrameBlock, Key, Layout, PffName, Selection
from panoseti_daq.simulator.sky import ModuleSky
from panoseti_daq.viewers import Viewer, ViewerContext
from panoseti_daq.viewers.host import theme
from panoseti_daq.viewers.host.feed import Feed, Wanted
from panoseti_daq.viewers.host.qt import application
from panoseti_daq.viewers.lightcurve.curves import CAPACITY, LightCurves
from panoseti_daq.viewers.plugin import find_viewer

N_SETS: Final = 8  # of frames, shown in turn: an image that does not change may cost less
SIZE_PX: Final = (1600, 1000)
N_WATCHED: Final = 16
RATE_HZ: Final = 1000
LAG_HZ: Final = 50
REFRESH_S: Final = 0.02
SETTLE_S: Final = 12.0  # until the viewer has imported everything and made its panels
SPAN_S: Final = 300.0  # of light curves
_DURATION_S: Final = 5.0


def make_view(refresh_period_s: float) -> Viewer:
    viewer = find_viewer("view")
    assert viewer is not None
    assert viewer.spec is not None, viewer.error
    made: Viewer = viewer.spec.make(ViewerContext(refresh_period_s))
    made.widget.resize(*SIZE_PX)
    return made


def frame_sets(n_modules: int) -> list[dict[Key, ReceivedFrame]]:
    """The newest frames of modules, a movie image and four quabos each, at `N_SETS` times."""
    skies = {module_id: ModuleSky(module_id) for module_id in range(1, n_modules + 1)}
    sets = []
    for i in range(N_SETS):
        now_ns = time.time_ns() + i * 1_000_000_000
        frames = [_received(m, sky, DataProduct.IMG16, i, now_ns) for m, sky in skies.items()]
        frames += [
            _received(m, sky, DataProduct.PH256, 4 * i + q, now_ns) for m, sky in skies.items() for q in range(4)
        ]
        sets.append({frame.key: frame for frame in frames})
    return sets


def _received(module_id: int, sky: ModuleSky, product: DataProduct, number: int, unix_ns: int) -> ReceivedFrame:
    data = sky.frame(product, unix_ns)
    layout = Layout.discover(data, product)
    assert layout is not None
    [frame] = FrameBlock(data, layout, module_id, PffName(product, module_id, 0).format(), number, 0)
    pixels, delivery = bytes(frame.pixels), Delivery("daq1")
    return ReceivedFrame(product, module_id, frame.file, number, pixels, frame.header, delivery=delivery)


def redraws_per_s(n_modules: int, duration_s: float, repetitions: int) -> list[float]:
    """How often the view takes new frames of every module, redraws and paints."""
    from PySide6.QtCore import QCoreApplication, Qt

    view, sets = make_view(REFRESH_S), frame_sets(n_modules)
    view.widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    view.widget.show()
    _draw(view, sets[0])  # makes the panels
    QCoreApplication.processEvents()
    rates = []
    for _ in range(repetitions):
        begin, n = time.perf_counter(), 0
        while (passed := time.perf_counter() - begin) < duration_s:
            _draw(view, sets[n % N_SETS])
            QCoreApplication.processEvents()
            n += 1
        rates.append(n / passed)
    view.widget.close()
    return rates


def _draw(view: Viewer, frames: Mapping[Key, ReceivedFrame]) -> None:
    view.update(frames)
    view.redraw()
    view.widget.grab()


def curves_ms(repetitions: int, *, dashes: bool) -> list[float]:
    """Time to draw and paint full light curves of `N_WATCHED` modules, ms."""
    from panoseti_daq.viewers.lightcurve.chart import LightCurveChart

    light, now_ns = LightCurves(SPAN_S), time.time_ns()
    skies = {module_id: ModuleSky(module_id) for module_id in range(1, N_WATCHED + 1)}
    for i in range(CAPACITY):
        unix_ns = now_ns + round(1e9 * i * SPAN_S / CAPACITY)
        frames = (_received(m, sky, DataProduct.IMG16, i, unix_ns) for m, sky in skies.items())
        light.update({frame.key: frame for frame in frames})
    theme.choose(theme.ThemeName.DARK, dashes=dashes)
    chart, times_ms = LightCurveChart(light), []
    chart.widget.resize(*SIZE_PX)
    for _ in range(repetitions):
        begin = time.perf_counter()
        chart.redraw()
        chart.widget.grab()
        times_ms.append(1000 * (time.perf_counter() - begin))
    theme.choose(theme.ThemeName.DARK)
    return times_ms


def make_files(data_dir: Path, n_modules: int) -> list[Path]:
    """A file for each module, with one frame."""
    files = []
    for module_id in range(1, n_modules + 1):
        name = f"start_2026-01-01T00:00:00Z.dp_img16.bpp_2.module_{module_id}.seqno_0.pff"
        files.append(data_dir / f"module_{module_id}" / RUN / name)
        files[-1].parent.mkdir(parents=True)
        files[-1].write_bytes(ModuleSky(module_id).frame(DataProduct.IMG16, time.time_ns()))
    return files


def write(files: list[Path], rate_hz: float, burst_s: float, duration_s: float, times: Queue[list[int]]) -> None:
    """Append frames to each file, some at once; gives when each write returned, ns."""
    at_once = round(rate_hz * burst_s)
    data = {path: path.read_bytes() * at_once for path in files}
    opened = {path: path.open("ab", buffering=0) for path in files}
    begin, written_ns = time.monotonic(), []
    for i in range(round(duration_s / burst_s)):
        time.sleep(max(0.0, begin + i * burst_s - time.monotonic()))
        for path, file in opened.items():
            file.write(data[path])
        written_ns.append(time.time_ns())
    times.put(written_ns)


@contextmanager
def writing(files: list[Path], rate_hz: float, burst_s: float, duration_s: float) -> Iterator[Queue[list[int]]]:
    """Write in another process meanwhile."""
    spawn = multiprocessing.get_context("spawn")
    times: Queue[list[int]] = spawn.Queue()
    writer = spawn.Process(target=write, args=(files, rate_hz, burst_s, duration_s, times), daemon=True)
    writer.start()
    try:
        yield times
    finally:
        writer.kill()
        writer.join()


def serving(data_dir: Path) -> AbstractContextManager[tuple[subprocess.Popen[str], str]]:
    return serving_process("--data-dir", data_dir, "--run-probe", "none", "--log-level", "error")


def viewer_cpu(duration_s: float, repetitions: int) -> list[float]:
    """Processor time of ``plot view`` at 1 Hz per time, %."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        files = make_files(Path(directory), N_WATCHED)
        total_s = duration_s * repetitions + SETTLE_S + 5
        with serving(Path(directory)) as (_, address), writing(files, RATE_HZ, 0.01, total_s):
            with started("plot", "view", "--host", address, "--refresh-period", 1) as viewer:
                time.sleep(SETTLE_S)
                return [_busy_percent(viewer.pid, duration_s) for _ in range(repetitions)]


def _busy_percent(pid: int, duration_s: float) -> float:
    before, begin = cpu_s(pid), time.monotonic()
    time.sleep(duration_s)
    return (cpu_s(pid) - before) / (time.monotonic() - begin) * 100


class Noting:
    """A viewer that notes when each frame was painted."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._new: list[ReceivedFrame] = []
        self.painted: list[tuple[int, int]] = []
        self.widget = viewer.widget

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        self._new += frames.values()
        self._viewer.update(frames)

    def redraw(self) -> None:
        self._viewer.redraw()
        if self._new:
            self.widget.grab()
            now_ns = time.time_ns()
            newest = {frame.key: frame.frame_number for frame in self._new}
            self.painted += [(number, now_ns) for number in newest.values()]
            self._new.clear()


def lag_ms(duration_s: float) -> float:
    """Time from the return of a frame's write until it is painted, median of the frames that are; ms."""
    from PySide6.QtCore import QTimer

    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        files = make_files(Path(directory), 1)
        with serving(Path(directory)) as (_, address):
            with Feed(AioDaqDataClient.connect(address), Wanted((address,), Selection())) as feed:
                viewer, app = Noting(make_view(REFRESH_S)), application(off_screen=True)
                window = HostWindow([Page("view", viewer)], feed, REFRESH_S)
                window.show()
                with writing(files, LAG_HZ, 1 / LAG_HZ, duration_s) as times:
                    timer = QTimer()
                    timer.timeout.connect(lambda: times.empty() or app.quit())
                    timer.start(100)
                    app.exec()
                    timer.stop()
                    written_ns = [0, *times.get()]
                window.close()
    lags = [(at_ns - written_ns[number]) / 1e6 for number, at_ns in viewer.painted if number > LAG_HZ // 2]
    return statistics.median(lags)


def ages_s(duration_s: float, refresh_period_s: float = 1.0) -> list[float]:
    """Ages of what `view` shows each time that it draws new frames of a movie of `LAG_HZ`, s."""
    from PySide6.QtCore import QTimer

    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    ages: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        files = make_files(Path(directory), 1)
        with serving(Path(directory)) as (_, address):
            wanted = Wanted((address,), Selection(update_interval_s=refresh_period_s))
            with Feed(AioDaqDataClient.connect(address), wanted) as feed:
                viewer, app = Noting(make_view(refresh_period_s)), application(off_screen=True)
                window = HostWindow([Page("view", viewer, on_arrival=True)], feed, refresh_period_s)
                window.show()
                with writing(files, LAG_HZ, 1 / LAG_HZ, duration_s) as times:
                    timer = QTimer()
                    timer.timeout.connect(lambda: times.empty() or app.quit())
                    timer.start(100)
                    app.exec()
                    timer.stop()
                    written_ns = [0, *times.get()]
                window.close()
        ages += [(at_ns - written_ns[number]) / 1e9 for number, at_ns in viewer.painted if number > LAG_HZ // 2]
    return ages


class Notes:
    """Rows as they are measured: printed, and kept."""

    def __init__(self) -> None:
        self.results: dict[str, list[float]] = {}

    def note(self, name: str, values: list[float], unit: str) -> None:
        self.results[f"{name}, {unit}"] = values
        print(f"  {name:42} {statistics.median(values):8.1f} ({min(values):.1f}-{max(values):.1f}) {unit}")


def measure_drawing(notes: Notes, duration_s: float, repetitions: int) -> None:
    for n_modules in (1, 16, 64):
        name = f"view, {n_modules} module{'s' if n_modules > 1 else ''}"
        notes.note(name, redraws_per_s(n_modules, duration_s, repetitions), "redraws/s")
    for dashes in (False, True):
        name = f"lightcurve, {N_WATCHED} modules x {CAPACITY} points{', dashes' if dashes else ''}"
        notes.note(name, curves_ms(repetitions, dashes=dashes), "ms")


def measure_load(notes: Notes, duration_s: float, repetitions: int) -> None:
    name = f"plot view at 1 Hz, {N_WATCHED} modules x {RATE_HZ} frames/s"
    notes.note(name, viewer_cpu(duration_s, repetitions), "% of a core")


def measure_ages(notes: Notes, duration_s: float, repetitions: int) -> None:
    lags = [lag_ms(duration_s) for _ in range(repetitions)]
    notes.note("from write to pixel, redraw every 20 ms", lags, "ms")
    ages = ages_s(4 * duration_s)
    notes.note("age at redraw, refresh period 1 s, movie 50/s", [1000 * age_s for age_s in ages], "ms")


PARTS: Final = {"drawing": measure_drawing, "load": measure_load, "ages": measure_ages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short, and two repetitions")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part, repeatable; each < 150 s")
    parser.add_argument("--json", type=Path, help="file for the numbers")
    options = parser.parse_args()
    repetitions, duration_s = (2, 1.0) if options.quick else (5, _DURATION_S)
    application(off_screen=True)
    notes = Notes()
    print(f"drawing off-screen, {SIZE_PX[0]} x {SIZE_PX[1]} px: medians (range) of {repetitions}")
    for part in options.part or PARTS:
        PARTS[part](notes, duration_s, repetitions)
    if options.json:
        options.json.write_text(json.dumps(notes.results))


if __name__ == "__main__":
    main()
