"""Several viewers in one process, with a real server and no display."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.qt import application
from support.rig import recording, serving_in_thread

from panoseti_daq.client import AioDaqDataClient
from panoseti_daq.errors import ConfigError, HostError, ViewerError
from panoseti_daq.pff import DataProduct
from panoseti_daq.viewers import ViewerContext, ViewerSpec
from panoseti_daq.viewers.host.show import show
from panoseti_daq.viewers.host.snapshot import Screenshot

__all__ = ["application"]

# Qt is imported by the first one, on a machine that may be busy.
pytestmark = pytest.mark.usefixtures("application")

Then = Callable[["OneFrame"], None]
Viewers = list[tuple[ViewerSpec, dict[str, Any]]]


class OneFrame:
    """Draws one frame, then does what the test wants."""

    def __init__(self, products: set[str], then: Then) -> None:
        from PySide6.QtWidgets import QLabel

        self.widget = QLabel("waiting")
        self._products = products
        self._then = then
        self._got: set[str] = set()

    def update(self, frames: Any) -> None:
        self._got |= {key.product.token for key in frames}

    def redraw(self) -> None:
        if self._got:
            self._products |= self._got
            self._got = set()
            self._then(self)


def close(viewer: OneFrame) -> None:
    viewer.widget.window().close()


def fail_later(viewer: OneFrame) -> None:
    from PySide6.QtCore import QTimer

    def fail() -> None:
        raise ZeroDivisionError("under the mouse")

    QTimer.singleShot(0, fail)


def fail_now(viewer: OneFrame) -> None:
    raise ZeroDivisionError("while drawing")


def spec(products: set[str], then: Then, **wanted: Any) -> ViewerSpec:
    def make(context: ViewerContext) -> OneFrame:
        return OneFrame(products, then)

    return ViewerSpec("one", "", make, **wanted)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with recording(tmp_path) as recorder, serving_in_thread(tmp_path) as server:
        recorder.write(DataProduct.IMG16)
        recorder.write(DataProduct.PH1024)
        yield server.address


def client_of(address: str) -> Callable[[], AioDaqDataClient]:
    return lambda: AioDaqDataClient.connect(address)


def test_each_viewer_has_its_own_stream_and_the_last_window_ends_all(address: str) -> None:
    movies: set[str] = set()
    pulses: set[str] = set()
    viewers: Viewers = [(spec(movies, close, pulse_height=False), {}), (spec(pulses, close, movie=False), {})]
    show(viewers, client_of(address), refresh_period_s=0.05)
    assert (movies, pulses) == ({"img16"}, {"ph1024"})


def test_the_other_windows_go_on_when_a_viewer_fails(address: str) -> None:
    seen: set[str] = set()
    viewers: Viewers = [
        (spec(set(), fail_now, pulse_height=False), {}),
        (spec(seen, close, movie=False), {}),
    ]
    with pytest.raises(ViewerError, match="viewer one failed: ZeroDivisionError: while drawing"):
        show(viewers, client_of(address), refresh_period_s=0.05)
    assert seen == {"ph1024"}


def test_a_viewer_that_raises_in_an_event_of_its_own_is_closed_with_its_traceback(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ViewerError, match="a viewer failed: ZeroDivisionError: under the mouse"):
        show([(spec(set(), fail_later), {})], client_of(address))
    assert "Traceback" in caplog.text


def test_a_picture_is_taken_of_what_was_drawn(address: str, tmp_path: Path) -> None:
    seen: set[str] = set()
    nothing: Then = lambda viewer: None  # noqa: E731
    show([(spec(seen, nothing), {})], client_of(address), snapshot=Screenshot(tmp_path / "a.png", 0.3))
    assert seen == {"img16", "ph1024"}
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_no_host_is_an_error_before_any_window(tmp_path: Path) -> None:
    with pytest.raises(HostError):
        show([(spec(set(), close), {})], client_of(f"unix://{tmp_path}/nothing"))


def test_what_a_viewer_says_of_its_options_comes_before_any_connection() -> None:
    def make(context: ViewerContext, *, n_bins: int) -> OneFrame:
        raise ConfigError(f"n_bins={n_bins}")

    with pytest.raises(ConfigError, match="n_bins=0"):
        show([(ViewerSpec("one", "", make), {"n_bins": 0})], client_of("nowhere"))


def test_signals_are_as_before_when_all_is_closed(address: str) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    show([(spec(set(), close), {})], client_of(address))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_a_signal_closes_no_window_in_the_middle_of_what_a_viewer_does(address: str) -> None:
    from PySide6.QtCore import QTimer

    were_open: list[bool] = []

    def interrupt_in_the_loop(viewer: OneFrame) -> None:  # the first frame may be drawn before it
        def interrupt() -> None:
            signal.raise_signal(signal.SIGINT)
            were_open.append(viewer.widget.window().isVisible())

        QTimer.singleShot(0, interrupt)

    with pytest.raises(KeyboardInterrupt):
        show([(spec(set(), interrupt_in_the_loop), {})], client_of(address), refresh_period_s=0.05)
    assert were_open[0]


# odd night 8
def test_a_viewer_whose_widget_is_none_of_qt_is_refused_in_one_line() -> None:
    spec = ViewerSpec("odd", "", lambda context: SimpleNamespace(widget="a text"))
    with pytest.raises(ViewerError, match="viewer odd: its widget is a str; allowed: a QWidget"):
        show([(spec, {})], lambda: AioDaqDataClient.connect("localhost"), snapshot=Screenshot(Path("x.png")))
