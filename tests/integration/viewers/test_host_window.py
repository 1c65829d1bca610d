"""The host window without a display, around a viewer that notes what it was given."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.frames import block_of
from support.qt import application, process_events
from support.received import DETECTED_NS
from support.received import received as received_at
from support.replays import run_of_seconds

from panoseti_daq.client import AioDaqDataClient, ReceivedFrame
from panoseti_daq.pff import DataProduct, Key
from panoseti_daq.viewers.host.feed import Feed, HostState, Wanted

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QWidget

    from panoseti_daq.viewers.host.window import HostWindow

__all__ = ["application"]


class StillFeed(Feed):
    """A feed without servers: its states and statuses are what the test says."""

    def __init__(self) -> None:
        super().__init__(AioDaqDataClient.connect("nowhere"), Wanted())

    def say(self, host: str, *, connected: bool, reason: str = "", was_connected: bool = True) -> None:
        self._states[host] = HostState(connected, reason, time.monotonic() - 12, was_connected)


class NotingViewer:
    def __init__(self) -> None:
        from PySide6.QtGui import QAction, QKeySequence
        from PySide6.QtWidgets import QLabel

        self.label = QLabel("an image")
        self.label.setStyleSheet("background: rgb(10, 200, 30)")
        self.label.addAction(QAction("Next color map", self.label, shortcut=QKeySequence("C")))
        self.taken: list[Mapping[Key, ReceivedFrame]] = []
        self.statuses: list[str] = []
        self.lost: list[str] = []
        self.n_redraws = 0
        self.raises: Exception | None = None

    @property
    def widget(self) -> QWidget:
        return self.label

    def update(self, frames: Mapping[Key, ReceivedFrame]) -> None:
        self.taken.append(frames)

    def redraw(self) -> None:
        self.n_redraws += 1
        if self.raises is not None:
            raise self.raises

    def update_status(self, host: str, status: Any) -> None:
        self.statuses.append(host)

    def update_hosts(self, states: Mapping[str, HostState]) -> None:
        self.lost = [host for host, state in states.items() if not state.connected]


@pytest.fixture
def feed() -> StillFeed:
    return StillFeed()


@pytest.fixture
def viewer(application: QApplication) -> NotingViewer:
    return NotingViewer()


@pytest.fixture
def window(viewer: NotingViewer, feed: StillFeed) -> Iterator[HostWindow]:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    made = HostWindow([Page("noting", viewer)], feed, 60.0)
    made.show()
    yield made
    made.close()


def received(i: int, module_id: int = 7) -> ReceivedFrame:
    [frame] = block_of(DataProduct.IMG16, first=i, module_id=module_id)
    return ReceivedFrame(
        frame.product, module_id, frame.file, frame.frame_number, bytes(frame.pixels), frame.header
    )


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        process_events()


def press(window: HostWindow, key: str) -> None:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    QTest.keyClick(window, Qt.Key[f"Key_{key}"])
    process_events()


def test_a_viewer_learns_which_hosts_are_lost(window: HostWindow, viewer: NotingViewer, feed: StillFeed) -> None:
    feed.say("daq1", connected=True)
    feed.say("daq2", connected=False, reason="refused")
    state_of(window)

    assert viewer.lost == ["daq2"]


def state_of(window: HostWindow) -> str:
    from PySide6.QtWidgets import QLabel

    window._show_state()  # the timer's turn
    return "; ".join(label.text() for label in window.statusBar().findChildren(QLabel))


def test_frames_reach_the_viewer_before_the_timer_and_a_new_key_is_drawn_at_once(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    feed.frames.put(received(0))
    until(lambda: bool(viewer.taken))
    assert viewer.n_redraws == 1
    feed.frames.put(received(1))
    until(lambda: len(viewer.taken) == 2)
    assert viewer.n_redraws == 1
    assert window.n_frames == 2


def test_a_viewer_that_does_not_keep_up_gets_the_newest_of_each_key(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    for i in range(100):
        feed.frames.put(received(i, module_id=1 + i % 2))
    until(lambda: bool(viewer.taken))
    [frames] = viewer.taken
    assert {frame.frame_number for frame in frames.values()} == {98, 99}


def test_redraws_come_on_the_timer(viewer: NotingViewer, feed: StillFeed) -> None:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    window = HostWindow([Page("noting", viewer)], feed, 0.001)
    begin = time.monotonic()
    until(lambda: viewer.n_redraws >= 5)
    assert time.monotonic() - begin > 4 * 0.02  # not faster than the shortest period
    window.close()


def test_a_paused_window_says_so_and_shows_the_newest_when_it_goes_on(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    press(window, "Space")
    assert "PAUSED" in state_of(window)
    assert window.windowTitle() == "panoseti-daq noting (paused)"
    feed.frames.put(received(0))
    feed.frames.put(received(1))
    process_events()
    assert viewer.taken == []
    press(window, "Space")
    assert [frame.frame_number for frame in viewer.taken[0].values()] == [1]
    assert "PAUSED" not in state_of(window)
    assert window.windowTitle() == "panoseti-daq noting"


def test_the_menu_lists_the_keys_of_the_window_and_of_the_viewer(window: HostWindow) -> None:
    [menu] = window.menuBar().actions()
    actions = menu.menu().actions()  # type: ignore[attr-defined]
    texts = {action.text(): action.shortcut().toString() for action in actions if not action.isSeparator()}
    assert texts == {
        "Pause": "Space",
        "Save as PNG": "S",
        "Undo what was saved last": "Ctrl+Z",
        "Acknowledge alarms": "A",
        "Record a film, or end it": "R",
        "Record a GIF, or end it": "Shift+R",
        "Next theme: dark, red, light": "T",
        "Dashes beside the colors of curves": "Shift+T",
        "Close": "Q",
        "Keys": "?",
        "Next color map": "C",
    }


def test_s_saves_what_is_seen_and_says_where(
    window: HostWindow, viewer: NotingViewer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtGui import QImage

    monkeypatch.chdir(tmp_path)
    press(window, "S")
    [file] = tmp_path.glob("noting_*Z.png")
    image = QImage(str(file))
    assert image.size() == viewer.widget.size()
    assert image.pixelColor(2, 2).name() == "#0ac81e"
    assert str(file) in state_of(window)


def test_a_picture_that_cannot_be_saved_is_said_in_the_status_bar(
    window: HostWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/proc")  # takes no files; from a deleted directory Python 3.13 imports nothing any more
    press(window, "S")
    assert not window.is_closed
    assert "picture not saved" in state_of(window)


def test_q_closes_and_nothing_is_handed_over_any_more(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    press(window, "Q")
    assert window.is_closed
    feed.frames.put(received(0))
    process_events()
    assert viewer.taken == []


def test_a_viewer_that_raises_is_closed_with_its_traceback(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed, caplog: pytest.LogCaptureFixture
) -> None:
    viewer.raises = ZeroDivisionError("no dark current")
    feed.frames.put(received(0))
    until(lambda: window.is_closed)
    assert str(window.error) == "viewer noting failed: ZeroDivisionError: no dark current"
    assert "Traceback" in caplog.text


def test_the_status_bar_tells_the_age_of_the_newest_frame(window: HostWindow, feed: StillFeed) -> None:
    assert "no frame yet" in state_of(window)
    frame = received(0)
    feed.frames.put(frame)
    until(lambda: window.n_frames == 1)
    days = (time.time() - frame.time.unix_ns / 1e9) / 86_400
    assert f"newest frame {days:.0f} d old" in state_of(window)


def test_the_status_bar_tells_which_host_is_lost_since_when_and_why(window: HostWindow, feed: StillFeed) -> None:
    feed.say("daq1", connected=True)
    feed.say("daq2", connected=False, reason="Connection refused")
    feed.say("daq3", connected=False, reason="hp_io is not configured", was_connected=False)
    text = state_of(window)
    assert "connected to daq1" in text
    assert "daq2 lost since " in text
    assert "UTC (12 s): Connection refused" in text
    assert "daq3 not connected since " in text


def test_a_long_reason_does_not_widen_the_window(window: HostWindow, feed: StillFeed) -> None:
    width_px = window.minimumSizeHint().width()
    feed.say("daq2", connected=False, reason="because " * 500)
    state_of(window)
    assert window.minimumSizeHint().width() == width_px


def test_what_servers_say_of_themselves_reaches_the_viewer_once(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    feed.statuses["daq1"] = object()  # type: ignore[assignment]
    window._redraw()
    window._redraw()
    assert viewer.statuses == ["daq1"]


def test_a_picture_is_drawn_soon_after_its_frames_came(viewer: NotingViewer, feed: StillFeed) -> None:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    window = HostWindow([Page("noting", viewer, on_arrival=True)], feed, 60.0)
    feed.frames.put(received(0))
    until(lambda: viewer.n_redraws == 1)
    for i in range(1, 4):  # the refresh period of a minute never ends in this test
        feed.frames.put(received(i))
        until(lambda n=1 + i: viewer.n_redraws == n)  # type: ignore[misc]
    window.close()


def test_a_saved_picture_is_taken_back(
    window: HostWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    press(window, "S")
    (saved,) = tmp_path.iterdir()
    [menu] = window.menuBar().actions()
    actions = menu.menu().actions()  # type: ignore[attr-defined]
    next(action for action in actions if action.shortcut().toString() == "Ctrl+Z").trigger()

    assert f"{saved} deleted" in state_of(window)
    assert not saved.exists()


def test_frames_that_come_during_a_pause_are_kept(
    window: HostWindow, viewer: NotingViewer, feed: StillFeed
) -> None:
    kept: list[Mapping[Key, ReceivedFrame]] = []
    viewer.keep = kept.append  # type: ignore[attr-defined]
    press(window, "Space")
    feed.frames.put(received(1))
    until(lambda: len(kept) == 1)

    assert not viewer.taken


def test_a_saved_picture_hides_no_alarm_and_an_acknowledged_one_is_not_red(
    window: HostWindow, feed: StillFeed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PySide6.QtWidgets import QLabel

    monkeypatch.chdir(tmp_path)
    feed.say("daq2", connected=False, reason="Connection refused")

    def red() -> bool:
        window._show_state()
        return any("#b00020" in label.styleSheet() for label in window.statusBar().findChildren(QLabel))

    press(window, "S")
    assert "daq2 lost" in state_of(window)
    assert "saved" in state_of(window)
    assert red()
    press(window, "A")
    assert not red()
    assert "daq2 lost" in state_of(window)
    feed.say("daq3", connected=False, reason="Connection refused")
    assert red()


def test_new_alarms_are_told_once(viewer: NotingViewer, feed: StillFeed) -> None:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    told: list[list[str]] = []
    viewer.alarms = ["2 of 8 modules silent"]  # type: ignore[attr-defined]
    window = HostWindow([Page("noting", viewer)], feed, 60.0, alert=told.append)
    for _ in range(3):
        window._show_state()
    assert told == [["2 of 8 modules silent"]]
    window.close()


def test_tabs_share_a_stream_only_the_seen_one_is_drawn_and_a_broken_one_leaves(
    application: QApplication, feed: StillFeed
) -> None:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    first, second = NotingViewer(), NotingViewer()
    window = HostWindow([Page("first", first), Page("second", second)], feed, 60.0)
    feed.frames.put(received(0))
    until(lambda: bool(first.taken) and bool(second.taken))
    assert (first.n_redraws, second.n_redraws) == (1, 0)
    window._pages.setCurrentIndex(1)
    assert second.n_redraws == 1
    second.raises = ZeroDivisionError("no dark current")
    window._redraw()
    assert not window.is_closed
    assert window.page.name == "first"
    window.close()


def test_a_window_remembers_its_place_and_never_exceeds_the_screen(
    application: QApplication, feed: StillFeed, tmp_path: Path
) -> None:
    from panoseti_daq.viewers.host.memory import Memory
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    room = application.primaryScreen().availableGeometry()
    for width, height in ((500, 400), (9000, 9000)):
        window = HostWindow([Page("noting", NotingViewer())], feed, 60.0, memory=Memory(tmp_path / "windows.ini"))
        window.resize(width, height)
        window.close()
        again = HostWindow([Page("noting", NotingViewer())], feed, 60.0, memory=Memory(tmp_path / "windows.ini"))
        assert again.width() == pytest.approx(min(width, room.width()), abs=5)
        assert room.contains(again.geometry())
        again.close()


def test_choices_of_a_viewer_are_restored(application: QApplication, feed: StillFeed, tmp_path: Path) -> None:
    from panoseti_daq.viewers.host.memory import Memory
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.window import HostWindow

    class Choosing(NotingViewer):
        chosen: dict[str, Any] | None = None

        def state(self) -> dict[str, Any]:
            return {"orientation": {"7": "90"}}

        def restore(self, state: dict[str, Any]) -> None:
            self.chosen = state

    for expected in ({}, {"orientation": {"7": "90"}}):
        viewer = Choosing()
        window = HostWindow([Page("noting", viewer)], feed, 60.0, memory=Memory(tmp_path / "windows.ini"))
        window.close()
        assert viewer.chosen == expected


def test_a_clock_that_differs_from_the_servers_is_said(window: HostWindow, feed: StillFeed) -> None:
    frame = received(0)
    now_ns = time.monotonic_ns()
    delivery = frame.delivery._replace(host="daq1", arrived_ns=now_ns)
    feed.frames.put(replace(frame, delivery=delivery, detected_unix_ns=time.time_ns() - 30_000_000_000))
    until(lambda: window.n_frames == 1)
    assert "your clock is 30 s ahead of daq1" in state_of(window)


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run with a frame of module 7 each second for ten seconds."""
    return run_of_seconds(tmp_path, 10)


def test_a_replay_steps_plays_and_counts_ages_on_its_own_clock(
    viewer: NotingViewer, run_dir: Path, application: QApplication
) -> None:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Recorded
    from panoseti_daq.viewers.host.window import HostWindow

    window = HostWindow([Page("noting", viewer)], WindowFeed("run"), 60.0, timeline=Recorded(run_dir))
    window.show()

    def number() -> int:
        [frame] = viewer.taken[-1].values()
        return frame.frame_number

    assert number() == 0
    for key, expected in (("Right", 1), ("Right", 2), ("Left", 1)):
        press(window, key)
        assert number() == expected
    assert "REPLAY 2026-01-01 00:00:01.000 UTC" in state_of(window)
    assert "newest frame 0.0 s old" in state_of(window)
    window.past.go_to(window.past.replayed_ns + 500_000_000)  # type: ignore[operator]
    assert "newest frame 0.5 s old" in state_of(window)
    window.past._speed.setCurrentText("60x")
    press(window, "Return")
    until(lambda: number() == 9)
    until(lambda: not window.past.is_playing)
    window.close()


def test_the_last_minutes_of_the_live_stream_can_be_seen_while_it_goes_on(
    viewer: NotingViewer, feed: StillFeed
) -> None:
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Lately
    from panoseti_daq.viewers.host.window import HostWindow

    window = HostWindow([Page("noting", viewer)], feed, 60.0, timeline=Lately())
    window.show()

    def come(i: int) -> None:
        at_ns = DETECTED_NS + i * 1_000_000_000
        feed.frames.put(received_at(DataProduct.IMG16, i, number=i, unix_ns=at_ns, file=f"{i}"))

    for i in range(5):
        come(i)
        until(lambda n=i + 1: len(viewer.taken) == n)  # type: ignore[misc]
    press(window, "Left")
    assert [frame.frame_number for frame in viewer.taken[-1].values()] == [3]
    assert "REPLAY" in state_of(window)
    n_taken = len(viewer.taken)
    come(5)
    process_events()
    assert len(viewer.taken) == n_taken
    press(window, "End")
    assert [frame.frame_number for frame in viewer.taken[-1].values()] == [5]
    assert "REPLAY" not in state_of(window)
    window.close()


@pytest.mark.parametrize(("has_ffmpeg", "begin"), [(False, b"GIF8"), (True, b"ftyp")])
def test_r_records_a_film_of_what_is_seen(
    window: HostWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ffmpeg: bool, begin: bytes
) -> None:
    pytest.importorskip("imageio_ffmpeg" if has_ffmpeg else "imageio")
    monkeypatch.chdir(tmp_path)
    if not has_ffmpeg:
        monkeypatch.setattr("panoseti_daq.viewers.host.film.importlib.util.find_spec", lambda name: None)
    press(window, "R")
    assert "RECORDING" in state_of(window)
    until(lambda: window.past._film.n_pictures >= 3)  # type: ignore[union-attr]
    press(window, "R")
    [film] = tmp_path.glob("noting_*")
    assert begin in film.read_bytes()[:12]
    assert f"saved {film}" in state_of(window)


def test_a_film_whose_ffmpeg_ends_is_ended_and_the_window_says_why(
    window: HostWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.chdir(tmp_path)
    press(window, "R")
    until(lambda: window.past._film.n_pictures >= 3)  # type: ignore[union-attr]
    children = [
        int(pid) for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()
    ]
    for pid in children:
        if "ffmpeg" in Path(f"/proc/{pid}/comm").read_text():
            os.kill(pid, signal.SIGKILL)
    until(lambda: "RECORDING" not in state_of(window))
    assert re.search(r"the film .*noting_\S+\.mp4 ends after \d+ pictures: .*Broken pipe", state_of(window))
    gc.collect()  # a pipe that is left open says so when it goes
    assert capfd.readouterr().err == ""


def test_no_process_of_a_film_is_forked_with_code_before_exec(
    window: HostWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside gRPC's threads, one such process in seven dies."""
    pytest.importorskip("imageio_ffmpeg")
    monkeypatch.chdir(tmp_path)
    forked: list[object] = []
    os_popen = subprocess.Popen

    def popen(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        forked.append(options.get("preexec_fn"))
        return os_popen(*arguments, **options)

    monkeypatch.setattr("panoseti_daq.viewers.host.film.subprocess.Popen", popen)
    press(window, "R")
    until(lambda: window.past._film.n_pictures >= 1)  # type: ignore[union-attr]
    press(window, "R")
    assert forked and not any(forked)


@pytest.mark.parametrize("name", ["night.gif", "night.GIF"])
def test_a_gif_needs_no_ffmpeg(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from panoseti_daq.viewers.host.film import Film

    pytest.importorskip("imageio")
    monkeypatch.setattr("panoseti_daq.viewers.host.film.importlib.util.find_spec", lambda name: None)
    Film(tmp_path / name).close()


def test_a_picture_that_is_saved_in_a_replay_says_so(
    application: QApplication,
    viewer: NotingViewer,
    run_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from PySide6.QtGui import QImage

    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Recorded
    from panoseti_daq.viewers.host.window import HostWindow

    monkeypatch.chdir(tmp_path)
    window = HostWindow([Page("noting", viewer)], WindowFeed("run"), 60.0, timeline=Recorded(run_dir))
    window.show()
    press(window, "S")
    window.close()

    (saved,) = tmp_path.glob("*.png")
    assert QImage(str(saved)).text("Description").startswith("REPLAY 2026-01-01 00:00:00.000 UTC")


def test_a_viewer_forgets_what_was_later_when_a_replay_goes_back(application: QApplication, run_dir: Path) -> None:
    from panoseti_daq.viewers.host.feed import WindowFeed
    from panoseti_daq.viewers.host.pages import Page
    from panoseti_daq.viewers.host.timeline import Recorded
    from panoseti_daq.viewers.host.window import HostWindow

    class Forgetful(NotingViewer):
        n_cleared = 0

        def clear(self) -> None:
            self.n_cleared += 1

    viewer = Forgetful()
    window = HostWindow([Page("noting", viewer)], WindowFeed("run"), 60.0, timeline=Recorded(run_dir))
    begin_ns, end_ns = window.past.span_ns
    for at_ns, n_cleared in ((end_ns, 0), (begin_ns, 1), (begin_ns + 1, 1)):
        window.past.go_to(at_ns)
        assert viewer.n_cleared == n_cleared
    window.close()
